"""Templates: texts with typed slots and answers that are worked out, so the reference is right and nobody is asked.

Enters: a YAML file of templates (docs/growing.md describes it), or the name of one that ships (`turkce`). Leaves: rows
with question, answer and, where the template writes it, reasoning. The same number gives the same row everywhere. All
rows of a template are one family.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import count, islice
from math import gcd, inf, prod
from pathlib import Path
from random import Random

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from imbik.core.errors import InputError
from imbik.core.misspelt import explain_validation
from imbik.core.plugins import RecipePath
from imbik.core.strict_yaml import YamlError, lines_of, read_yaml
from imbik.core.types import Sensitivity, Source
from imbik.tasks.growth.arithmetic import ArithmeticFaultError, Value, names_in, value_of
from imbik.tasks.growth.slots import Slot, written
from imbik.tasks.shipped import named_file
from imbik.tasks.strategies import Ground, Idea, StrategySettings
from imbik.tasks.text import existing_file

SHIPPED = Path(__file__).parent.parent / "templates"
_SLOT = re.compile(r"\{(\w+)\}")
_ROWS, _TRIES = 20, 40
_LOOKED = 200  # rows of a template that are tried before it is said to give none


class Template(BaseModel):
    """One template, as the file writes it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, description="its name: the family of its tasks")
    category: str = Field("", description="category of its tasks")
    text: str | list[str] = Field(description="the question with {slots}; of several wordings one is drawn")
    slots: dict[str, Slot] = Field({}, description="what may stand in each slot")
    once: list[str] = Field([], description="slots of which no two tasks have all values alike")
    let: dict[str, str] = Field({}, description="further values, worked out in this order")
    require: list[str] = Field([], description="what must be true of the drawn values, or they are drawn again")
    answer: str = Field("", description="the answer as arithmetic over slots: anapara * oran * ay / 1200")
    answer_text: str = Field("", description="the answer as a text with {slots}, instead of `answer`")
    reasoning: str = Field("", description="how it is worked out, with {slots} and {answer}")

    @model_validator(mode="after")
    def _names_what_is_there(self) -> Template:
        further = {f"{n}_{k}" for n, s in self.slots.items() for c in s.choices or () if isinstance(c, dict) for k in c}
        known = {*self.slots, *further}
        for name, expression in self.let.items():
            _refuse_unknown(names_in(expression), known, f"let.{name}")
            known.add(name)
        for expression in (*self.require, *([self.answer] if self.answer else [])):
            _refuse_unknown(names_in(expression), known, expression)
        if self.answer and self.answer_text:
            raise ValueError("give `answer` (arithmetic) or `answer_text`, not both")
        for text in (*self.texts, self.answer_text, self.reasoning):
            more = {"answer"} if text == self.reasoning and (self.answer or self.answer_text) else set()
            _refuse_unknown(set(_SLOT.findall(text)), known | more, text)
        for name, slot in self.slots.items():
            _refuse_unknown(set(slot.unlike), set(self.slots), f"slots.{name}.unlike")
        _refuse_unknown(set(self.once), set(self.slots), "once")
        return self

    @property
    def texts(self) -> Sequence[str]:
        """All wordings."""
        return [self.text] if isinstance(self.text, str) else self.text

    @property
    def most(self) -> float:
        """Rows that it can make; without `once` there is no end of them, only of new ones."""
        return prod(self.slots[name].size for name in self.once) if self.once else inf

    def fixed(self, number: int, random: Random) -> Mapping[str, int]:
        """The places of the `once` slots for row `number`: a walk through all combinations that meets none twice."""
        if not self.once:
            return {}
        size = int(self.most)
        step = next(step for step in count(random.randrange(size) + 1) if gcd(step, size) == 1)
        place, found = (random.randrange(size) + number * step) % size, dict[str, int]()
        for name in self.once:
            place, found[name] = divmod(place, self.slots[name].size)
        return found


