"""Grounded: the numbers, dates, law articles, names and sentences of an answer are supported by the task's passage.

Enters: one sample whose task has a passage. Leaves: a verdict that names the first claim without support; its spans say
for every claim which characters of the passage support it, and for a claim that none does. A sentence that holds such a
claim is not supported as a whole: its span says where the passage speaks of it, and counts for nothing in `score`, the
supported share. What the question itself says counts as given. Whether a sentence *follows* is not judged: words and
values are looked up, so a denial of what the passage says can pass (a judge reads that).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import msgspec
from pydantic import Field

from imbik.core.plugins import PluginSettings
from imbik.core.types import Sample, Span, Verdict
from imbik.refine.checks import CheckContext
from imbik.refine.claims import KINDS, Claim, find_claims, sentences
from imbik.refine.claims import Kind as ClaimKind
from imbik.refine.claims.composed import Composed, compose
from imbik.refine.claims.evidence import Evidence, Place, roots, supported_by

_SHOWN = 80
_UNSUPPORTED = "without support"
_PARTLY = "sentence, but for what is doubted in it"
_NAMED = {"law": "article", "date": "date", "number": "number", "name": "name"}


class Grounded:
    """Rejects answers that say what the passage does not."""

    class Settings(PluginSettings):
        """Which claims are looked up, and how much may be without support."""

        claims: list[ClaimKind] = Field(list(KINDS), description="what is looked up: law, date, number, name")
        sentences: float = Field(
            0.3,
            ge=0,
            le=1,
            description="share of a sentence's words, its numbers and names among them, that the passage must hold in "
            "one place (0: not looked at)",
        )
        most_unsupported: int = Field(0, ge=0, description="claims without support that an answer may hold")
        question: bool = Field(True, description="what the question says counts as given")
        without_passage: Literal["keep", "reject"] = Field("keep", description="tasks that have no passage")

    version = 3
    scope = "row"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def judge(self, sample: Sample, context: CheckContext) -> Verdict:  # noqa: ARG002 - the contract of checks
        """Rejects with the claim that nothing supports."""
        task = sample.task
        if not task.passage.strip():
            keep = self.settings.without_passage == "keep"
            return Verdict(by="grounded", keep=keep, reason="the task has no passage to compare with")
        answer, source = compose(sample.answer), compose(task.passage)
        passage = _evidence(source.text, task.language)
        given = _evidence(compose(task.text).text, task.language) if self.settings.question else None
        spans, missing = self._claims(answer.text, task.language, passage, given)
        if self.settings.sentences:
            more, weak = self._sentences(answer.text, passage, given, spans)
            spans, missing = spans + more, missing + weak
        counted = sum(span.note != _PARTLY for span in spans)
        rest = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        return Verdict(
            by="grounded", keep=len(missing) <= self.settings.most_unsupported,
            reason=missing[0] + rest if missing else "",
            score=1 - len(missing) / counted if counted else None,
            spans=tuple(_as_written(span, answer, source) for span in spans),
        )  # fmt: skip

    def _claims(
        self, answer: str, language: str, passage: Evidence, given: Evidence | None
    ) -> tuple[list[Span], list[str]]:
        """A span for each claim, and what is said of those without support."""
        spans, missing = list[Span](), list[str]()
        for claim in find_claims(answer, language):
            if claim.kind in self.settings.claims:
                found = supported_by(claim, answer, [passage, given] if given else [passage])
                spans.append(_span(claim, found))
                written = answer[claim.start : claim.end]
                missing += [] if found else [f"the {_NAMED[claim.kind]} '{written:.{_SHOWN}}' is not in the passage"]
        return spans, missing

    def _sentences(
        self, answer: str, passage: Evidence, given: Evidence | None, claims: Sequence[Span]
    ) -> tuple[list[Span], list[str]]:
        """A span for each sentence, and why those without support have none. A claim counts as a word: an answer in
        other words keeps the numbers and names of what it says."""
        spans, weak = list[Span](), list[str]()
        for start, end in sentences(answer):
            inside = [claim for claim in claims if start <= claim.start < end]
            held = sum(not claim.doubted for claim in inside)
            rest = _without(answer, start, end, inside)
            words = len(roots(rest))
            share, place = passage.covers(rest, given.beginnings if given else frozenset())
            together = (share * words + held) / (words + held) if words else 1.0
            if together >= self.settings.sentences:
                if place:
                    note = "sentence" if held == len(inside) else _PARTLY
                    spans.append(Span(start=start, end=end, note=note, source=place))
                continue
            spans.append(Span(start=start, end=end, note=f"sentence {_UNSUPPORTED}", doubted=True))
            shown = " ".join(answer[start:end].split())
            weak.append(f"nothing in the passage supports '{shown:.{_SHOWN}}' ({share:.0%} of its words stand there)")
        return spans, weak


def _without(text: str, start: int, end: int, claims: Sequence[Span]) -> str:
    """Characters [start, end) without the claims among them."""
    for claim in reversed(claims):
        text = text[: claim.start] + " " * (claim.end - claim.start) + text[claim.end :]
    return text[start:end]


def _as_written(span: Span, answer: Composed, passage: Composed) -> Span:
    """The span in the texts as they were written, composed letters or not."""
    if answer.at is None and passage.at is None:
        return span
    start, end = answer.back(span.start, span.end)
    source = passage.back(*span.source) if span.source else None
    return msgspec.structs.replace(span, start=start, end=end, source=source)


@lru_cache(maxsize=64)
def _evidence(text: str, language: str) -> Evidence:
    """Read once for all samples of a task."""
    return Evidence(text, language)


def _span(claim: Claim, found: tuple[int, Place] | None) -> Span:
    if found is None:
        return Span(start=claim.start, end=claim.end, note=f"{_NAMED[claim.kind]} {_UNSUPPORTED}", doubted=True)
    where, place = found
    return Span(start=claim.start, end=claim.end, note=_NAMED[claim.kind], source=place if where == 0 else None)
