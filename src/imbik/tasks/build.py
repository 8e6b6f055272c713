"""From a row to a task: what is asked, what is known of the answer, how private it is.

Enters: rows of any source, the recipe's `tasks:` section, the kind. Leaves: tasks, or quarantine lines that say why
not. Text is kept exactly as it stands in the row. Ids come from an id column, else from the content, so that the same
row has the same id next month wherever in the file it stands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from imbik.core.files import digest
from imbik.core.types import (
    LabelReference,
    Message,
    Recorded,
    Reference,
    Sensitivity,
    Source,
    Task,
    TurnsReference,
)
from imbik.recipe.tasks import Tasks
from imbik.tasks.columns import CHOSEN, CONVERSATION_SHAPES, Columns, Plan, Shape, describe
from imbik.tasks.conversation import conversation_key, cut_last, earlier_turns, parse_messages
from imbik.tasks.kinds import Kind
from imbik.tasks.recorded import RecordedAnswers
from imbik.tasks.rows import BadRowError, Quarantined, Row, as_text, value_at
from imbik.tasks.sources import SETS
from imbik.tasks.template import Template

LONGEST = 1_000_000
_LANGUAGE = re.compile(r"^[a-z]{2,3}(?:-[a-z0-9]{2,8})*$", re.IGNORECASE)
_KNOWN = ("answer", "label", "tests")
_SET = re.compile(r"^\w[\w.-]{0,39}$")
_WORDS = {
    "tr": ("Öncül", "Hipotez", "Şu metni özetle:"),
    "en": ("Premise", "Hypothesis", "Summarise this text:"),
    "sl": ("Premisa", "Hipoteza", "Povzemi to besedilo:"),
    "hu": ("Premissza", "Hipotézis", "Foglald össze ezt a szöveget:"),
}


class _Asked(NamedTuple):
    """What a row asks and what it knows: texts for the kind's `reference`, and earlier turns of a conversation."""

    messages: tuple[Message, ...]
    known: Mapping[str, str]
    passage: str = ""
    fields: Mapping[str, str] = {}