class TemplatesFile(BaseModel):
    """A whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    language: str = Field("", description="of the texts (default: the recipe's)")
    category: str = Field("", description="category of templates that name none")
    templates: list[Template] = Field(min_length=1, description="the templates")


class Templates:
    """Tasks worked out from templates."""

    class Settings(StrategySettings):
        """Which templates."""

        file: RecipePath = Field(
            min_length=1, description="YAML file of templates, or a shipped one's name such as turkce"
        )

    version = 1
    asks = False

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def files(self, base: Path) -> Sequence[Path]:
        """The one file. Raises: InputError where it is missing."""
        path = named_file(self.settings.file, base, SHIPPED, "file of templates")
        return [existing_file(path, self.settings.file)]

    def prepare(self, ground: Ground) -> Sequence[str]:
        """Read the templates; their categories.

        Raises: InputError with line and key for what is no template, or one that gives no task.
        """
        self.ground = ground
        path = self.files(ground.base)[0]
        self.level = Sensitivity.PUBLIC if path.parent == SHIPPED else ground.level
        file, self.lines = read_templates(path)
        self.language = file.language or ground.language
        self.found: dict[str, list[Template]] = {}
        for template in file.templates:
            self._refuse_barren(template, path)
            self.found.setdefault(template.category or file.category, []).append(template)
        self.walks = {category: _walk(templates) for category, templates in self.found.items()}
        self.walked = dict[str, list[tuple[Template, int]]]()
        return list(self.found)

    def idea(self, category: str, number: int) -> Idea | None:
        """Rows of the next template of the category; None where `once` has been met by all of them."""
        walked = self.walked.setdefault(category, [])
        walked.extend(islice(self.walks[category], max(0, number + 1 - len(walked))))
        if number >= len(walked):
            return None
        template, start = walked[number]
        numbers = range(start, int(min(start + _ROWS, template.most)))
        rows = [row for at in numbers if not isinstance(row := self._row(template, at), str)]
        return Idea(
            category=category,
            family=f"template: {template.name}",
            sensitivity=self.level,
            language=self.language,
            how=template.name,
            source=Source(file=Path(self.settings.file).name, line=self.lines.get(template.name, 1)),
            rows=rows,
            wanted=_ROWS,
        )

    def _refuse_barren(self, template: Template, path: Path) -> None:
        """A template that nothing can be drawn for would bring no task in silence, beside others that do."""
        why = ""
        for number in range(int(min(_LOOKED, template.most))):
            row = self._row(template, number)
            if not isinstance(row, str):
                return
            why = row
        raise InputError(
            f"template '{template.name}' gives no task, whatever is drawn: {why}",
            where=f"{path}:{self.lines.get(template.name, 1)}",
            next="look at its slots, `let`, `require` and `answer`",
        )

    def _row(self, template: Template, number: int) -> Mapping[str, str] | str:
        """Values that fulfil what is required, written out; where none are found in many tries, why not."""
        fixed, why, fault = template.fixed(number, self.ground.draw("once", template.name)), "", ""
        for attempt in range(_TRIES):
            random = self.ground.draw("templates", template.name, number, attempt)
            values, words = dict[str, Value](), dict[str, str]()
            for name, slot in template.slots.items():
                drawn, said = slot.draw(name, random, self.language)
                if name in fixed:
                    drawn, said = slot.at(fixed[name], name, self.language)
                values, words = values | drawn, words | said
            text = random.choice(list(template.texts))
            try:
                why = self._hindrance(template, values, words)
                if not why:
                    return self._written(template, text, values, words)
            except ArithmeticFaultError as error:
                fault = str(error)  # such as a division by zero: other values are drawn
        return fault or why

    def _hindrance(self, template: Template, values: dict[str, Value], words: dict[str, str]) -> str:
        """What these values do not fulfil, or ''. Works `let` out."""
        for name, slot in template.slots.items():
            if like := next((other for other in slot.unlike if values[name] == values[other]), ""):
                return f"'{name}' is like '{like}'"
        for name, expression in template.let.items():
            values[name] = value_of(expression, values)
            words[name] = written(values[name], self.language)
        return next((f"'{one:.60}' is not true" for one in template.require if not value_of(one, values)), "")

    def _written(
        self, template: Template, text: str, values: Mapping[str, Value], words: dict[str, str]
    ) -> Mapping[str, str]:
        row = {self.ground.fields[0]: _filled(text, words)}
        if template.answer:
            words["answer"] = written(value_of(template.answer, values), self.language)
        elif template.answer_text:
            words["answer"] = _filled(template.answer_text, words)
        if "answer" in words:
            row["answer"] = words["answer"]
        if template.reasoning:
            row["reasoning"] = _filled(template.reasoning, words)
        return row


def _walk(templates: Sequence[Template]) -> Iterator[tuple[Template, int]]:
    """Round after round each template that has rows left, with the number of its next row."""
    for start in count(0, _ROWS):
        live = [template for template in templates if start < template.most]
        if not live:
            return
        yield from ((template, start) for template in live)


def read_templates(path: Path) -> tuple[TemplatesFile, dict[str, int]]:
    """A file's templates, and the line of each by name.

    Raises: InputError naming file, line and key.
    """
    try:
        data, node = read_yaml(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError(f"templates are UTF-8 text ({error.reason})", where=str(path)) from None
    except YamlError as error:
        raise InputError(error.what, where=f"{path}:{error.line}", next=error.advice) from None
    try:
        found = TemplatesFile.model_validate({"templates": data} if isinstance(data, list) else data)
        names = [template.name for template in found.templates]
        if twice := next((name for name in names if names.count(name) > 1), ""):
            raise InputError(f"two templates are called '{twice}'", where=str(path), next="give each a name of its own")
    except ValidationError as error:
        raise InputError(
            f"these are no templates: {explain_validation(error, TemplatesFile)}",
            where=str(path),
            next="docs/growing.md shows some",
        ) from None
    lines, place = dict(lines_of(node)), () if isinstance(data, list) else ("templates",)
    return found, {name: lines.get((*place, str(number)), 1) for number, name in enumerate(names)}


def _filled(text: str, words: Mapping[str, str]) -> str:
    return _SLOT.sub(lambda found: words[found[1]], text)


def _refuse_unknown(names: set[str], known: set[str], where: str) -> None:
    if unknown := sorted(names - known):
        raise ValueError(f"'{where:.60}' names '{unknown[0]}', which is no slot (there: {', '.join(sorted(known))})")
