"""Turkish number plates: province 01 to 81, one to three letters, two to five digits.

Karayolları Trafik Yönetmeliği, art. 53: 99 X 9999(9), 99 XX 999(9), 99 XXX 99(9), without Ç, Ğ, İ, Ö, Ş, Ü, Q, W, X.
Written in capitals, or in any case beside a word for it; units and months between numbers are none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imbik.core.plugins import PluginSettings
from imbik.core.types import Sensitivity
from imbik.privacy.detectors import Reading, Span
from imbik.privacy.numbers import after, before, other_number

_GAP = r"[ .\-_/]{0,3}"
_PLATE = re.compile(
    rf"(?<![^\W_])(?<!\d[.,])(0[1-9]|[1-7]\d|8[01]){_GAP}(?:([A-Z]){_GAP}\d{{4,5}}|([A-Z]{{2}}){_GAP}\d{{3,4}}"
    rf"|([A-Z]{{3}}){_GAP}\d{{2,3}})(?![^\W_])(?![.,]\d)",
    re.IGNORECASE | re.ASCII,
)
_WORDS = re.compile(r"plaka|\barac|\bara[cb]|\boto|kamyon|motosiklet|minibus|otobus|ruhsat|plate|vehicle")
_NOT_LETTERS = re.compile("[QWX]", re.IGNORECASE)
_NO_PLATE = frozenset(
    "TL KM CM MM KG GR LT ML MB GB TB KB KW MW GW VE EN IN ON AT OF TO BY HZ AM PM TRY USD EUR GBP JAN FEB MAR APR MAY"
    " JUN JUL AUG SEP OCT NOV DEC OCA SUB NIS HAZ TEM AGU EYL EKI KAS ARA MHZ GHZ KWH MWH BIN LIK YIL GUN SAAT BAR PSI"
    " RPM FPS DPI AND THE MG M G L V W DE DA LI ISO DIN TSE TS NO".split()
)


class Plate:
    """A province, letters and digits."""

    class Settings(PluginSettings):
        """plate has no settings."""

    version = 1
    level = Sensitivity.CONFIDENTIAL
    optional = False
    priority = 1
    triggers = (r"[0-9]{2}[ .\-_/]{0,3}[A-Za-z]{1,3}[ .\-_/]{0,3}[0-9]{2}",)

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def spans(self, reading: Reading) -> Iterator[Span]:
        """Every plate."""
        for found in _PLATE.finditer(reading.text):
            letters = next(group for group in found.groups()[1:] if group)
            if _NOT_LETTERS.search(letters):
                continue
            beside = before(reading.text, found.start()) + " | " + after(reading.text, found.end(), 12)
            named = bool(_WORDS.search(beside))
            unlike = not letters.isupper() or letters in _NO_PLATE or other_number(reading.text, *found.span())
            if named or not unlike:
                yield found.span()