class Builder:
    """Makes tasks of rows; `overrule` is the sensitivity of a source that knows its own."""

    def __init__(
        self, settings: Tasks, kind: Kind, recorded: RecordedAnswers, overrule: Sensitivity | None = None
    ) -> None:
        self.settings, self.kind, self.recorded = settings, kind, recorded
        self.level = overrule or settings.level
        self.template = Template(settings.text_template, settings.learn) if settings.text_template else None
        names = self.template.names if self.template else []
        self.shapes: tuple[Shape, ...] = (*kind.fields, *CONVERSATION_SHAPES)
        self.columns = Columns({k: v for k, v in settings.columns.items() if k not in names}, self.shapes)

    def build(self, row: Row) -> Task | Quarantined:
        """The task of a row, or its quarantine line."""
        try:
            return self._task(row)
        except BadRowError as bad:
            return bad.at(row)

    def _task(self, row: Row) -> Task:
        values = row.values
        plan = self.columns.plan(values)
        language = self._language(values, plan)
        asked = self._asked(row, plan, language)
        size = sum(len(message.content) for message in asked.messages) + len(asked.known.get("answer", ""))
        if size > LONGEST:
            raise BadRowError(f"longer than {LONGEST:,} characters", f"{size:,} characters")
        recorded = (*row.recorded, *self.recorded.of(values))
        reference = self._reference(asked)
        return Task(
            id=_text(values, plan, "id").strip() or derived_id(asked.messages, reference, asked.fields),
            kind=self.settings.kind.use,
            messages=asked.messages,
            reference=reference,
            language=language,
            group=self._group(values, plan, asked, recorded),
            category=_text(values, plan, "category").strip(),
            tags=_tags(values, plan),
            passage=asked.passage,
            sensitivity=self._sensitivity(values),
            source=Source(file=row.file, line=row.line),
            recorded=recorded,
            set=row.set or _set(values, plan, "set" in self.settings.columns),
            template=self.template.text if self.template else "",
            fields=dict(asked.fields),
            learn=self.template.learn if self.template else "",
        )

    def _asked(self, row: Row, plan: Plan, language: str) -> _Asked:
        known = {"language": language}
        if self.template:
            fields = self.template.fields(row.values, self.settings.columns)
            question, answer = self.template.question(fields), fields.pop(self.template.learn)
            known |= {"answer": answer} if answer.strip() else {}
            return _Asked((Message(role="user", content=question),), known, fields=fields)
        for role in ("answer", "label", "reasoning"):
            written = _json_text if role == "answer" and getattr(self.kind, "json", False) else _text
            if text := written(row.values, plan, role):
                known[role] = text
        if tests := _json_text(row.values, plan, "tests"):
            known["tests"] = tests
        if "messages" in plan:
            history, last = cut_last(parse_messages(value_at(row.values, plan["messages"])))
            known |= {"answer": last} if last and "label" not in known and "answer" not in known else {}
            return _Asked(history, known)
        question, passage = self._question(row.values, plan, language)
        system = _text(row.values, plan, "system")
        before: tuple[Message, ...] = (Message(role="system", content=system),) if system.strip() else ()
        before += earlier_turns(value_at(row.values, plan["history"])) if "history" in plan else ()
        return _Asked((*before, Message(role="user", content=question)), known, passage)

    def _question(self, values: Mapping[str, object], plan: Plan, language: str) -> tuple[str, str]:
        """The user's turn and the passage it stands on."""
        premise, hypothesis, summarise = _WORDS.get(language.split("-")[0], _WORDS["en"])
        role = next((role for role in ("prompt", "document", "premise", "instruction") if role in plan), "")
        if not role:
            have = ", ".join(map(str, values)) or "none"
            raise BadRowError(
                "no question found",
                f"columns: {have}; '{self.settings.kind.use}' reads {describe(self.shapes)}",
            )
        texts = {part: _text(values, plan, part) for part in plan if part not in (*_KNOWN, *CHOSEN, "history")}
        if not (texts[role].strip() or texts.get("instruction", "").strip()):
            raise BadRowError("the question is empty", f"column '{plan[role]}'")
        if role == "document":
            return f"{summarise}\n\n{texts['document']}", texts["document"]
        if role == "premise":
            if not texts["hypothesis"].strip():
                raise BadRowError("the question is empty", f"column '{plan['hypothesis']}'")
            return f"{premise}: {texts['premise']}\n{hypothesis}: {texts['hypothesis']}", texts["premise"]
        parts = (texts.get(part, "") for part in ("instruction", "passage", "prompt"))
        return "\n\n".join(part for part in parts if part.strip()), texts.get("passage", "")

    def _reference(self, asked: _Asked) -> Reference | None:
        if not {"answer", "label", "tests"} & set(asked.known):
            return None
        reference = self.kind.reference(asked.known)
        if isinstance(reference, TurnsReference):
            earlier = tuple(message.content for message in asked.messages if message.role == "assistant")
            return TurnsReference(turns=(*earlier, *reference.turns), reasoning=reference.reasoning)
        return reference

    def _group(self, values: Mapping[str, object], plan: Plan, asked: _Asked, recorded: tuple[Recorded, ...]) -> str:
        """What holds rows together in one set: the column of `split.by`, a group column, or the conversation."""
        by = self.settings.split.by
        if by and by not in values and by.split(".")[0] not in values:
            raise BadRowError("no column to split by", f"split.by: '{by}'; columns: {', '.join(map(str, values))}")
        named = as_text(value_at(values, by), f"column '{by}'") if by else _text(values, plan, "group")
        if named.strip() or not ("messages" in plan or any(turn.role == "assistant" for turn in asked.messages)):
            return named.strip()
        reply = asked.known.get("answer", "") or (recorded[0].text if recorded else "")
        return conversation_key(asked.messages, reply)

    def _sensitivity(self, values: Mapping[str, object]) -> Sensitivity:
        """The recipe's level or the row's own; an empty cell is confidential."""
        if self.level is not None:
            return self.level
        return marked(values, self.settings.sensitivity)

    def _language(self, values: Mapping[str, object], plan: Plan) -> str:
        """The recipe's language, or the row's own when the recipe names a column; columns `tr` and `en` of a
        translation hold texts, and name no language of theirs."""
        setting = self.settings.language
        texts = {plan.get("prompt"), plan.get("answer")}
        if setting not in texts and (setting in values or setting.split(".")[0] in values):
            code = as_text(value_at(values, setting), f"column '{setting}'").strip()
        else:
            code = setting
        if not _LANGUAGE.match(code):
            raise BadRowError("no language", f"'{code[:40]}' is neither a code such as tr nor a column that holds one")
        return code.lower()


