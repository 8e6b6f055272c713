"""Facts: dates, numbers, law articles and names of open answers, compared with one another and with reference texts.

Enters: the samples of one task that earlier checks kept, of all its teachers. Leaves: a verdict each. With
`references: FOLDER` the passages nearest to question and answer are looked up: what one of them says otherwise, in a
sentence about the same, rejects, and the reason names the text and what it says; what none of them holds is annotated,
or rejects with `missing: reject`. Without a text that decides, samples are compared: one that says what no other says,
where most others say something else of the same, is rejected. Agreement is not truth: all may be wrong alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import Field

from imbik.core.plugins import PluginSettings, RecipePath
from imbik.core.types import Sample, Span, Task, Verdict
from imbik.refine.checks import CheckContext
from imbik.refine.claims import Claim, find_claims
from imbik.refine.claims import Kind as ClaimKind
from imbik.refine.claims.aligned import otherwise
from imbik.refine.claims.composed import Composed, compose
from imbik.refine.claims.evidence import Evidence
from imbik.refine.claims.library import Library, Reference, library, reference_files

_SHOWN = 60
_ENOUGH = 2  # claims that an answer and a passage share
_NAMED = {"law": "article", "date": "date", "number": "number", "name": "name"}


class _Said(NamedTuple):
    """One sample's answer, ready to be compared."""

    sample: Sample
    text: Composed
    claims: list[Claim]
    evidence: Evidence


class _Fault(NamedTuple):
    """What is wrong with a claim; `decided` where it rejects by itself."""

    claim: Claim
    why: str
    decided: bool


