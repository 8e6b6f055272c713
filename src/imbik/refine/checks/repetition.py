"""Repetition: does a text go round in circles, anywhere in it, by lines, by runs of words or by characters?

Enters: one sample. Leaves: a verdict that shows what is repeated, with a span on it. Looks at what models do when they
degenerate (Rae et al. 2021, Gopher, appendix A1, for lines): the same lines again, the same words many times in a row,
much of the text said twice, `hahahaha`. Sums such as `5 + 5 + 5` may be long, and tables may hold equal lines. Most
texts repeat so little that one count of their word runs ends the search.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Literal

from pydantic import Field

from imbik.core.plugins import PluginSettings
from imbik.core.types import Sample, Span, Verdict
from imbik.refine.checks import CheckContext

_RUN = 4  # words in a run of which copies are counted
_LONGEST_UNIT = 60
_LONG_TOKEN = 24
_PATIENT = {"sum": 6, "number": 2, "": 1}  # `5 + 5 + 5` and `1 plus 1 plus 1` may be longer than a loop of words
_FEWEST_LINES = 4
_PLAIN = frozenset("0123456789.,+-*/×x÷=()%|_–—•·:")

Part = Literal["answer", "reasoning"]
Fault = tuple[str, int, int]


class Repetition:
    """Loops of words, lines said again, characters without end."""

    class Settings(PluginSettings):
        """How much of each is too much; 0 does not look."""

        times: int = Field(5, ge=0, description="the same words this often in a row, anywhere, are a loop")
        lines: float = Field(0.4, ge=0, le=1, description="share of the lines that stood there before already")
        copied: float = Field(0.5, ge=0, le=1, description="share of the runs of four words that stood there before")
        fewest_words: int = Field(60, ge=8, description="shorter texts may say much twice: `copied` is not looked at")
        characters: int = Field(12, ge=0, description="the same few characters this often without a space between")

    version = 2
    scope = "row"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        most = max(settings.characters - 1, 1)
        self._characters = re.compile(rf"([^\W\d_].{{0,7}}?|[^\w\s])\1{{{most},}}")

    def judge(self, sample: Sample, context: CheckContext) -> Verdict:  # noqa: ARG002 - the contract of row checks
        """Rejects with what is repeated, and how often."""
        parts: tuple[tuple[Part, str], ...] = (("reasoning", sample.reasoning), ("answer", sample.answer))
        for part, text in parts:
            if fault := self.fault(text):
                reason, start, end = fault
                spans = (Span(start=start, end=end, note="repeated", part=part, doubted=True),)
                return Verdict(by="repetition", keep=False, reason=f"the {part} {reason}", spans=spans)
        return Verdict(by="repetition", keep=True)

    def fault(self, text: str) -> Fault | None:
        """What is repeated too often in a text, and the characters [start, end) where."""
        words = text.split()
        if not words:
            return None
        settings = self.settings
        if settings.characters and len(max(words, key=len)) >= min(_LONG_TOKEN, 2 * settings.characters):
            found = next((m for m in self._characters.finditer(text) if not _drawn(m[0])), None)
            if found:
                times = len(found[0]) // len(found[1])
                return f"says '{found[1]:.20}' {times} times without a space", *found.span()
        count = len(words) - _RUN + 1
        again = count - len(set(zip(words, words[1:], words[2:], words[3:], strict=False))) if count > 0 else 0
        if settings.times > 1 and (loop := _loop(words, settings.times, again)):
            return _told_loop(text, words, *loop)
        if settings.copied and len(words) >= settings.fewest_words and again >= settings.copied * count:
            return f"says {again / count:.0%} of its word runs a second time", 0, len(text)
        return self._lines(text) if settings.lines and again and "\n" in text else None

    def _lines(self, text: str) -> Fault | None:
        """Lines with words in them that stood there before."""
        lines = [line.strip() for line in text.split("\n")]
        told = [line for line in lines if any(letter.isalpha() for letter in line) and not line.startswith("|")]
        counts = Counter(told)
        again = len(told) - len(counts)
        if len(told) < _FEWEST_LINES or again < self.settings.lines * len(told):
            return None
        line, times = counts.most_common(1)[0]
        start = text.rfind(line)
        return f"says {again} of its {len(told)} lines again; '{line:.60}' {times} times", start, start + len(line)


def _drawn(found: str) -> bool:
    """Whether it is a line that somebody drew (`-----`, `=====`, `.....`), which says nothing and is no loop."""
    return len(set(found)) == 1 and not found[0].isalpha() and found[0] not in "!?"


def _loop(words: list[str], times: int, again: int) -> tuple[int, int, int] | None:
    """First word, length and number of copies of the shortest unit that stands `times` times in a row.

    `again` bounds the search: of the runs of words inside such a loop all but one unit's stood there before.
    """
    longest = min(_LONGEST_UNIT, len(words) // times, (again + _RUN - 1) // (times - 1))
    for size in range(1, longest + 1):
        same, last = 0, len(words) - size - 1  # words in a row that equal the one `size` before
        for at, (word, later) in enumerate(zip(words, words[size:], strict=False)):
            if word == later:
                same += 1
                if at < last:
                    continue
                at += 1
            if same >= size * (times - 1):
                first, copies = at - same, same // size + 1
                if copies >= times * _PATIENT[_numeric(words[first : first + size])]:
                    return first, size, copies
            same = 0
    return None


def _numeric(unit: list[str]) -> str:
    """Whether a unit may be part of a long sum."""
    if _PLAIN.issuperset("".join(unit)):
        return "sum"
    return "number" if len(unit) <= 3 and any(word[0].isdigit() for word in unit) else ""


def _told_loop(text: str, words: list[str], first: int, size: int, copies: int) -> Fault:
    """The loop in words, and where it stands."""
    start = 0
    for word in words[:first]:
        start = text.index(word, start) + len(word)
    start = end = text.index(words[first], start)
    for word in words[first : first + size * copies]:
        end = text.index(word, end) + len(word)
    return f"goes round: '{' '.join(words[first : first + size]):.60}' {copies} times in a row", start, end