def marked(values: Mapping[str, object], column: str) -> Sensitivity:
    """The sensitivity that a row's column marks it with; an empty cell is confidential.

    Raises: BadRowError where there is no such column or the cell holds another word.
    """
    levels = ", ".join(level.value for level in Sensitivity)
    if column not in values and column.split(".")[0] not in values:
        raise BadRowError("no sensitivity", f"'{column}' is neither a level ({levels}) nor a column")
    mark = as_text(value_at(values, column), f"column '{column}'").strip().lower()
    try:
        return Sensitivity(mark) if mark else Sensitivity.CONFIDENTIAL
    except ValueError:
        raise BadRowError("no such sensitivity", f"'{mark[:40]}'; levels are {levels}") from None


def derived_id(messages: tuple[Message, ...], reference: Reference | None, fields: Mapping[str, str]) -> str:
    """An id made of the content: the same row has it again in another file, on another line, next month."""
    parts = [f"{message.role}\n{message.content}" for message in messages]
    parts += [f"{name}={text}" for name, text in fields.items()]
    return "t" + digest(*parts, reference.text if reference else "")[:16]


def stratum(task: Task) -> str:
    """What the sets are balanced by: the class, else the category."""
    return task.reference.text if isinstance(task.reference, LabelReference) else task.category


def _text(values: Mapping[str, object], plan: Plan, role: str) -> str:
    """The text of a role, or ''."""
    return as_text(value_at(values, plan[role]), f"column '{plan[role]}'") if role in plan else ""


def _tags(values: Mapping[str, object], plan: Plan) -> tuple[str, ...]:
    """A row's tags: a list, or words between commas or semicolons."""
    value = value_at(values, plan["tags"]) if "tags" in plan else None
    parts = value if isinstance(value, list | tuple) else re.split("[,;]", as_text(value, "tags"))
    told = (as_text(part, f"column '{plan['tags']}'").strip() for part in parts) if "tags" in plan else ()
    return tuple(dict.fromkeys(tag for tag in told if tag))


def _json_text(values: Mapping[str, object], plan: Plan, role: str) -> str:
    """The text of a role whose value may be a list or an object: that is written as JSON."""
    value = value_at(values, plan[role]) if role in plan else None
    if isinstance(value, list | tuple | dict):
        return msgspec.json.encode(value).decode()
    return as_text(value, f"column '{plan[role]}'") if role in plan else ""


def _set(values: Mapping[str, object], plan: Plan, chosen: bool) -> str:
    """The set that a row's own column prescribes; unusual names only where the recipe chose the column.

    Rows marked `train` are free: only sets that nobody prescribes are taken from them, as with files named `train`.
    """
    name = _text(values, plan, "set").strip()
    if name.lower() in SETS or not chosen:
        return SETS.get(name.lower(), "")
    if name and not _SET.match(name):
        raise BadRowError("no such set", f"'{name[:40]}' in column '{plan['set']}'")
    return name
