"""Arithmetic: every `a op b = c` in the reasoning that can be read is right.

Enters: one sample. Leaves: a verdict that names the first wrong equation and what it comes to, with a span on each
wrong one; `score` is the share of right ones among those read. Nothing is guessed: an equation with a variable, or with
a word in a number's place, is not read and not counted.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

from pydantic import Field

from imbik.core.plugins import PluginSettings
from imbik.core.types import Sample, Span, Verdict
from imbik.refine.arithmetic.equations import Equation, equations
from imbik.refine.arithmetic.plain import plain_and_right
from imbik.refine.arithmetic.values import Finding, examine
from imbik.refine.checks import CheckContext
from imbik.tasks.numbers import DECIMAL_POINT, write_number

_SHOWN = 80


class Arithmetic:
    """Rejects reasoning with a wrong equation in it."""

    class Settings(PluginSettings):
        """How wrong is wrong, and whether something has to be there to be checked."""

        tolerance: float = Field(
            0.0, ge=0, lt=1, description="relative error that is let pass, beside rounding to the decimals written"
        )
        most_wrong: int = Field(0, ge=0, description="wrong equations that a sample may hold")
        at_least: int = Field(0, ge=0, description="equations that must be readable, or the sample is rejected")
        also_answer: bool = Field(False, description="look at the answer too, not at the reasoning alone")

    version = 2
    scope = "row"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._tolerance = Fraction(settings.tolerance).limit_denominator(10**6)

    def judge(self, sample: Sample, context: CheckContext) -> Verdict:  # noqa: ARG002 - the contract of checks
        """Rejects with the wrong equation and the right result."""
        read, reasons, spans = self._read(sample.reasoning, sample.task.language, "reasoning")
        if self.settings.also_answer:
            more, others, marks = self._read(sample.answer, sample.task.language, "answer")
            read, reasons, spans = read + more, reasons + others, spans + marks
        if read < self.settings.at_least:
            few = f"{read} equations can be read, and {self.settings.at_least} are wanted"
            return Verdict(by="arithmetic", keep=False, reason=few)
        keep = len(reasons) <= self.settings.most_wrong
        more_wrong = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
        return Verdict(
            by="arithmetic", keep=keep, reason=reasons[0] + more_wrong if reasons else "",
            score=(read - len(reasons)) / read if read else None, spans=tuple(spans),
        )  # fmt: skip

    def _read(
        self, text: str, language: str, part: Literal["reasoning", "answer"]
    ) -> tuple[int, list[str], list[Span]]:
        """How many equations were read, why some are wrong, and where those stand."""
        read, reasons, spans = 0, list[str](), list[Span]()
        commas = language.split("-")[0] in DECIMAL_POINT

        def quick(line: str) -> bool:
            nonlocal read
            found = plain_and_right(line, commas_group=commas)
            read += found or 0
            return found is not None

        for equation in equations(text, quick):
            finding = examine(equation, language, self._tolerance)
            if finding is None:
                continue
            read += 1
            if not finding.right:
                reasons.append(told(text, equation, finding))
                note = shown(finding.expected)
                spans.append(Span(start=equation.start, end=equation.end, note=note, part=part, doubted=True))
        return read, reasons, spans


def told(text: str, equation: Equation, finding: Finding) -> str:
    """`12 x 2 = 26 is wrong: it comes to 24`."""
    written = " ".join(text[equation.start : equation.end].split())
    written = written if len(written) <= _SHOWN else f"…{written[-_SHOWN:]}"
    return f"'{written}' is wrong: it comes to {shown(finding.expected)}, not {finding.said}"


def shown(value: Fraction) -> str:
    """Exactly where that is short, else to six significant digits."""
    exact = write_number(value)
    return exact if len(exact) <= 12 else f"about {float(value):.6g}"
