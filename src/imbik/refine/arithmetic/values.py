"""What the two sides of an equation come to, exactly, in every reading that a fair reader would allow.

Enters: the tokens of an equation. Leaves: whether some reading makes it right, and what the left side comes to.
Readings differ in what a percent sign means (`100 + %20 = 120`, `50 x 20% = 10`, `5 / 20 x 100 = 25%`), in which of
`1.250` and `1,250` is a thousand, and in whether a leading minus is a dash. Rounded results are right: `10/3 = 3,33`.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from imbik.refine.arithmetic.calculation import Calculation, Reading, Unreadable, decimal_point, digits_of
from imbik.refine.arithmetic.equations import Equation
from imbik.refine.arithmetic.pieces import Token, magnitude
from imbik.tasks.numbers import read_decimal
from imbik.tasks.quantities import Unit, unit_of

_NEAR = Fraction(1, 20)
# Days, weeks and hours to months and years have no one factor; these are in use.
_CALENDAR = frozenset(map(Fraction, (4, 12, 24, 28, 30, 31, 48, 52, 360, 365, 366, 720, 8760)))


class Finding(NamedTuple):
    """Whether an equation is right, what its left side comes to, and what is said to come of it."""

    right: bool
    expected: Fraction
    said: str


def examine(equation: Equation, language: str, tolerance: Fraction = Fraction(0)) -> Finding | None:
    """The finding, or None where a side has no value (a division by nought) or units explain the difference."""
    first: Fraction | None = None
    for reading in _readings(equation, language):
        try:
            value = Calculation(equation.left, reading, percent=reading.left).value()
            says = _results(equation.right, reading)
        except Unreadable:
            continue
        first = value if first is None else first
        if any(_fits(value, said, unit, equation.exact, tolerance) for said, unit in says):
            return Finding(True, value, "")
    if first is None or _converted(equation, first, language):
        return None
    return Finding(False, first, _said(equation.right))


_PLAIN = [("none", "none")]


def _readings(equation: Equation, language: str) -> list[Reading]:
    """Every way to read it, the plainest first."""
    both = (*equation.left, *equation.right)
    kinds = {token.kind for token in both}
    means = [("share", "share"), ("none", "none"), ("share", "none"), ("of", "none")] if "percent" in kinds else _PLAIN
    languages = [language]
    if any(_two_ways(token.text) for token in both if token.kind == "number"):
        languages.append("tr" if decimal_point(language) else "en")
    dashes = (True, False) if equation.bullet else (False,)
    tight = (False, True) if sum(token.text == "/" for token in equation.left) > 1 else (False,)
    large = (True, False) if any(magnitude(token.text) for token in equation.right if token.kind == "word") else (True,)
    return [
        Reading(said, left, right, dash, fractions, counted)
        for said in languages for left, right in means for dash in dashes for fractions in tight for counted in large
    ]  # fmt: skip


def _two_ways(token: str) -> bool:
    """`1.250` or `1,250`: a thousand or one and a quarter."""
    return ("." in token) != ("," in token) and len(token) > 4 and token[-4] in ".,"


def _results(side: Sequence[Token], reading: Reading) -> list[tuple[Fraction, Fraction]]:
    """What may be meant by the right side, each with the unit of its last decimal: its first number, from which a chain
    goes on, or all of it."""
    if not reading.large:
        side = [token for token in side if token.kind != "word"]
    value = Calculation(side, reading, percent=reading.right).value()
    head = _head(side)
    unit = _last_place(head, reading.language)
    if len(head) == len(side):
        return [(value, unit)]
    return [(Calculation(head, reading, percent=reading.right).value(), unit), (value, Fraction(0))]


def _head(side: Sequence[Token]) -> Sequence[Token]:
    """The tokens before the first operator that follows a number."""
    seen = 0
    for index, token in enumerate(side):
        if token.kind == "op" and seen:
            return side[:index]
        if token.kind == "open":
            return side
        seen += token.kind == "number"
    return side


def _last_place(head: Sequence[Token], language: str) -> Fraction:
    """One unit of the last decimal written: 1/100 for `3,33`, 1 for `3` and for `1.250` where that is a thousand."""
    number = digits_of(next(token.text for token in head if token.kind == "number"))
    value, longer = read_decimal(number, language), read_decimal(number + "1", language)
    unit = longer - value if value is not None and longer is not None and ("." in number or "," in number) else None
    places = Fraction(1) if unit is None or unit >= 1 or number[-4:-3] in _groups(language) else unit * 10
    large = next((found for token in head if (found := magnitude(token.text, language))), 1)
    return places * large / (100 if any(token.kind == "percent" for token in head) else 1)


def _groups(language: str) -> tuple[str, ...]:
    return (",",) if decimal_point(language) else (".",)


def _fits(value: Fraction, said: Fraction, unit: Fraction, exact: bool, tolerance: Fraction) -> bool:
    """Equal; or rounded or cut off to the decimals written, where the value has more of them: to whole things also up
    (buses are)."""
    if value == said:
        return True
    gap = abs(value - said)
    rounded = unit and gap < unit and (value / unit).denominator > 1
    if rounded and (unit == 1 or 2 * gap <= unit or abs(said) < abs(value)):
        return True
    return gap <= abs(value) * max(tolerance, Fraction(0) if exact else _NEAR)


def _converted(equation: Equation, value: Fraction, language: str) -> bool:
    """Whether units say why the sides differ: `3 x 20 minutes = 1 hour`, `2 hours + 30 minutes = 2.5`."""
    try:
        says = [said for said, _ in _results(equation.right, Reading(language, "none", "none")) if said and value]
    except Unreadable:
        return True
    before, after = _named(equation.left), _named(equation.right)
    mixed = any(one.dimension == two.dimension and one.size != two.size for one in before for two in before)
    if mixed and any(token.text in "+-" for token in equation.left):
        return True
    factors = {
        one.size / two.size for one in (*before, *after) for two in (*before, *after) if one.dimension == two.dimension
    }
    if any(unit.size == Fraction(1, 100) for unit in (*before, *after)):
        factors.add(Fraction(100))  # cents where the sign $ says the rest
    if {unit.dimension for unit in (*before, *after)} >= {"time", "months"}:
        factors |= _CALENDAR
    return any(ratio != 1 and (value / said == ratio or said / value == ratio) for said in says for ratio in factors)


def _named(side: Sequence[Token]) -> list[Unit]:
    return [unit for token in side if token.kind == "word" and (unit := unit_of(token.text.lstrip("-/"))) is not None]


def _said(side: Sequence[Token]) -> str:
    return next(token.text for token in side if token.kind == "number")
