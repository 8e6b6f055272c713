"""The kind that fits the rows of a file, and where its roles stand, before anybody has said so.

Enters: rows of a file. Leaves: a proposal: by what a person said, by headers, by headers read loosely and, where they
do not say it, by values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from imbik.tasks.columns import CONVERSATION_SHAPES, LABEL_SHAPES, QUESTION_SHAPES, Columns, Plan, asks
from imbik.tasks.content import MOST, Judged, judge, like_labels, numbers
from imbik.tasks.conversation import cut_last, parse_messages
from imbik.tasks.normal import bare_words
from imbik.tasks.rows import BadRowError, Row, as_text, value_at

_ASIDE = {"language", "lang", "dil", "source", "kaynak", "url", "date", "tarih"}  # few values, but no labels
_APART = ("id", "group", "set", "system")


@dataclass(frozen=True)
class Fitting:
    """The kind that fits, where its roles stand, what of it was judged from values, and how rows are marked."""

    kind: str
    plan: Plan
    guessed: Sequence[str] = ()
    notes: Sequence[str] = ()
    language: str = ""
    sensitivity: str = ""


def fitting(rows: Sequence[Row], log: bool, columns: Mapping[str, str], marks: str) -> Fitting:
    """The kind that fits and where its roles stand: by what a person said, by headers, by headers read loosely, and
    where they do not say it by values."""
    names = max(Counter(tuple(row.values) for row in rows).items(), key=lambda item: item[1])[0]
    found = _by_names(rows, names, log, columns, loose=bool(columns))
    if log or columns:
        return found
    if not asks(found.plan):
        loose = _by_names(rows, names, log, {}, loose=True)
        found = loose if asks(loose.plan) else found
    if asks(found.plan) and ("prompt" not in found.plan or {"answer", "label"} & set(found.plan)):
        return found
    aside = [name for name in names if bare_words(name) in _ASIDE]
    taken = [found.plan[role] for role in _APART if role in found.plan]
    judged = judge(rows, found.plan if asks(found.plan) else {}, [marks, *aside, *taken])
    return _with_judged(rows, names, found, judged)


def _with_judged(rows: Sequence[Row], names: Sequence[str], found: Fitting, judged: Judged | None) -> Fitting:
    """What the headers say and what the values show, together; the plan is the one a run makes of both."""
    if judged is None:
        return found
    if judged.open:
        which = " or ".join(judged.open)
        return Fitting(
            found.kind, found.plan, notes=(f"{which} may be the label; if so: --columns '{{label: COLUMN}}'",)
        )
    named = _by_names(rows, names, False, judged.mapping)
    return Fitting(named.kind, named.plan, judged.reasons)


def _by_names(
    rows: Sequence[Row], names: Sequence[str], log: bool, columns: Mapping[str, str], *, loose: bool = False
) -> Fitting:
    """What the headers and `columns:` say."""
    answers, labels, talks = (
        Columns(columns, shapes, loose=loose).plan(names)
        for shapes in (QUESTION_SHAPES, LABEL_SHAPES, CONVERSATION_SHAPES)
    )
    if log or ("messages" in talks and "label" not in labels):
        return Fitting("conversation", talks)
    another = answers.get("answer", labels.get("label")) != labels.get("label")
    if not another and "label" in labels and like_labels([_text(row, labels, "label") for row in rows]):
        return Fitting("classification", labels)
    values = [text for row in rows if (text := answer_text(row, answers))]
    if values and numbers(values) >= MOST * len(values):
        return Fitting("math", answers)
    return Fitting("qa", answers if asks(answers) else talks if asks(talks) else labels)


def question_text(row: Row, plan: Plan) -> str:
    """The text of a row's question, '' where it has none."""
    try:
        if "messages" in plan:
            turns = parse_messages(value_at(row.values, plan["messages"]))
            return "\n".join(turn.content for turn in turns)
        roles = ("instruction", "passage", "prompt", "document", "premise", "hypothesis")
        return "\n\n".join(_text(row, plan, role) for role in roles if role in plan).strip()
    except BadRowError:
        return ""


def answer_text(row: Row, plan: Plan) -> str:
    """The label or answer of a row; of a conversation the assistant's last turn."""
    known = next((text for role in ("label", "answer") if (text := _text(row, plan, role).strip())), "")
    if known or "messages" not in plan:
        return known
    try:
        return cut_last(parse_messages(value_at(row.values, plan["messages"])))[1]
    except BadRowError:
        return ""


def _text(row: Row, plan: Plan, role: str) -> str:
    try:
        return as_text(value_at(row.values, plan[role]), role) if role in plan else ""
    except BadRowError:
        return ""
