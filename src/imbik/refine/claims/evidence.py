"""A text that claims are looked up in: what of it supports a claim, and what it says instead.

Enters: the text, and claims of another. Leaves: the characters of the text that support a claim, or None; how much of
a sentence's words stand together in it. Numbers are equal by value (`üç yüz` is 300, a year is part of its date) or by
what they measure (`1,4 km`, `1400 m`), long ones may be rounded; dates agree part by part; names by the roots of their
words, close together.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

from imbik.refine.claims import Claim, find_claims, sentences
from imbik.refine.claims.laws import Article
from imbik.refine.claims.names import MAYBE, same_root, words_of
from imbik.tasks.dates import Date
from imbik.tasks.normal import fold
from imbik.tasks.quantities import unit_of

Place = tuple[int, int]
_ROUND_FROM, _ROUND_TO = 1000, 100  # whole numbers count as rounded from here on, to hundreds at least
_ROOT = (
    4  # letters: a cut word is nearly as good a root in Turkish as a parsed one (Can et al. 2008, who cut at 4 to 6)
)
_BEHIND = re.compile(r"\s?([^\W\d_]+[²³]?)")
_COUNTS = re.compile(r"\s[^\W\d_A-ZÇĞİÖŞÜ]")
_NEAR = 4  # words that may stand between those of one name
_STOP = frozenset(
    map(
        fold,
        "ve veya ile bir bu şu o da de ki mi mı mu mü için gibi daha çok en olarak olan olduğu oldu olur ise ya hem "
        "ne her ama fakat ancak sonra önce kadar göre ayrıca evet hayır cevap yani var yok tarafından üzerine the a an "
        "of in on at to is are was were and or for by with from that this it as be has had have his her its their "
        "yes no answer which who".split(),
    )
)


class _Word(NamedTuple):
    text: str
    start: int
    end: int


class Evidence:
    """One text, read once for many claims."""

    def __init__(self, text: str, language: str) -> None:
        self.text, self.language = text, language

    @cached_property
    def claims(self) -> list[Claim]:
        """Its own claims, in every reading."""
        return find_claims(self.text, self.language, every=True)

    @cached_property
    def sentences(self) -> list[Place]:
        """Its sentences."""
        return list(sentences(self.text))

    @cached_property
    def _words(self) -> list[_Word]:
        return [_Word(*word) for word in words_of(self.text)]

    @cached_property
    def _by_beginning(self) -> dict[str, list[int]]:
        found = defaultdict(list)
        for index, word in enumerate(self._words):
            found[word.text[:3]].append(index)
        return found

    @cached_property
    def _numbers(self) -> dict[Fraction, Place]:
        """Every value that stands in the text, years and days of dates too."""
        found: dict[Fraction, Place] = {}
        for claim in self.claims:
            for value in _values(claim):
                found.setdefault(value, (claim.start, claim.end))
        return found

    @cached_property
    def _articles(self) -> dict[Fraction, Place]:
        """Numbers of laws and articles: they support no number that something is counted by."""
        found: dict[Fraction, Place] = {}
        for claim in self.claims:
            if isinstance(claim.value, Article):
                for part in filter(None, claim.value):
                    found.setdefault(Fraction(part), (claim.start, claim.end))
        return found

    @cached_property
    def beginnings(self) -> frozenset[str]:
        """What a root of the whole text may be found as."""
        return beginnings(self.text)

    @cached_property
    def _roots(self) -> list[tuple[Place, frozenset[str]]]:
        return [(place, beginnings(self.text[place[0] : place[1]])) for place in self.sentences]

    @cached_property
    def _measures(self) -> dict[tuple[str, Fraction], Place]:
        """Numbers with a unit behind them, in the unit's base: 1,4 kilometre is 1.400 metre."""
        found: dict[tuple[str, Fraction], Place] = {}
        for claim in self.claims:
            if measured := measure(claim, self.text):
                found.setdefault(measured, (claim.start, claim.end))
        return found

    def support(self, claim: Claim, text: str) -> Place | None:
        """The characters that say the same as a claim of `text`, or None."""
        if isinstance(claim.value, Article):
            return self._article(claim.value)
        if isinstance(claim.value, Date):
            return self._date(claim.value)
        if isinstance(claim.value, Fraction):
            measured = measure(claim, text)
            found = self._number(claim.value) or (self._measures.get(measured) if measured else None)
            return found or (None if _COUNTS.match(text, claim.end) else self._articles.get(claim.value))
        return self._name(claim.value)

    def covers(self, sentence: str, given: frozenset[str] = frozenset()) -> tuple[float, Place | None]:
        """The share of a sentence's roots that stand in the best sentence or two neighbours, or are given, and those;
        (1, None) for a sentence without any. A root of which only three letters agree (`verir`, `verecek`) counts half.
        """
        wanted = roots(sentence)
        if not wanted:
            return 1.0, None
        best, where = 0.0, None
        for index, (place, have) in enumerate(self._roots):
            for end, together in self._with_next(index, place, have):
                share = sum(_held(root, together | given) for root in wanted) / len(wanted)
                if share > best:
                    best, where = share, (place[0], end)
        return best, where

    def _with_next(self, index: int, place: Place, have: frozenset[str]) -> Iterator[tuple[int, frozenset[str]]]:
        yield place[1], have
        if index + 1 < len(self._roots):
            following, more = self._roots[index + 1]
            yield following[1], have | more

    def _article(self, value: Article) -> Place | None:
        for claim in self.claims:
            if isinstance(claim.value, Article) and (
                claim.value.agrees(value) or (not value.article and claim.value.law == value.law)
            ):
                return claim.start, claim.end
        law = Fraction(value.law) if value.law and not value.article else None
        return None if law is None else self._articles.get(law) or self._numbers.get(law)

    def _date(self, value: Date) -> Place | None:
        for claim in self.claims:
            if not isinstance(claim.value, Date) or not claim.value.agrees(value):
                continue
            missing = [mine for mine, theirs in zip(value, claim.value, strict=True) if mine and not theirs]
            if not missing or (missing == [value.year] and Fraction(value.year) in self._numbers):
                return claim.start, claim.end
        return None

    def _number(self, value: Fraction) -> Place | None:
        if value in self._numbers:
            return self._numbers[value]
        step = _step(value)
        if value.denominator == 1 and (value < _ROUND_FROM or step < _ROUND_TO):
            return None
        for other, place in self._numbers.items():
            if other and abs(other - value) * 2 <= step and other != value and _finer(other, step):
                return place
        return None

    def _name(self, value: str) -> Place | None:
        """All words of a name by root, the next one never far from the last."""
        words = value.split(" ")
        if words[0].startswith(MAYBE):
            words = (
                words[1:]
                if self._name(value.removeprefix(MAYBE)) is None
                else [words[0].removeprefix(MAYBE), *words[1:]]
            )
        for index in self._standing(words[0]):
            last, end = index, self._words[index].end
            for word in words[1:]:
                near = [at for at in self._standing(word) if abs(at - last) <= _NEAR]
                if not near:
                    break
                last = min(near, key=lambda at, last=last: abs(at - last))  # type: ignore[misc]
                end = max(end, self._words[last].end)
            else:
                return self._words[index].start, end
        return None

    def _standing(self, word: str) -> list[int]:
        """Where a word stands, whatever its endings; one too short for a root as it is."""
        return [index for index in self._by_beginning.get(word[:3], ()) if same_root(self._words[index].text, word)]


