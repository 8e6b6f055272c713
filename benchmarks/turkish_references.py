"""A hundred and sixty short Turkish texts, each with a question and an answer in other words.

Enters: two files beside this one. Leaves, for the benchmarks of the checks `grounded` and `facts`: TEXTS, 130 on law,
history, geography, public services, money and the like, beside which the checks were made; HELD, 30 more, written when
they were done, after which one rule of `grounded` was mended. An answer says only what its text says, with other words,
orders and spellings of numbers.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Text(NamedTuple):
    """A reference text by name, a question that it answers, and the answer."""

    name: str
    passage: str
    question: str
    answer: str


def _texts(name: str) -> tuple[Text, ...]:
    lines = Path(__file__).with_name(name).read_text(encoding="utf-8").splitlines()
    return tuple(Text(*line.split("|")) for line in lines)


TEXTS = _texts("turkish_references.txt")
HELD = _texts("turkish_references_held.txt")
