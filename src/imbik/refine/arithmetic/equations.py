"""Equations in running text: where a calculation stands before an equals sign, and what is said to come of it.

Enters: reasoning as people and models write it (`12 x 2 = 24 sayfa`, `$1,250 / 4 = $312.50`, `3 elma + 4 armut = 7`,
`2+3=5*4=20`, `\\frac{1}{2} \\times 10 = 5`). Leaves: for each equals sign with a calculation before it, the tokens of
both sides. What cannot be read without guessing (a variable, a word in place of a number, a clock, `5 ft 6 in`) is left
out: an equation that is not read is never called wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from imbik.refine.arithmetic.pieces import Token, magnitude, tokens, without_latex
from imbik.tasks.quantities import unit_of

_MOST_WORDS = 8
# Words that take part in a calculation: what stands beside one is not the whole of it.
_COUNTING = frozenset(
    "twice thrice half halves double triple quadruple times plus minus divided multiplied squared cubed than "
    "katı katının yarısı yarısının çeyreği çarpı artı eksi bölü kere kez fazlası eksiği karesi küpü".split()
)
_MULTIPLES = frozenset("hundred dozen düzine yüz buçuk".split())
# `half of 5 + 3`, `divided by 5 + 3`: the calculation begins before the `of` or `by`. `a total of 5 + 3` is whole.
_TAKES_PART = {
    "of": frozenset("half third thirds quarter quarters fourth fourths fifth fifths tenth tenths times".split()),
    "by": frozenset("divided multiplied".split()),
    "from": frozenset("subtract subtracted subtracting".split()),
}


class Equation(NamedTuple):
    """What stands left and right of an equals sign; `exact` is False for `≈`, `bullet` where a minus may be a dash."""

    left: Sequence[Token]
    right: Sequence[Token]
    exact: bool
    bullet: bool

    @property
    def start(self) -> int:
        """Its first character."""
        return self.left[0].start

    @property
    def end(self) -> int:
        """Behind its last character."""
        return self.right[-1].end


def equations(text: str, quick: Callable[[str], bool] | None = None) -> Iterator[Equation]:
    """Every equation whose left side is a calculation and whose both sides are read, in order.

    Lines that `quick` is true for are left out: whoever gives it knows them already.
    """
    if "\\" in text:
        text = without_latex(text)
    position = 0
    for line in text.split("\n"):
        if ("=" in line or "≈" in line or "≅" in line) and not (quick and quick(line)):
            yield from _of_line(tokens(line, position))
        position += len(line) + 1


def _of_line(line: list[Token]) -> Iterator[Equation]:
    marks = [index for index, token in enumerate(line) if token.kind == "equals"]
    for number, mark in enumerate(marks):
        left = _ending_at(line, marks[number - 1] + 1 if number else 0, mark)
        if left is None:
            continue
        start, bullet = left
        end = _beginning_at(line, mark + 1, marks[number + 1] if number + 1 < len(marks) else len(line))
        if end:
            yield Equation(line[start:mark], line[mark + 1 : end], line[mark].text == "=", bullet)


def _ending_at(line: list[Token], first: int, end: int) -> tuple[int, bool] | None:
    """Where the calculation that ends before `end` begins, and whether its leading minus may be a dash."""
    position, start, operators = end, end, 0
    while True:
        operand = _operand_before(line, first, position)
        if operand is None:
            return None
        start = operand
        before = line[start - 1] if start > first else None
        if before is None or before.kind != "op":
            break
        operators += 1
        position = start - 1
        if before.text == "-" and (position == first or line[position - 1].kind in {"stop", "rest", "open"}):
            bullet = line[position + 1].start > before.end
            return (position, bullet) if operators > 1 else None
        if position == first:
            return (start, False) if before.text == "*" and operators > 1 else None  # a Markdown bullet
    if not operators and not _is_calculation(line[start:end]):
        return None
    return None if before is not None and not _may_stand_before(line, first, start) else (start, False)


def _is_calculation(side: Sequence[Token]) -> bool:
    """Whether there is something to work out: `5²`, `2(3+4)`, `(3+4)`."""
    if any(token.kind in {"op", "power"} for token in side[1:]):
        return True
    pairs = zip(side, side[1:], side[2:], strict=False)
    return any(one.kind == "number" and two.kind == "open" and three.kind == "number" for one, two, three in pairs)


def _operand_before(line: list[Token], first: int, position: int) -> int | None:
    """Index where the operand that ends before `position` begins: a number, or brackets, with words behind it."""
    words = 0
    while position > first and line[position - 1].kind == "word" and line[position - 1].text.lower() not in _COUNTING:
        position, words = position - 1, words + 1
    if words > _MOST_WORDS or (words and line[position].text.lower() in _MULTIPLES):
        return None
    if words and line[position].text.lower() == "of" and position - 2 >= first and line[position - 2].text == "/":
        return None  # 1/3 of the others
    while position > first and line[position - 1].kind in {"percent", "power"}:
        position -= 1
    if position <= first:
        return None
    last = line[position - 1]
    if last.kind == "number":
        start = position - 1
        while start > first and line[start - 1].kind == "percent":  # %20
            start -= 1
        return start
    if last.kind != "close":
        return None
    opening = _opening(line, first, position - 1)
    if opening is None:
        return None
    if not any(token.kind == "number" for token in line[opening:position]):
        return _operand_before(line, first, opening)  # (elma) and the like
    before = line[opening - 1] if opening > first else None
    if before is not None and before.kind in {"number", "close"} and before.end == line[opening].start:
        return _operand_before(line, first, opening)  # 2(3+4)
    return opening


def _opening(line: list[Token], first: int, closing: int) -> int | None:
    depth = 0
    for index in range(closing, first - 1, -1):
        kind = line[index].kind
        depth += (kind == "close") - (kind == "open")
        if not depth:
            return index
        if kind in {"stop", "variable", "rest"}:
            return None
    return None


def _may_stand_before(line: list[Token], first: int, start: int) -> bool:
    """Whether what stands before a calculation leaves it whole: no counting word, no variable, no measure."""
    before = line[start - 1]
    if before.kind in {"variable", "percent", "power", "number", "close"}:
        return False
    if before.kind != "word":
        return True
    word = before.text.lower()
    if word in _COUNTING or word in _MULTIPLES or magnitude(word):
        return False
    if word in _TAKES_PART and start - 2 >= first:
        further = line[start - 2]
        return further.kind in {"word", "stop", "rest"} and further.text.lower() not in _TAKES_PART[word]
    measure = start - 2 >= first and line[start - 2].kind == "number" and unit_of(before.text) is not None
    return not measure  # 5 ft 6 in


def _beginning_at(line: list[Token], position: int, end: int) -> int:
    """Index behind the value that begins at `position`, a calculation included; 0 where there is none to be read."""
    reached = _operand_after(line, position, end, signed=True)
    while reached and reached < end and line[reached].kind == "op":
        further = _operand_after(line, reached + 1, end, signed=False)
        if not further:
            dash = line[reached].text == "-" and reached + 1 < end and line[reached + 1].kind in {"word", "stop"}
            return reached if dash or reached + 1 == end else 0
        reached = further
    if reached and reached < end and line[reached].kind == "variable":
        return 0
    return reached


def _operand_after(line: list[Token], position: int, end: int, *, signed: bool) -> int:
    """Index behind the operand that begins at `position` and the words behind it, or 0."""
    while signed and position < end and line[position].kind == "op" and line[position].text in "+-":
        position += 1
    while position < end and line[position].kind == "percent":
        position += 1
    if position >= end:
        return 0
    if line[position].kind == "open":
        reached = _closing(line, position, end)
        if not reached:
            return 0
    elif line[position].kind == "number":
        reached = position + 1
    else:
        return 0
    while reached < end and line[reached].kind in {"percent", "power"}:
        reached += 1
    if reached < end and line[reached].kind == "open" and line[reached].start == line[reached - 1].end:
        return 0
    return _words_after(line, reached, end)


def _words_after(line: list[Token], reached: int, end: int) -> int:
    """Words belong to the value only where the calculation goes on behind them, or where they say its magnitude."""
    ahead = reached
    while ahead < end and line[ahead].kind == "word" and ahead - reached < _MOST_WORDS:
        ahead += 1
    if ahead == reached:
        return reached
    first, further = line[reached].text.lower(), line[ahead].kind if ahead < end else ""
    measure = unit_of(first) is not None
    goes_on = (
        further in {"number", "open"} and ahead == reached + 1 and (measure or first in _COUNTING or first == "of")
    )
    if goes_on or first in _MULTIPLES:  # 1 hour 20 minutes, 3 times 5, 1/2 of 10
        return 0
    if further == "op" and ahead + 1 < end and line[ahead + 1].kind in {"number", "open"}:
        return ahead
    return reached + 1 if measure or magnitude(first) else reached


def _closing(line: list[Token], opening: int, end: int) -> int:
    depth = 0
    for index in range(opening, end):
        kind = line[index].kind
        depth += (kind == "open") - (kind == "close")
        if not depth:
            return index + 1
        if kind in {"stop", "variable", "rest"}:
            return 0
    return 0
