"""International bank account numbers (IBAN), Turkish ones above all, in any usual writing.

ISO 13616: country, two check digits, and what the country prescribes; the remainder by 97 is 1 (ISO 7064).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from stdnum import iban

from imbik.core.plugins import PluginSettings
from imbik.core.types import Sensitivity
from imbik.privacy.detectors import ALONE, GAP, Reading, Span

_ANY = re.compile(
    rf"[A-Z]{ALONE}[A-Z][0-9]{{2}}(?:[ .\-\u2010-\u2015]?[A-Z0-9]){{11,30}}(?![A-Z0-9])",
    re.DOTALL,
)
_LOOK_ALIKE = str.maketrans("OoIl", "0011")


class Iban:
    """A country, its check digits and an account, of the length and with the remainder that the country has."""

    class Settings(PluginSettings):
        """iban has no settings."""

    version = 2
    level = Sensitivity.CONFIDENTIAL
    optional = False
    priority = 0
    triggers = (rf"[Tt]{GAP}[Rr](?:{GAP}[0-9OoIl]){{24}}|[A-Z]{{2}}[0-9]{{2}}(?:[ .\-]?[A-Z0-9]){{11}}",)

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def spans(self, reading: Reading) -> Iterator[Span]:
        """Every account that holds."""
        for start, end in reading.accounts:
            compact = "TR" + _compact(reading.text[start:end])[2:].translate(_LOOK_ALIKE)
            if checks(compact):
                yield start, end
        for found in _ANY.finditer(reading.text):
            if found.group()[:2] != "TR" and (span := _longest(found.group(), found.start())):
                yield span


def checks(compact: str) -> bool:
    """Whether letters and digits without gaps are an account: length, form and remainder."""
    turned = "".join(str(int(character, 36)) for character in compact[4:] + compact[:4])
    return int(turned) % 97 == 1 and bool(iban.is_valid(compact, check_country=False))


def _compact(written: str) -> str:
    return "".join(character for character in written if character.isalnum())


def _longest(written: str, offset: int) -> Span | None:
    """The longest beginning that holds: what follows a foreign account may be capital letters too."""
    ends = [at + 1 for at, character in enumerate(written) if character.isalnum()]
    for end in reversed(ends[14:]):
        whole = end == len(written) or not written[end].isalnum()
        if whole and checks(_compact(written[:end])):
            return offset, offset + end
    return None
