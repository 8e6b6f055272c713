"""Typed slots of templates: what may be drawn for them, and how it is written.

Enters: a slot as its file says it (`{int: [2, 24]}`, `{money: [5000, 90000], step: 500}`, `{choices: [...]}`,
`{names: tr}`, `{date: [2024-01-01, 2025-12-31]}`, `{decimal: [1, 5], step: 0.25}`) and a random generator. Leaves: a
value to reckon with and the words for it, as the language writes numbers and days.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from fractions import Fraction
from random import Random
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from imbik.tasks.growth.arithmetic import Value
from imbik.tasks.numbers import write_number

NAMES: Mapping[str, Sequence[str]] = {
    "tr": (
        "Ayşe", "Mehmet", "Elif", "Hasan", "Zeynep", "Murat", "Defne", "Kerem", "Şule", "Çağrı", "İpek", "Ozan",
        "Gülsüm", "Yiğit", "Nazlı", "Barış", "Melike", "Tuncay", "Irmak", "Selim", "Fadime", "Emre", "Hülya", "Kaan",
        "Döndü", "Umut", "Perihan", "Sinan", "Aslı", "Recep", "Burcu", "Cemal", "Feride", "Onur", "Leyla", "Volkan",
    ),
    "en": ("Alice", "Ben", "Clara", "David", "Emma", "Frank", "Grace", "Henry", "Ivy", "Jack", "Kate", "Liam"),
}  # fmt: skip
MONTHS = (
    "Ocak", "Şubat", "Mart", "Nisan", "Mayıs", "Haziran", "Temmuz", "Ağustos", "Eylül", "Ekim", "Kasım", "Aralık",
)  # fmt: skip
_KINDS = ("int", "decimal", "money", "date", "choices", "names")
_COMMA = ("tr", "sl", "hu")


class Slot(BaseModel):
    """One slot, as its file writes it; exactly one of the first six."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    int_: tuple[int, int] | None = Field(None, alias="int", description="a whole number from … to …")
    decimal: tuple[float, float] | None = Field(None, description="a number with decimals from … to …, in steps")
    money: tuple[int, int] | None = Field(None, description="an amount from … to …, written 12.500")
    days: tuple[date, date] | None = Field(None, alias="date", description="a day from … to …")
    choices: list[str | int | float | dict[str, str | int | float]] | None = Field(
        None, description="one of these; a mapping has a `text` and further values, read as SLOT_KEY"
    )
    names: str | list[str] | None = Field(None, description="a first name: tr, en, or a list")
    step: float = Field(1, gt=0, description="numbers and amounts are multiples of it, counted from the lowest")
    unlike: list[str] = Field([], description="slots that must not have the same value")

    @model_validator(mode="after")
    def _one_kind(self) -> Slot:
        given = (self.int_, self.decimal, self.money, self.days, self.choices, self.names)
        if sum(item is not None for item in given) != 1:
            raise ValueError(f"a slot is one of {', '.join(_KINDS)}, such as {{int: [2, 24]}}")
        span = self.int_ or self.decimal or self.money
        if (span is not None and span[0] > span[1]) or (self.days is not None and self.days[0] > self.days[1]):
            raise ValueError("the first bound is larger than the second")
        if self.choices is not None:
            _refuse_uneven(self.choices)
        if isinstance(self.names, str) and self.names not in NAMES:
            raise ValueError(f"names: one of {', '.join(NAMES)}, or a list of names")
        if self.names == []:
            raise ValueError("there is nothing to choose from")
        return self

    @property
    def size(self) -> int:
        """How many values it can have."""
        if self.days is not None:
            return (self.days[1] - self.days[0]).days + 1
        span = self.int_ or self.decimal or self.money
        if span is not None:
            return int((Fraction(str(span[1])) - Fraction(str(span[0]))) / Fraction(str(self.step))) + 1
        return len(self.choices) if self.choices is not None else len(self._people())

    def _people(self) -> Sequence[str]:
        return self.names if isinstance(self.names, list) else NAMES[str(self.names)]

    def draw(self, name: str, random: Random, language: str) -> tuple[dict[str, Value], dict[str, str]]:
        """One of its values at random, as `at` gives it."""
        return self.at(random.randrange(self.size), name, language)

    def at(self, place: int, name: str, language: str) -> tuple[dict[str, Value], dict[str, str]]:
        """Its value number `place` (from 0): values to reckon with and their words, by name; a choice with further
        values has several."""
        if self.days is not None:
            day = self.days[0] + timedelta(days=place)
            return {name: day}, {name: written_day(day, language)}
        span = self.int_ or self.decimal or self.money
        if span is not None:
            value = Fraction(str(span[0])) + place * Fraction(str(self.step))
            return {name: value}, {name: written(value, language, groups=self.money is not None)}
        if self.choices is not None:
            return _chosen(name, self.choices[place], language)
        person = self._people()[place]
        return {name: person}, {name: person}


def _refuse_uneven(choices: Sequence[Any]) -> None:
    """Choices are all plain, or all mappings with a `text` and the same further keys.

    Raises: ValueError.
    """
    keys = {tuple(sorted(item)) if isinstance(item, dict) else ("text",) for item in choices}
    if not choices:
        raise ValueError("there is nothing to choose from")
    if len(keys) > 1 or "text" not in next(iter(keys)):
        raise ValueError("choices are all plain, or all mappings with a `text` and the same further keys")


def _chosen(name: str, item: Any, language: str) -> tuple[dict[str, Value], dict[str, str]]:
    parts = item if isinstance(item, dict) else {"text": item}
    values, words = dict[str, Value](), dict[str, str]()
    for key, value in parts.items():
        place = name if key == "text" else f"{name}_{key}"
        values[place] = Fraction(str(value)) if isinstance(value, int | float) else value
        words[place] = written(values[place], language)
    return values, words


def written(value: Value, language: str, *, groups: bool = False) -> str:
    """A value in words: `12.500`, `0,75`, `1/3`, `29 Ekim 1923`."""
    if isinstance(value, date):
        return written_day(value, language)
    if not isinstance(value, Fraction):
        return str(value)
    text = write_number(value)
    if "/" in text:
        return text
    comma = language.split("-")[0] in _COMMA
    whole, _, rest = text.partition(".")
    sign, digits = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
    if groups:
        digits = f"{int(digits):,}".replace(",", "." if comma else ",")
    return f"{sign}{digits}{(',' if comma else '.') + rest if rest else ''}"


def written_day(day: date, language: str) -> str:
    """`29 Ekim 1923` in Turkish, else `1923-10-29`."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}" if language.split("-")[0] == "tr" else day.isoformat()