def roots(text: str) -> frozenset[str]:
    """The roots of a text's words, without figures (they are claims) and words that say nothing."""
    return frozenset(
        word[:_ROOT] for word, _, _ in words_of(text) if word not in _STOP and len(word) > 2 and not word[0].isdigit()
    )


def beginnings(text: str) -> frozenset[str]:
    """What a root may be found as: the first three and four letters of every word."""
    return frozenset(word[:length] for word, _, _ in words_of(text) for length in (3, _ROOT))


def _held(root: str, have: frozenset[str]) -> float:
    return 1.0 if root in have else 0.5 if root[:3] in have else 0.0


def measure(claim: Claim, text: str) -> tuple[str, Fraction] | None:
    """A number and the unit word behind it as dimension and value in the base unit, where there is such a word."""
    if not isinstance(claim.value, Fraction) or not (behind := _BEHIND.match(text, claim.end)):
        return None
    unit = unit_of(behind[1])
    return (unit.dimension, claim.value * unit.size) if unit else None


def supported_by(claim: Claim, text: str, evidence: Sequence[Evidence]) -> tuple[int, Place] | None:
    """Which of several texts supports a claim of `text`, and where."""
    for index, one in enumerate(evidence):
        place = one.support(claim, text)
        if place is not None:
            return index, place
    return None


def _values(claim: Claim) -> Iterator[Fraction]:
    if isinstance(claim.value, Fraction):
        yield claim.value
    elif isinstance(claim.value, Date):
        yield from (Fraction(part) for part in (claim.value.year, claim.value.day) if part)


def _step(value: Fraction) -> Fraction:
    """One unit of the last digit that is not nought: 1/10 for 3,3; 100,000 for 2.500.000; 1 for 1923."""
    if not value:
        return Fraction(1)
    step = Fraction(1)
    while (value / step).denominator != 1:
        step /= 10
        if step < Fraction(1, 10**9):
            return Fraction(0)
    while step >= 1 and (value / (step * 10)).denominator == 1:
        step *= 10
    return step


def _finer(other: Fraction, step: Fraction) -> bool:
    """Whether a number has more digits than were written of it: only then is the other one rounded."""
    return (other / step).denominator != 1
