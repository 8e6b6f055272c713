"""Format: does an answer have the form that was asked for: JSON by a schema, a pattern, one of some labels, steps?

Enters: one sample. Leaves: a verdict that says what does not fit and where; a schema's misfit names path and rule, not
the value. A task's own schema counts wherever it has one. Patterns are those of Python's `re`, and have to match all of
a part. `end` is looked for in what the teacher wrote, before anything was read from it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec
from pydantic import Field, field_validator

from imbik.ask.shape import refuse_misspelt, validator
from imbik.core.errors import InputError
from imbik.core.plugins import PluginSettings, RecipePath
from imbik.core.types import Sample, Verdict
from imbik.refine.checks import CheckContext
from imbik.tasks.normal import squeeze, words

_SHOWN = 60
_FENCED = re.compile(r"\A\s*```[A-Za-z]*[ \t]*\n(?P<inner>.*?)\n?[ \t]*```\s*\Z", re.DOTALL)


class Format:
    """Rejects what has another form than it was asked for."""

    class Settings(PluginSettings):
        """Whatever is set has to hold; nothing set looks at the tasks' own schemas alone."""

        answer_schema: RecipePath = Field("", description="file of a JSON schema that answers have to fit")
        task_schema: bool = Field(True, description="an answer has to fit its task's own schema, where there is one")
        pattern: str = Field("", description="pattern that all of the answer has to match")
        reasoning_pattern: str = Field("", description="pattern that all of the reasoning has to match")
        labels: list[str] = Field([], description="the only answers there may be; case and spaces do not count")
        step: str = Field("", description="pattern of what begins a step, such as '(?:Adım|Step) (\\d+)[:.]'")
        least_steps: int = Field(0, ge=0, description="fewest steps in the reasoning")
        most_steps: int = Field(0, ge=0, description="most steps in the reasoning (0: no bound)")
        counted: bool = Field(True, description="numbers of steps (the pattern's first group) go 1, 2, 3 …")
        end: str = Field("", description="text that must end what the teacher wrote, such as a marker")

        @field_validator("pattern", "reasoning_pattern", "step")
        @classmethod
        def _compiles(cls, value: str) -> str:
            try:
                re.compile(value)
            except re.error as error:
                raise ValueError(f"it is no regular expression: {error}") from None
            return value

    version = 1
    scope = "row"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._schemas: dict[Path, str] = {}
        self._labels = {_key(label) for label in settings.labels}
        self._step = re.compile(rf"^[ \t]*(?:{settings.step})", re.MULTILINE) if settings.step else None

    def files(self, base: Path) -> Sequence[Path]:
        """The schema."""
        name = self.settings.answer_schema
        return [base / Path(name).expanduser()] if name else []

    def verify(self, base: Path) -> None:
        """Raises: InputError for a schema that is none."""
        for path in self.files(base):
            self._schema(path)

    def judge(self, sample: Sample, context: CheckContext) -> Verdict:
        """Rejects with the first thing that does not fit."""
        reason = (
            self._shaped(sample, context)
            or self._matched("answer", self.settings.pattern, sample.answer)
            or self._matched("reasoning", self.settings.reasoning_pattern, sample.reasoning)
            or self._labelled(sample.answer)
            or self._stepped(sample.reasoning)
            or self._ended(sample)
        )
        return Verdict(by="format", keep=not reason, reason=reason)

    def _shaped(self, sample: Sample, context: CheckContext) -> str:
        schemas = [self._schema(path) for path in self.files(context.base)]
        if self.settings.task_schema and sample.task.schema:
            schemas.append(sample.task.schema)
        if not schemas:
            return ""
        fenced = _FENCED.match(sample.answer)
        try:
            value = msgspec.json.decode(fenced["inner"] if fenced else sample.answer)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return f"the answer is no JSON: '{sample.answer.strip():.{_SHOWN}}'"
        for schema in schemas:
            first = min(validator(schema).iter_errors(value), key=lambda found: found.json_path, default=None)
            if first:
                return f"the answer does not fit the schema at {first.json_path} ({first.validator})"
        return ""

    def _schema(self, path: Path) -> str:
        """Its text, read once and known to be a schema."""
        if path not in self._schemas:
            try:
                text = path.read_text(encoding="utf-8-sig")
                validator(text)
                refuse_misspelt(text)
            except Exception as error:
                raise InputError(
                    f"this is no JSON schema ({str(error).splitlines()[0]:.200})",
                    where=str(path),
                    next="correct the file that refine.format.answer_schema names",
                ) from None
            self._schemas[path] = text
        return self._schemas[path]

    def _matched(self, part: str, pattern: str, text: str) -> str:
        if not pattern or re.fullmatch(pattern, text.strip()):
            return ""
        return f"the {part} does not match '{pattern:.{_SHOWN}}': '{squeeze(text):.{_SHOWN}}'"

    def _labelled(self, answer: str) -> str:
        if not self._labels or _key(answer) in self._labels:
            return ""
        known = ", ".join(self.settings.labels[:8]) + (" …" if len(self.settings.labels) > 8 else "")
        return f"'{squeeze(answer):.{_SHOWN}}' is none of the labels ({known})"

    def _stepped(self, reasoning: str) -> str:
        if self._step is None:
            return ""
        settings, found = self.settings, list(self._step.finditer(reasoning))
        if len(found) < settings.least_steps:
            return f"the reasoning has {len(found)} steps, fewer than {settings.least_steps}"
        if settings.most_steps and len(found) > settings.most_steps:
            return f"the reasoning has {len(found)} steps, more than {settings.most_steps}"
        if settings.counted and self._step.groups:
            for number, step in enumerate(found, 1):
                if step[1] is None or not step[1].isdecimal() or int(step[1]) != number:
                    return f"step {number} of the reasoning is called '{step[0].strip():.{_SHOWN}}'"
        return ""

    def _ended(self, sample: Sample) -> str:
        end, written = self.settings.end.strip(), sample.completion.answer.rstrip()
        if not end or written.endswith(end):
            return ""
        return f"it does not end in '{end:.{_SHOWN}}' but in '{squeeze(written)[-_SHOWN:]}'"


def _key(label: str) -> str:
    return words(label) or squeeze(label)
