"""Our own form: JSON lines, a verdict a line, with everything that the store holds of it.

Enters: rows with verdicts. Leaves: lines such as `{"row": "t1#yerel#0", "by": "ayse", "keep": false, "reason": "…"}`.
Read back, they are the same verdicts.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from imbik.core.types import Record
from imbik.review.store import ExpertVerdict

EXAMPLE = '{"row": "ID", "by": "NAME", "keep": true, "reason": "…"}'


class Line(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One verdict: `row` is a sample's id, or its task's where that has one kept sample; `content` the key itself."""

    by: str
    keep: bool
    row: str = ""
    content: str = ""
    reason: str = ""
    score: float | None = None
    answer: str | None = None
    reasoning: str | None = None
    scores: dict[str, int] = {}
    at: str = ""
    blind: bool = False
    seconds: float = 0.0


def line(given: ExpertVerdict) -> bytes:
    """A verdict as a line."""
    said = given.verdict
    made = Line(
        by=said.by, keep=said.keep, row=given.row, content=given.content, reason=said.reason, score=said.score,
        answer=given.answer, reasoning=given.reasoning, scores=given.scores, at=given.at, blind=given.blind,
        seconds=given.seconds,
    )  # fmt: skip
    return msgspec.json.encode(made) + b"\n"


def write(verdicts: Iterator[ExpertVerdict]) -> Iterator[bytes]:
    """The file."""
    return map(line, verdicts)
