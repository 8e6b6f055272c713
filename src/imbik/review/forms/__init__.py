"""Files in which rows and verdicts go to other tools and come back: our JSON lines, Label Studio's JSON, Argilla's.

Contract: a module has `write(rows, rubric) -> Iterator[bytes]` (the file, piece by piece) and, for a JSON array,
`read(item, place, rubric) -> Iterator[Found]`: the verdicts of one item, each with the place where it stands
(`file.json[3].annotations[0]`). A verdict names its row by content, or by the row's id where the tool lost it; that the
row is in the run is the importer's business. What is no verdict at all is an InputError that names file, index and key;
what only cannot be used (an edit without text) is a `Found` with a reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec

from imbik.core.errors import InputError
from imbik.core.types import Record, Sample, Verdict
from imbik.review.store import ExpertVerdict

WORDS = {"keep": "keep", "kabul": "keep", "edit": "edit", "düzelt": "edit", "reject": "reject", "ret": "reject"}
"""What a choice may be called, and what it means."""
T = TypeVar("T")


class Row(Record, frozen=True, kw_only=True):
    """A row for another tool: what is judged, and what was said of it."""

    content: str
    sample: Sample
    verdicts: tuple[ExpertVerdict, ...] = ()
    blind: bool = False

    @property
    def question(self) -> str:
        """The turns; with their roles where there are several."""
        turns = self.sample.task.messages
        if len(turns) == 1:
            return turns[0].content
        return "\n\n".join(f"{turn.role}: {turn.content}" for turn in turns)


class Found(Record, frozen=True, kw_only=True):
    """A verdict and where it stands; `refused` says why it cannot be used."""

    place: str
    verdict: ExpertVerdict
    refused: str = ""


class Said(Record, frozen=True, kw_only=True):
    """One person's word as other tools hold it: a choice and texts, which `verdict` makes one of ours."""

    by: str
    word: str
    reason: str = ""
    answer: str | None = None
    reasoning: str | None = None
    scores: dict[str, int] = {}


def decode(data: bytes | msgspec.Raw, kind: type[T], place: str) -> T:
    """JSON of a type.

    Raises: InputError that names the place and the key below it.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"this is not what is expected here: {error}", where=place) from None


def word_of(said: str, place: str) -> str:
    """keep, edit or reject.

    Raises: InputError for another word.
    """
    found = WORDS.get(said.strip().casefold())
    if found is None:
        raise InputError(f"'{said:.40}' is no verdict", where=place, next="one of keep, edit, reject")
    return found


def verdict(said: Said, about: Mapping[str, str], place: str, *, at: str = "", seconds: float = 0.0) -> Found:
    """A person's word as one of ours. `about` says of the row what the tool kept: content, row, answer, reasoning and
    whether it was shown blind."""
    answer, reasoning = _edit(said.answer, about.get("answer")), _edit(said.reasoning, about.get("reasoning"))
    answer = None if answer is not None and not answer.strip() else answer
    keep = said.word != "reject"
    mean = round(sum(said.scores.values()) / len(said.scores), 3) if said.scores else None
    made = ExpertVerdict(
        content=about.get("content", ""), row=about.get("row", ""), at=at, seconds=seconds, scores=said.scores,
        verdict=Verdict(by=said.by, keep=keep, reason=said.reason, score=mean), blind=about.get("blind") == "true",
        answer=answer if keep else None, reasoning=reasoning if keep else None,
    )  # fmt: skip
    lost = said.word == "edit" and answer is None and reasoning is None
    return Found(place=place, verdict=made, refused="it says edit, and brings no changed text" if lost else "")


def score_names(rubric: Sequence[str]) -> dict[str, str]:
    """`score_1` … by criterion: names that every tool takes."""
    return {name: f"score_{number}" for number, name in enumerate(rubric, start=1)}


def criterion(key: str, rubric: Sequence[str], place: str) -> str:
    """The criterion that `score_2` or `score_açıklık` stands for.

    Raises: InputError where the rubric has no such one.
    """
    rest = key.removeprefix("score_")
    if rest in rubric:
        return rest
    if rest.isdigit() and 1 <= int(rest) <= len(rubric):
        return rubric[int(rest) - 1]
    raise InputError(f"'{key}' is no criterion of the rubric ({', '.join(rubric) or 'there is none'})", where=place)


def score_of(value: float | None, place: str) -> int:
    """A score from 1 to 5.

    Raises: InputError for anything else.
    """
    if value is None or value not in {1, 2, 3, 4, 5}:
        raise InputError("a score is a whole number from 1 to 5", where=place)
    return int(value)


def _edit(text: str | None, before: str | None) -> str | None:
    """A text that was changed; None where it is as it was."""
    return None if text is None or text == before else text


def person(value: object, names: Mapping[str, str], place: str) -> str:
    """Who judged, by the name that the importer knows, else as the tool calls him.

    Raises: InputError for nobody.
    """
    called = str(value).strip() if value is not None else ""
    if not called:
        raise InputError("nobody is named who judged this", where=place)
    return names.get(called, called)
