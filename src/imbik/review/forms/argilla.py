"""Argilla's JSON: records with `fields`, `metadata` and `responses`, as `dataset.records.to_json` of its SDK 2 writes
them (https://docs.argilla.io/latest/reference/argilla/records/records).

Enters: rows. Leaves: a JSON array of records; from Argilla's, verdicts. Questions are `verdict`, `reason`,
`edited_answer`, `edited_reasoning` and `score_1` …; a response is a value and a `user_id`. Argilla's users are UUIDs:
ours are made of the name, and stand with it under `metadata.experts`. When somebody looked, and how long, is not kept.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import msgspec

from imbik.core.errors import InputError
from imbik.core.types import Record
from imbik.review.forms import (
    Found,
    Row,
    Said,
    criterion,
    decode,
    person,
    score_names,
    score_of,
    verdict,
    word_of,
)

_KEY = re.compile(r"[0-9a-f]{64}")
_TEXTS = {"reason": "reason", "edited_answer": "answer", "edited_reasoning": "reasoning"}


class _Response(Record, frozen=True, kw_only=True):
    value: str | float | None = None
    user_id: str = ""


class _Fields(Record, frozen=True, kw_only=True):
    answer: str = ""
    reasoning: str = ""


class _Metadata(Record, frozen=True, kw_only=True):
    content: str = ""
    row: str = ""
    blind: str = ""
    rubric: list[str] = []
    experts: list[str] = []


class _Record(Record, frozen=True, kw_only=True):
    id: str | None = None
    fields: _Fields = _Fields()
    metadata: _Metadata = _Metadata()
    responses: dict[str, list[msgspec.Raw]] = {}


def write(rows: Iterator[Row], rubric: Sequence[str]) -> Iterator[bytes]:
    """The JSON array, a record a line."""
    yield b"["
    for number, row in enumerate(rows):
        yield (b",\n" if number else b"\n") + msgspec.json.encode(_record(row, rubric))
    yield b"\n]\n"


def read(item: msgspec.Raw, place: str, rubric: Sequence[str], names: Mapping[str, str]) -> Iterator[Found]:
    """The verdicts of one record, a person's each.

    Raises: InputError that names the place of what is none.
    """
    record = decode(item, _Record, place)
    known_as = record.id if record.id and _KEY.fullmatch(record.id) else ""  # a dataset may keep no metadata
    about = {
        "content": record.metadata.content or known_as, "row": record.metadata.row, "answer": record.fields.answer,
        "reasoning": record.fields.reasoning, "blind": record.metadata.blind,
    }  # fmt: skip
    known = {key: name for key, _, name in (entry.partition("=") for entry in record.metadata.experts)}
    said: defaultdict[str, dict[str, Any]] = defaultdict(lambda: {"scores": {}})
    for question, responses in record.responses.items():
        for number, raw in enumerate(responses):
            where = f"{place}.responses.{question}[{number}]"
            response = decode(raw, _Response, where)
            by = person(response.user_id, {**known, **names}, f"{where}.user_id")
            _take(said[by], question, response.value, record.metadata.rubric or rubric, f"{where}.value")
    for by, given in said.items():
        where = f"{place}.responses"
        if "word" not in given:
            raise InputError(f"there is no verdict of {by:.60}", where=where, next="a response to the question verdict")
        yield verdict(Said(by=by, **given), about, where)


def _take(said: dict[str, Any], question: str, value: str | float | None, rubric: Sequence[str], place: str) -> None:
    """One response to one question."""
    if question == "verdict":
        said["word"] = word_of(str(value), place)
    elif question in _TEXTS:
        if not isinstance(value, str):
            raise InputError("this is no text", where=place)
        said[_TEXTS[question]] = value
    elif question.startswith("score_"):
        score = score_of(None if isinstance(value, str) else value, place)
        said["scores"][criterion(question, rubric, place)] = score


def _record(row: Row, rubric: Sequence[str]) -> dict[str, Any]:
    sample = row.sample
    experts = {item.verdict.by: str(uuid5(NAMESPACE_URL, f"imbik:{item.verdict.by}")) for item in row.verdicts}
    metadata = {
        "content": row.content, "row": sample.id, "category": sample.task.category, "rubric": list(rubric),
        "blind": "true" if row.blind else "", "experts": [f"{key}={name}" for name, key in experts.items()],
        **({} if row.blind else {"teacher": sample.teacher}),
    }  # fmt: skip
    fields = {
        "question": row.question, "passage": sample.task.passage, "reasoning": sample.reasoning, "answer": sample.answer
    }  # fmt: skip
    return {
        "id": row.content, "fields": {name: text for name, text in fields.items() if text}, "metadata": metadata,
        "suggestions": {}, "responses": _responses(row, rubric, experts), "vectors": {},
    }  # fmt: skip


def _responses(row: Row, rubric: Sequence[str], experts: Mapping[str, str]) -> dict[str, list[dict[str, Any]]]:
    names, found = score_names(rubric), defaultdict[str, list[dict[str, Any]]](list)
    for given in row.verdicts:
        said = {
            "verdict": given.word, "reason": given.verdict.reason, "edited_answer": given.answer,
            "edited_reasoning": given.reasoning,
            **{names.get(name, f"score_{name}"): value for name, value in given.scores.items()},
        }  # fmt: skip
        for question, value in said.items():
            if value not in (None, "") or (question == "edited_reasoning" and value == ""):
                found[question].append({"value": value, "user_id": experts[given.verdict.by]})
    return dict(found)
