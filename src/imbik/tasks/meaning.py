"""What two answers mean, beyond their kind's normal form: quantities, dates, times of day, numbers in words, JSON.

Enters: answers to one task as they were written. Leaves: whether two mean the same and, where not, why; normal forms
under which answers that mean the same are equal. The kind's own normal form decides first, and for nearly every answer
alone: what is here is looked at only where that one leaves a doubt. Classes (tasks with choices) are the kind's alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Literal

from imbik.core.types import LabelReference, Task
from imbik.tasks.dates import read_date
from imbik.tasks.expressions import canonical_expression
from imbik.tasks.kinds import Kind
from imbik.tasks.normal import fold, words
from imbik.tasks.number_words import read_number_words
from imbik.tasks.numbers import canonical_number, write_number
from imbik.tasks.quantities import Quantity, Unit, read_quantity, unit_of

Units = Literal["convert", "strict", "ignore"]
_CLOCK = re.compile(
    r"(?:saat\s+)?(?:at\s+)?([01]?\d|2[0-4])[:.]([0-5]\d)(?:[:.]([0-5]\d))?\s*([ap]\.?m\.?)?(?:'[^\W\d_]+)?\.?"
)
_CHOICE = re.compile(r"\(?([A-Ea-e])(?:[).:]\s*.*)?", re.DOTALL)
_FIGURES = re.compile(r"\s*[-\d.,]+\s*")
_FENCED = re.compile(r"\s*```[a-z]*\s*\n(.*?)\n?\s*```\s*", re.DOTALL)
_CODE = re.compile(r"\s*0\d+\s*")
_LONGEST_JSON = 200_000
_LONGEST = 80
_NUMBER = re.compile(r"-?\d+(?:\.\d+|/\d+)?")


def difference(given: str, known: str, kind: Kind, task: Task, units: Units = "convert") -> str:
    """'' where the two answers mean the same, else why they do not, as the end of a sentence."""
    mine, theirs = kind.canonical(given, task), kind.canonical(known, task)
    if isinstance(task.reference, LabelReference) or kind.choices(task):
        return "" if mine == theirs else "another class"
    if getattr(kind, "json", False):
        return "" if mine == theirs else "other JSON"
    if known.lstrip()[:1] in {"{", "[", "`"} and (data := _json(_unfenced(known))) is not None:
        return "" if _json(_unfenced(given)) == data else "other JSON"
    if given == known:
        return ""
    if _FIGURES.fullmatch(given) and _FIGURES.fullmatch(known):
        return "" if _same_figures(given, known, mine == theirs, task.language) else "another answer"
    if mine == theirs:
        return "" if units == "ignore" else _units_differ(given, known, task.language, units)
    return "" if _same_otherwise(given, known, task.language, units) else "another answer"


def normal_forms(answers: Sequence[str], kind: Kind, task: Task) -> list[str]:
    """Normal forms in which answers to one task that mean the same are equal ('' is no answer)."""
    forms = [kind.canonical(answer, task) for answer in answers]
    if (
        isinstance(task.reference, LabelReference)
        or len(set(answers)) < 2
        or kind.choices(task)
        or getattr(kind, "json", False)
    ):
        return forms
    values = [_value(answer, task.language) if form else None for answer, form in zip(answers, forms, strict=True)]
    quantities = {value.dimension for value in values if isinstance(value, Quantity)}
    plain = any(isinstance(value, Quantity) and not value.dimension for value in values)
    if len(quantities) == 2 and plain and (bare := _without_units(answers, values, forms, task.language)):
        return bare
    return [form if value is None else _written(value) for form, value in zip(forms, values, strict=True)]


def contains(given: str, known: str) -> bool:
    """Whether the words of the known answer stand in the given one, one after the other."""
    wanted = words(known)
    return bool(wanted) and f" {wanted} " in f" {words(given)} "


def _same_figures(given: str, known: str, alike: bool, language: str) -> bool:
    """Two texts of digits and marks alone: by value, whatever the kind makes of them (`9.933` is 9933, and `36,50` is
    36.5). A leading zero (a code, a telephone) and what is no number, such as a date, go by the kind."""
    if _CODE.fullmatch(given) or _CODE.fullmatch(known):
        return alike
    values = [canonical_number(text, language) for text in (given, known)]
    return values[0] == values[1] if None not in values else alike or _same_otherwise(given, known, language, "convert")


def _units_differ(given: str, known: str, language: str, units: Units) -> str:
    """The normal forms are equal: but of what, and with which sign?"""
    if not any(char.isalpha() or char in "$€₺£-−" for char in given + known):
        return ""
    mine, theirs = read_quantity(given, language), read_quantity(known, language)
    if mine is None or theirs is None:
        return ""
    if mine.dimension and theirs.dimension:
        return "" if mine == theirs else "another unit"
    if mine.dimension == theirs.dimension:
        return "" if mine.value == theirs.value else "another answer"
    return "no unit" if units == "strict" and theirs.dimension else ""


def _same_otherwise(given: str, known: str, language: str, units: Units) -> bool:
    """Whether one of the other readings fits both."""
    clock = any(":" in text or "saat" in fold(text) for text in (given, known))
    mine, theirs = _value(given, language, clock=clock), _value(known, language, clock=clock)
    if mine is None or theirs is None:
        return _same_choice(given, known)
    if not isinstance(mine, Quantity) or not isinstance(theirs, Quantity):
        return mine == theirs
    if mine.dimension == theirs.dimension:
        return mine.value == theirs.value and (units != "ignore" or not mine.dimension)
    if {mine.dimension, theirs.dimension} == {"ratio", ""} and mine.value == theirs.value:
        return True  # %15 and 0,15
    bare = canonical_number(given, language), canonical_number(known, language)
    return "" in (mine.dimension, theirs.dimension) and units != "strict" and bare[0] is not None and bare[0] == bare[1]


def _value(text: str, language: str, *, clock: bool = False) -> Quantity | str | None:
    """A quantity, or what else the whole text can be read as; `clock`: `14.30` may be a time of day."""
    text = _unfenced(text)
    if text[:1] in "{[" and text[-1:] in "}]" and len(text) <= _LONGEST_JSON:
        return _json(text)
    if not text or len(text) > _LONGEST:
        return None
    if (time := _CLOCK.fullmatch(fold(text).replace("’", "'"))) and (clock or ":" in text or time[4]):
        hour = int(time[1]) % 12 + 12 * (time[4][0] == "p") if time[4] else int(time[1])
        return f"clock {hour:02d}:{time[2]}:{time[3] or '00'}"
    if (date := read_date(text)) is not None:
        return f"date {date}"
    if (quantity := read_quantity(text, language)) is not None:
        return quantity
    if (spelled := _spelled(text, language)) is not None:
        return spelled
    return _formula(text, language) if any(sign in text for sign in "\\^√") else None


def _spelled(text: str, language: str) -> Quantity | None:
    """A number in words, alone or with one unit: `on iki`, `otuz gün`, `yüzde yetmiş beş`, `2,5 milyar TL`."""
    head, _, tail = text.rpartition(" ")
    first, _, rest = text.partition(" ")
    for number, word in ((text, ""), (head, tail), (rest, first)):
        unit = unit_of(word) if word else Unit("", Fraction(1))
        if unit is None or (word == first and unit.dimension != "ratio"):
            continue
        value = read_number_words(number, language)
        if value is None and word == first:
            bare = canonical_number(rest, language) if rest[:1].isdigit() else None
            value = None if bare is None else Fraction(bare)
        if value is not None:
            return Quantity(value * unit.size, unit.dimension)
    return None


def _formula(text: str, language: str) -> Quantity | str | None:
    """What LaTeX and roots come to, through sympy; see `tasks.expressions` for what it refuses."""
    number = canonical_number(text, language)
    if number is not None:
        return Quantity(Fraction(number), "")
    form = canonical_expression(text, language)
    if form is None:
        return None
    return Quantity(Fraction(form), "") if _NUMBER.fullmatch(form) else f"formula {form}"


def _unfenced(text: str) -> str:
    """Without the Markdown fence around all of it, which says nothing."""
    fenced = _FENCED.fullmatch(text)
    return fenced[1] if fenced else text.strip()


def _json(text: str) -> str | None:
    """One text for equal JSON: keys in order, numbers by value."""
    try:
        return "json " + json.dumps(_plain(json.loads(text)), sort_keys=True, ensure_ascii=False)
    except (ValueError, RecursionError):
        return None


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return " ".join(value.split()) if isinstance(value, str) else value


def _same_choice(given: str, known: str) -> bool:
    """`B` and `B) 15`: one letter is the whole of one of them."""
    mine, theirs = _CHOICE.fullmatch(given.strip()), _CHOICE.fullmatch(known.strip())
    if mine is None or theirs is None or not min(len(given.strip()), len(known.strip())) <= 3:
        return False
    return mine[1].lower() == theirs[1].lower()


def _without_units(
    answers: Sequence[str], values: Sequence[Quantity | str | None], forms: Sequence[str], language: str
) -> list[str] | None:
    """Bare numbers in place of quantities, where all that carry a unit carry it in one size: then those without it
    mean it too."""
    bare = [
        canonical_number(answer, language) if isinstance(value, Quantity) else None
        for answer, value in zip(answers, values, strict=True)
    ]
    sizes = {
        value.value / Fraction(number)
        for value, number in zip(values, bare, strict=True)
        if isinstance(value, Quantity) and value.dimension and number and Fraction(number)
    }
    return [number or form for number, form in zip(bare, forms, strict=True)] if len(sizes) == 1 else None


def _written(value: Quantity | str) -> str:
    if isinstance(value, str):
        return value
    number = write_number(value.value)
    return f"{number} {value.dimension}" if value.dimension else number
