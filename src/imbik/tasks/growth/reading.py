"""A teacher's answer as rows: strictly, each part that is none counted with its reason.

Enters: the columns of a task, a completion. Leaves: the JSON schema that a question asks for, and rows or reasons.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from imbik.core.types import Completion
from imbik.tasks.columns import QUESTION_SHAPES
from imbik.tasks.kinds import Kind

SHORTEST, LONGEST = 8, 20_000
_QUESTION_ROLES = ("prompt", "document", "premise", "hypothesis", "instruction")
_KNOWN_ROLES = ("answer", "label")


class Read(NamedTuple):
    """What an answer held: rows, and for each part that is none why."""

    rows: list[Mapping[str, str]]
    bad: list[str]


def columns_of(kind: Kind, *, references: bool) -> tuple[str, ...]:
    """The columns that a teacher is asked to fill: the question's, and the answer's where it is wanted."""
    shape = next((shape for shape in kind.fields if "messages" not in shape), QUESTION_SHAPES[0])
    asked = [column for role, column in shape.items() if role in _QUESTION_ROLES]
    known = [column for role, column in shape.items() if role in _KNOWN_ROLES]
    return (*asked, *(known if references else ()))


def schema(fields: Sequence[str], labels: Sequence[str] = ()) -> str:
    """The JSON schema of an answer; every object closed and every property required, as strict modes want it."""
    form: dict[str, dict[str, object]] = {name: {"type": "string"} for name in fields}
    if labels and "label" in form:
        form["label"]["enum"] = list(labels)
    row = {
        "type": "object",
        "properties": form,
        "required": list(fields),
        "additionalProperties": False,
    }
    whole = {
        "type": "object",
        "properties": {"tasks": {"type": "array", "items": row}},
        "required": ["tasks"],
        "additionalProperties": False,
    }
    return json.dumps(whole, ensure_ascii=False)


def read(completion: Completion, fields: Sequence[str], wanted: int) -> Read:
    """The rows of an answer that fitted the schema; more than were asked for are left aside and counted."""
    rows, bad = list[Mapping[str, str]](), list[str]()
    for item in _items(completion.answer):
        reason = _wrong(item, fields)
        if not reason and len(rows) == wanted:
            reason = "more tasks than were asked for"
        if reason:
            bad.append(reason)
        else:
            rows.append({name: item[name].strip() for name in fields})
    return Read(rows, bad)


def _items(answer: str) -> Sequence[Any]:
    try:
        found = json.loads(answer)
    except (ValueError, RecursionError):
        return ["no JSON"]
    items = found.get("tasks") if isinstance(found, dict) else None
    return items if isinstance(items, list) else ["no list"]


def _wrong(item: Any, fields: Sequence[str]) -> str:
    """Why a part of an answer is no row, or ''."""
    if not isinstance(item, dict) or not all(isinstance(item.get(name), str) for name in fields):
        return "not the form that was asked for"
    texts = [item[name].strip() for name in fields]
    if not all(texts):
        return "a part of the task is empty"
    if len(texts[0]) < SHORTEST:
        return f"shorter than {SHORTEST} characters"
    if sum(map(len, texts)) > LONGEST:
        return f"longer than {LONGEST:,} characters"
    if any(text.startswith("<") and text.endswith(">") and "\n" not in text for text in texts):
        return "the form was given back instead of a task"
    return ""
