"""E-mail addresses, also as `ali [at] ornek.com` and `ali @ ornek . com . tr`.

RFC 5322 addr-spec without quoted parts; the domain ends in a top-level name of letters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imbik.core.plugins import PluginSettings
from imbik.core.types import Sensitivity
from imbik.privacy.detectors import Reading, Span

_AT = r"(?:\s?@\s?|\s?[\[({<]\s?(?:at|et|@)\s?[\])}>]\s?)"
_DOT = r"(?:\s?\.|\s?[\[({<]\s?(?:dot|nokta|\.)\s?[\])}>]\s?)"
_ADDRESS = re.compile(
    rf"[\w.+%-]{{0,63}}[\w+%-]{_AT}(?:[^\W_](?:[\w-]{{0,61}}[^\W_])?{_DOT}\s?){{1,6}}[^\W\d_]{{2,24}}(?![\w@])",
    re.IGNORECASE,
)


class Email:
    """Something at a domain."""

    class Settings(PluginSettings):
        """email has no settings."""

    version = 1
    level = Sensitivity.CONFIDENTIAL
    optional = False
    priority = 0
    triggers = (r"@|(?i:[\[({<]\s?(?:at|et)\s?[\])}>])",)

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def spans(self, reading: Reading) -> Iterator[Span]:
        """Every address."""
        for found in _ADDRESS.finditer(reading.text):
            yield found.span()
