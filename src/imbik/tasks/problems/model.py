"""What a problem is made of: steps, facts, plots, families.

A plot draws facts (numbers and the chain of steps that solves them) and tells them in several phrasings;
a family is a handful of plots of one theme. Nothing here is random by itself: a `random.Random` enters.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

PERCENT = "%"
RESULTS = range(2, 241)


@dataclass(frozen=True)
class Step:
    """One labelled operation; `operation` is ``+``, ``-``, ``x``, ``/`` or ``%`` (left x right / 100)."""

    label: str
    left: int
    operation: str
    right: int

    @property
    def exact(self) -> bool:
        """Whether the result is a whole number."""
        if self.operation == "/":
            return self.left % self.right == 0
        return self.operation != PERCENT or self.left * self.right % 100 == 0

    @property
    def result(self) -> int:
        """The whole-number result (rounded down where `exact` is false)."""
        left, right = self.left, self.right
        return {
            "+": left + right,
            "-": left - right,
            "x": left * right,
            "/": left // right,
            PERCENT: left * right // 100,
        }[self.operation]

    @property
    def expression(self) -> str:
        """The operation as it is written: ``45 - 17``, ``80 x 25 / 100``."""
        if self.operation == PERCENT:
            return f"{self.left} x {self.right} / 100"
        return f"{self.left} {self.operation} {self.right}"

    @property
    def text(self) -> str:
        """The whole step: ``Kalan: 45 - 17 = 28.``"""
        return f"{self.label}: {self.expression} = {self.result}."


@dataclass(frozen=True)
class Facts:
    """The given numbers by the name a phrasing uses, and the steps that lead to the answer (the last result)."""

    given: dict[str, int]
    steps: tuple[Step, ...]

    @property
    def sound(self) -> bool:
        """Whether all numbers are at least 2, every step exact and every result in range: no silly answers."""
        return min(self.given.values()) >= 2 and all(step.exact and step.result in RESULTS for step in self.steps)

    @property
    def answer(self) -> int:
        return self.steps[-1].result


def facts(*steps: Step, **given: int) -> Facts:
    """Facts, written so that a plot reads as: these steps, from these numbers."""
    return Facts(given, steps)


@dataclass(frozen=True)
class Plot:
    """One course of events: `draw` gives its facts, the phrasings tell it.

    Fields of a phrasing: the given numbers; ``n``, ``m``, ``o`` for three different people; ``t`` and ``u`` for
    two different things of `things` (a group of `words.THINGS`). `unseen` phrasings are kept for set B.
    """

    name: str
    draw: Callable[[random.Random], Facts]
    seen: tuple[str, ...]
    unseen: tuple[str, ...]
    things: str = "owned"


@dataclass(frozen=True)
class Family:
    """Plots of one theme."""

    name: str
    plots: tuple[Plot, ...]


@dataclass(frozen=True)
class Problem:
    """A told problem with its one chain of steps; `given` are the numbers that the text states."""

    id: str
    family: str
    phrasing: str
    text: str
    reasoning: str
    answer: int
    operations: tuple[str, ...]
    given: tuple[int, ...]

    @property
    def solution(self) -> str:
        """What an assistant says: the reasoning, a line break, ``Cevap: `` and the answer."""
        return f"{self.reasoning}\nCevap: {self.answer}"