class Facts:
    """Rejects what the references or most other samples say otherwise."""

    class Settings(PluginSettings):
        """Where facts are looked up, and what follows."""

        references: RecipePath = Field("", description="folder of reference texts (text, Markdown, HTML, PDF)")
        encoder: RecipePath = Field("", description="folder of a local encoder that finds passages (empty: BM25)")
        passages: int = Field(3, ge=1, le=50, description="reference passages looked at for an answer")
        claims: list[ClaimKind] = Field(["law", "date", "number", "name"], description="what is compared")
        missing: Literal["annotate", "reject"] = Field(
            "annotate", description="claims that no reference passage holds: marked, or the sample is rejected"
        )
        alike: float = Field(
            0.5,
            gt=0,
            le=1,
            description="share of a sentence's words that make another one about the same; half of it in a passage "
            "that holds two other claims of the answer",
        )
        others: float = Field(
            0.5, gt=0, le=1, description="share of the other samples that must say one other thing to reject"
        )

    version = 3
    scope = "group"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def files(self, base: Path) -> Sequence[Path]:
        """The reference texts and the encoder, whose content is part of what the check does."""
        texts = reference_files(base / self.settings.references) if self.settings.references else []
        if not self.settings.encoder:
            return texts
        encoder = base / self.settings.encoder
        return [*texts, encoder / "config.json", *sorted(encoder.glob("*.safetensors")), *sorted(encoder.glob("tok*"))]

    def judge(self, samples: Sequence[Sample], context: CheckContext) -> list[Verdict]:
        """One verdict a sample; `score` is the share of its claims that something supports."""
        said = [self._read(sample) for sample in samples]
        shelf = self._library(context, samples[0].task) if self.settings.references else None
        return [self._verdict(one, [other for other in said if other is not one], shelf) for one in said]

    def _read(self, sample: Sample) -> _Said:
        text, language = compose(sample.answer), sample.task.language
        found = [claim for claim in find_claims(text.text, language) if claim.kind in self.settings.claims]
        return _Said(sample, text, found, Evidence(text.text, language))

    def _library(self, context: CheckContext, task: Task) -> Library:
        encoder = context.base / self.settings.encoder if self.settings.encoder else None
        return library(context.base / self.settings.references, task.language, encoder)

    def _verdict(self, one: _Said, others: Sequence[_Said], shelf: Library | None) -> Verdict:
        given = Evidence(compose(one.sample.task.text).text, one.sample.task.language)
        near = shelf.nearest(f"{one.sample.task.text}\n{one.text.text}", self.settings.passages) if shelf else []
        faults, spans, supported = list[_Fault](), list[Span](), 0
        for claim in one.claims:
            if given.support(claim, one.text.text) is not None:
                supported += 1
                continue
            fault, note = self._examine(claim, one, others, near, shelf)
            supported += fault is None
            faults += [fault] if fault else []
            start, end = one.text.back(claim.start, claim.end)
            spans.append(Span(start=start, end=end, note=fault.why if fault else note, doubted=fault is not None))
        decided = [fault for fault in faults if fault.decided]
        told = decided or faults
        more = f" (and {len(told) - 1} more)" if len(told) > 1 else ""
        return Verdict(
            by="facts", keep=not decided, reason=told[0].why + more if told else "",
            score=supported / len(one.claims) if one.claims else None, spans=tuple(spans),
        )  # fmt: skip

    def _examine(
        self, claim: Claim, one: _Said, others: Sequence[_Said], near: Sequence[Reference], shelf: Library | None
    ) -> tuple[_Fault | None, str]:
        """The fault of a claim, if any, and what is noted beside it where there is none."""
        text, written = one.text.text, one.text.text[claim.start : claim.end][:_SHOWN]
        named = f"the {_NAMED[claim.kind]} '{written}'"
        for reference in near:
            if reference.evidence.support(claim, text) is not None:
                return None, f"held by {reference.file}"
        common = shelf.common if shelf else frozenset()
        for reference in near:
            alike = self.settings.alike / (2 if _about_the_same(claim, one, reference) else 1)
            if (found := otherwise(claim, one.evidence, reference.evidence, alike, common)) is not None:
                why = f"{named}: {reference.file} says '{found.written:.{_SHOWN}}' («{found.sentence:.160}»)"
                return _Fault(claim, why, decided=True), ""
        if (dissent := self._dissent(claim, one, others)) is not None:
            return _Fault(claim, f"{named}: {dissent}", decided=True), ""
        if shelf:
            nearest = f" (the nearest is {near[0].file})" if near else ""
            return _Fault(claim, f"no reference text holds {named}{nearest}", self.settings.missing == "reject"), ""
        agree = sum(other.evidence.support(claim, text) is not None for other in others)
        return None, f"said by {agree} of {len(others)} other samples" if others else ""

    def _dissent(self, claim: Claim, one: _Said, others: Sequence[_Said]) -> str | None:
        """What most others say in its place, where no other says it."""
        if not others or any(other.evidence.support(claim, one.text.text) is not None for other in others):
            return None
        votes: dict[str, list[tuple[_Said, str]]] = {}
        for other in others:
            if (found := otherwise(claim, one.evidence, other.evidence, self.settings.alike)) is not None:
                votes.setdefault(str(found.claim), []).append((other, found.written))
        most = max(votes.values(), key=len, default=[])
        if not most or len(most) < self.settings.others * len(others):
            return None
        return f"{len(most)} of {len(others)} other samples say '{most[0][1]:.{_SHOWN}}'{_whose(one, most)}"


def _about_the_same(claim: Claim, one: _Said, reference: Reference) -> bool:
    """Whether a reference holds enough of what else the answer claims to be about the same, in whatever words."""
    held = (reference.evidence.support(other, one.text.text) for other in one.claims if other is not claim)
    return sum(place is not None for place in held) >= _ENOUGH


def _whose(one: _Said, others: Sequence[tuple[_Said, str]]) -> str:
    """Which teachers said it, where another one than the sample's own did."""
    names = list(dict.fromkeys(_teachers(other for other, _ in others)))
    return f" ({', '.join(names)})" if names != [one.sample.teacher] else ""


def _teachers(said: Iterator[_Said]) -> Iterator[str]:
    for other in said:
        yield other.sample.teacher
