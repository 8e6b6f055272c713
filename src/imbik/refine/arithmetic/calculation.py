"""What the tokens of one side come to, exactly, in one reading of its signs.

Enters: tokens and a reading. Leaves: a fraction, or Unreadable where they are no calculation.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from imbik.refine.arithmetic.pieces import Token, magnitude
from imbik.tasks.numbers import DECIMAL_POINT, read_decimal

_LARGEST_POWER = 64
_LONGEST_NUMBER = 40


class Unreadable(Exception):  # noqa: N818 - caught by whoever reads
    """The tokens are no calculation."""


class Reading(NamedTuple):
    """How signs are understood; `left` and `right`: percent signs as hundredths, as nothing, or of what came before.

    `dash`: a leading minus is none; `tight`: in `2 / 1/5` the fraction written together counts first; `large`: words
    such as million count on the right (`32 / 2 = $16 million` goes on in millions).
    """

    language: str
    left: str
    right: str
    dash: bool = False
    tight: bool = False
    large: bool = True


def decimal_point(language: str) -> bool:
    return language.split("-")[0] in DECIMAL_POINT


def digits_of(number: str) -> str:
    return number.partition("'")[0].partition("’")[0]


class Calculation:
    """Precedence climbing over tokens: + and - below * and /, those below powers; words between are units."""

    def __init__(self, side: Sequence[Token], reading: Reading, *, percent: str) -> None:
        self.language, self.percent, self.tight = reading.language, percent, reading.tight
        self.tokens = self._without_words(side)
        self.position = int(reading.dash and self.tokens[0].text == "-")

    def _without_words(self, side: Sequence[Token]) -> list[Token]:
        """The tokens without words for units and brackets that hold nothing else; one in a number's place raises."""
        kept = list[Token]()
        for token in side:
            operand = bool(kept) and kept[-1].kind in {"number", "close", "percent", "power", "word"}
            if token.kind == "word" and not magnitude(token.text, self.language):
                if not operand and not (kept and kept[-1].kind == "open"):
                    raise Unreadable
                if not operand and kept[-1].text != "words":
                    kept[-1] = kept[-1]._replace(text="words")
            elif token.kind == "close" and kept and kept[-1].text == "words":
                kept.pop()
            elif kept and kept[-1].text == "words":
                raise Unreadable
            else:
                kept.append(token)
        return kept

    def value(self) -> Fraction:
        """The exact value.

        Raises: Unreadable.
        """
        value = self._sum()
        if self.position != len(self.tokens):
            raise Unreadable
        return value

    def _peek(self) -> Token | None:
        return self.tokens[self.position] if self.position < len(self.tokens) else None

    def _takes(self, *texts: str) -> str:
        token = self._peek()
        if token is None or token.kind != "op" or token.text not in texts:
            return ""
        self.position += 1
        return token.text

    def _sum(self) -> Fraction:
        value = self._product()
        while sign := self._takes("+", "-"):
            begin = self.position
            other = self._product()
            percent = self.position - begin == 2 and any(
                t.kind == "percent" for t in self.tokens[begin : self.position]
            )
            if self.percent == "of" and percent:
                other *= value
            value = value + other if sign == "+" else value - other
        return value

    def _product(self) -> Fraction:
        value = self._power()
        while True:
            if sign := self._takes("*", "/"):
                other = self._fraction() if self.tight and sign == "/" else self._power()
                if sign == "/" and not other:
                    raise Unreadable
                value = value * other if sign == "*" else value / other
            elif (token := self._peek()) is not None and token.kind == "open":
                value *= self._power()
            else:
                return value

    def _fraction(self) -> Fraction:
        """`1/5` in `2 / 1/5`: numbers with nothing between them."""
        above, at = self._power(), self.position
        if at + 1 >= len(self.tokens) or self.tokens[at].text != "/":
            return above
        if not self.tokens[at - 1].end == self.tokens[at].start == self.tokens[at + 1].start - 1:
            return above
        self.position += 1
        below = self._power()
        if not below:
            raise Unreadable
        return above / below

    def _power(self) -> Fraction:
        value = self._atom()
        if self._takes("^", "**"):
            exponent = self._atom()
            if exponent.denominator != 1 or not 0 <= exponent <= _LARGEST_POWER:
                raise Unreadable
            value **= int(exponent)
        return value

    def _atom(self) -> Fraction:
        sign = -1 if self._takes("-") else 1
        token = self._peek()
        percent = 0
        while token is not None and token.kind == "percent":
            percent, self.position = 1, self.position + 1
            token = self._peek()
        if token is None or token.kind not in {"open", "number"}:
            raise Unreadable
        self.position += 1
        value = self._inside() if token.kind == "open" else self._number(token)
        return sign * self._dressed(value, percent)

    def _inside(self) -> Fraction:
        value = self._sum()
        token = self._peek()
        if token is None or token.kind != "close":
            raise Unreadable
        self.position += 1
        return value

    def _number(self, token: Token) -> Fraction:
        digits = digits_of(token.text)
        value = read_decimal(digits, self.language)
        odd = (
            decimal_point(self.language)
            and "," in digits
            and value is not None
            and value.denominator > 1
            and "." not in digits
        )
        if value is None or odd or len(digits) > _LONGEST_NUMBER:
            raise Unreadable
        return value

    def _dressed(self, value: Fraction, percent: int) -> Fraction:
        """With what stands behind a number: a percent sign, a small power, `milyon`."""
        while (token := self._peek()) is not None and token.kind in {"percent", "power", "word"}:
            self.position += 1
            percent += token.kind == "percent"
            if token.kind == "power":
                value **= 2 if token.text == "²" else 3
            elif token.kind == "word":
                value *= magnitude(token.text, self.language)
        return value / 100 if percent and self.percent != "none" else value
