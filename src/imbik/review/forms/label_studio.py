"""Label Studio's JSON: tasks with `data` and `annotations` (https://labelstud.io/guide/task_format).

Enters: rows. Leaves: a JSON array that Label Studio imports, and the labelling interface to import it with; from an
export of Label Studio, verdicts. A choice `verdict`, texts `reason`, `edited_answer` and `edited_reasoning`, and a
rating for each criterion; `lead_time` are our seconds. Cancelled annotations (skipped ones) say nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

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
from imbik.review.store import ExpertVerdict

_TEXTS = {"reason": "reason", "edited_answer": "answer", "edited_reasoning": "reasoning"}


class _Value(Record, frozen=True, kw_only=True):
    choices: list[str] = []
    text: list[str] | str = []
    rating: float | None = None


class _Result(Record, frozen=True, kw_only=True):
    from_name: str
    value: _Value = _Value()


class _Person(Record, frozen=True, kw_only=True):
    id: int | None = None
    email: str = ""


class _Annotation(Record, frozen=True, kw_only=True):
    completed_by: int | str | _Person | None = None
    result: list[msgspec.Raw] = []
    was_cancelled: bool = False
    created_at: str = ""
    lead_time: float | None = None


class _Data(Record, frozen=True, kw_only=True):
    content: str = ""
    row: str = ""
    answer: str = ""
    reasoning: str = ""
    rubric: list[str] = []
    blind: str = ""


class _Task(Record, frozen=True, kw_only=True):
    data: _Data
    annotations: list[msgspec.Raw] = []


def write(rows: Iterator[Row], rubric: Sequence[str]) -> Iterator[bytes]:
    """The JSON array, a task a line."""
    yield b"["
    for number, row in enumerate(rows, start=1):
        yield (b"\n" if number == 1 else b",\n") + msgspec.json.encode(_task(number, row, rubric))
    yield b"\n]\n"


def interface(rubric: Sequence[str]) -> str:
    """The labelling interface for these tasks, in Label Studio's XML (https://labelstud.io/tags)."""
    choices = "\n".join(
        f'    <Choice value="{name}" alias="{name}" hotkey="{key}"/>'
        for name, key in (("keep", "k"), ("edit", "e"), ("reject", "r"))
    )
    ratings = "\n".join(
        f'  <Header value={quoteattr(name)} size="5"/>\n  <Rating name="{key}" toName="answer" maxRating="5"/>'
        for name, key in score_names(rubric).items()
    )
    texts = "\n".join(
        f'  <Header value="{title}" size="5"/>\n'
        f'  <TextArea name="{name}" toName="answer" value="{value}" maxSubmissions="1"/>'
        for title, name, value in (
            ("Reason", "reason", ""),
            ("Edited answer", "edited_answer", "$answer"),
            ("Edited reasoning", "edited_reasoning", "$reasoning"),
        )
    )
    return f"""<View>
  <Text name="question" value="$question"/>
  <Text name="passage" value="$passage"/>
  <Text name="reasoning" value="$reasoning"/>
  <Text name="answer" value="$answer"/>
  <Choices name="verdict" toName="answer" choice="single" required="true">
{choices}
  </Choices>
{texts}
{ratings}
</View>
"""


def read(item: msgspec.Raw, place: str, rubric: Sequence[str], names: Mapping[str, str]) -> Iterator[Found]:
    """The verdicts of one task, in the order of its annotations.

    Raises: InputError that names the place of what is none.
    """
    task = decode(item, _Task, place)
    about = {
        "content": task.data.content, "row": task.data.row, "answer": task.data.answer,
        "reasoning": task.data.reasoning, "blind": task.data.blind,
    }  # fmt: skip
    for number, raw in enumerate(task.annotations):
        where = f"{place}.annotations[{number}]"
        annotation = decode(raw, _Annotation, where)
        if not annotation.was_cancelled:
            said = _said(annotation, where, task.data.rubric or rubric, names)
            yield verdict(said, about, where, at=annotation.created_at, seconds=annotation.lead_time or 0.0)


def _said(annotation: _Annotation, place: str, rubric: Sequence[str], names: Mapping[str, str]) -> Said:
    word_found, texts, scores = "", dict[str, str](), dict[str, int]()
    for number, raw in enumerate(annotation.result):
        where = f"{place}.result[{number}]"
        result = decode(raw, _Result, where)
        value = result.value
        if result.from_name == "verdict":
            if len(value.choices) != 1:
                raise InputError("a verdict is one choice", where=f"{where}.value.choices", next="keep, edit or reject")
            word_found = word_of(value.choices[0], f"{where}.value.choices[0]")
        elif result.from_name in _TEXTS:
            texts[_TEXTS[result.from_name]] = value.text if isinstance(value.text, str) else "\n".join(value.text)
        elif result.from_name.startswith("score_"):
            name = criterion(result.from_name, rubric, f"{where}.from_name")
            scores[name] = score_of(value.rating, f"{where}.value.rating")
    if not word_found:
        raise InputError("there is no verdict in this annotation", where=f"{place}.result", next="from_name: verdict")
    by = person(_called(annotation.completed_by), names, f"{place}.completed_by")
    return Said(by=by, word=word_found, scores=scores, reason=texts.pop("reason", ""), **texts)


def _called(by: int | str | _Person | None) -> object:
    return (by.email or by.id) if isinstance(by, _Person) else by


def _task(number: int, row: Row, rubric: Sequence[str]) -> dict[str, Any]:
    sample = row.sample
    data = {
        "content": row.content, "row": sample.id, "question": row.question, "passage": sample.task.passage,
        "reasoning": sample.reasoning, "answer": sample.answer, "category": sample.task.category,
        "rubric": list(rubric), "blind": "true" if row.blind else "",
        **({} if row.blind else {"teacher": sample.teacher}),
    }  # fmt: skip
    return {"id": number, "data": data, "annotations": [_annotation(item, rubric) for item in row.verdicts]}


def _annotation(given: ExpertVerdict, rubric: Sequence[str]) -> dict[str, Any]:
    said, names = given.verdict, score_names(rubric)
    texts = {"reason": said.reason or None, "edited_answer": given.answer, "edited_reasoning": given.reasoning}
    result = [
        _result("verdict", "choices", {"choices": [given.word]}),
        *(_result(name, "textarea", {"text": [text]}) for name, text in texts.items() if text is not None),
        *(_result(names.get(k, f"score_{k}"), "rating", {"rating": value}) for k, value in given.scores.items()),
    ]
    return {
        "completed_by": {"email": said.by}, "was_cancelled": False, "created_at": given.at,
        "lead_time": given.seconds, "result": result,
    }  # fmt: skip


def _result(name: str, kind: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"from_name": name, "to_name": "answer", "type": kind, "value": value}
