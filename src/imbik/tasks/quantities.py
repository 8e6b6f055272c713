"""Quantities: numbers with units, brought to one unit where the units can be converted.

Enters: a short text that is a quantity and nothing else (`3 km`, `1 saat 30 dakika`, `₺12,50`, `%15`, `2,5 kg'dır`).
Leaves: an exact value in the dimension's base unit, or None for any other text. Currencies are not converted into one
another, months and years not into days, temperatures not at all: there is no one factor for them. Sources: the SI
brochure (9th ed.), the international yard and pound agreement of 1959; a dönüm is the metric one of 1,000 m².
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from imbik.tasks.normal import fold
from imbik.tasks.numbers import canonical_number

_TABLE = """
length  1/1000     mm milimetre millimeter millimetre milimeter
length  1/100      cm santim santimetre centimeter centimetre centimeter
length  1/10       dm desimetre decimetre
length  1          m metre meter mt
length  1000       km kilometre kilometer kilometr
length  1609.344   mil mile mi
length  0.9144     yard yd
length  0.3048     foot feet ft
length  0.0254     inch inche inç
mass    1/1000     mg miligram milligram
mass    1          g gr gram gramm
mass    1000       kg kilo kilogram
mass    1000000    t ton tonne
mass    453.59237  lb lbs
volume  1/1000     ml mililitre milliliter millilitre cc cm³ cm3
volume  1/100      cl santilitre
volume  1/10       dl desilitre
volume  1          l lt litre liter dm³ dm3
volume  1000       m³ m3 metreküp
area    1/10000    cm² cm2 santimetrekare
area    1          m² m2 metrekare
area    1000       dönüm
area    10000      ha hektar hectare
area    1000000    km² km2 kilometrekare
time    1/1000     ms milisaniye millisecond
time    1          s sn saniye second sec sekunda
time    60         dk dakika min minute mins perc
time    3600       h sa saat hour hr hrs óra ura
time    86400      gün day nap dan
time    604800     hafta week hét teden
months  1          ay month
months  12         yıl sene year
speed   1          m/s m/sn
speed   5/18       km/h km/sa km/saat kmh kph
data    1          bayt byte
data    1000       kb
data    1000000    mb
data    1000000000 gb
energy  1          j joule
energy  1000       kj
energy  3600000    kwh
power   1          w watt
power   1000       kw kilowatt kilovat
TRY     1          tl ₺ try lira lirası
TRY     1/100      kuruş kr
USD     1          $ usd dolar doları dollar
USD     1/100      cent sent ¢
EUR     1          € eur euro avro
GBP     1          £ gbp sterlin
HUF     1          huf forint
ratio   1/100      % yüzde percent
count   12         düzine dozen
"""
_TURKISH_ENDINGS = re.compile(r"(?:l[ae]r)?(?:[dt][iu]r)?$")
_ENGLISH_PLURAL = re.compile(r"(?<=[a-z])s$")
_SIGN = r"[$€₺£%]"
_NUMBER = r"[-+]?(?:\d*[½¼¾⅓⅔]|\d+\s+\d+\s*/\s*\d+|\d+\s*/\s*\d+|\d[\d.,]*(?:\s\d{3}(?!\d))*|[.,]\d+)"
_UNIT = r"(?:[^\W\d_]+(?:/[^\W\d_]+|[²³23](?!\w))?|[$€₺£%¢])"
_PIECE = rf"(?:(?P<before>{_SIGN})\s*)?(?P<number>{_NUMBER})\s*(?:(?:Türk|ABD|US)\s)?(?P<unit>{_UNIT})?(?:'[^\W\d_]+)?"
_PIECES = re.compile(rf"\s*(?:ve|and|in|és)?\s*{_PIECE}[.,;]?")
_LONGEST = 60


class Unit(NamedTuple):
    """A unit's dimension, and its size in the dimension's base unit."""

    dimension: str
    size: Fraction


class Quantity(NamedTuple):
    """A value in the base unit of its dimension; a plain number has the dimension ""."""

    value: Fraction
    dimension: str


def _units() -> dict[str, Unit]:
    found = {}
    for line in _TABLE.strip().splitlines():
        dimension, size, *names = line.split()
        for name in names:
            found[fold(name)] = Unit(dimension, Fraction(size))
    return found


UNITS = _units()


@lru_cache(maxsize=4096)
def unit_of(word: str) -> Unit | None:
    """The unit that a word names, Turkish endings (`kilometredir`, `TL'dir`) and English plurals taken off."""
    folded = fold(word).partition("'")[0].partition("’")[0]
    for form in (folded, _TURKISH_ENDINGS.sub("", folded, count=1), _ENGLISH_PLURAL.sub("", folded)):
        if form in UNITS:
            return UNITS[form]
    return None


def read_quantity(text: str, language: str = "tr") -> Quantity | None:
    """The quantity that a text is, pieces of one dimension added up; None where it is anything else."""
    text = text.strip().strip("*").replace("’", "'")
    if not text or len(text) > _LONGEST or not any(char.isdigit() or char in "½¼¾⅓⅔" for char in text):
        return None
    total, dimension, position = Fraction(0), None, 0
    while position < len(text):
        piece = _PIECES.match(text, position)
        found = _piece(piece, language) if piece else None
        if piece is None or found is None or (position and found.dimension != dimension):
            return None
        if position and not found.dimension:
            return None
        total, dimension, position = total + found.value, found.dimension, piece.end()
    return Quantity(total, dimension or "")


def _piece(piece: re.Match[str], language: str) -> Quantity | None:
    value = canonical_number(piece["number"].rstrip(".,"), language)
    if value is None:
        return None
    unit = Unit("", Fraction(1))
    for written in (piece["before"], piece["unit"]):
        if written is None:
            continue
        known = unit_of(written)
        if known is None:
            return None
        unit = known
    return Quantity(Fraction(value) * unit.size, unit.dimension)
