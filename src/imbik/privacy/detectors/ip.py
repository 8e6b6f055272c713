"""Internet addresses, version 4 and 6, that may belong to a person's connection.

Personal data where they can be tied to one (KVKK and CJEU C-582/14, Breyer). Loopback, unspecified and mask addresses
are nobody's; four small numbers with dots are a section or a version.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from imbik.core.plugins import PluginSettings
from imbik.core.types import Sensitivity
from imbik.privacy.detectors import Reading, Span
from imbik.privacy.numbers import before, other_number

_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_DOT = r"(?:\.|\s?[\[({](?:\.|dot|nokta)[\])}]\s?)"
_V4 = re.compile(rf"(?<![\w.])(?<!\d,)(?:{_OCTET}{_DOT}){{3}}{_OCTET}(?![^\W_])(?!\.\d|,\d)")
_V6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?:\.\d{1,3}){0,3}(?![\w:])")
_VERSION = re.compile(r"\b(surum\w*|version|ver|v|madde\w*|bolum\w*|section|firmware|yazilim\w*|fikra)[\s.:]*$")
_NAMED = re.compile(r"\bip(v[46])?\b")
_SMALL = 10


class Ip:
    """An address that is not this machine's own, a mask, or a version number."""

    class Settings(PluginSettings):
        """ip has no settings."""

    version = 1
    level = Sensitivity.CONFIDENTIAL
    optional = False
    priority = 1
    triggers = (
        r"[0-9](?:\.|\s?[\[({](?:\.|dot|nokta)[\])}]\s?)[0-9]{1,3}(?:\.|\s?[\[({](?:\.|dot|nokta)[\])}]\s?)[0-9]{1,3}"
        r"(?:\.|\s?[\[({])|[0-9A-Fa-f]{0,4}:[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]",
    )

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def spans(self, reading: Reading) -> Iterator[Span]:
        """Every address."""
        text = reading.text
        for found in _V4.finditer(text):
            octets = [int(part) for part in re.findall(r"\d+", found.group())]
            named = bool(_NAMED.search(before(text, found.start())))
            if _somebodys(".".join(map(str, octets))) and (named or _no_version(text, found, octets)):
                yield found.span()
        for found in _V6.finditer(text):
            if any(character.isdigit() for character in found.group()) and _somebodys(found.group()):
                yield found.span()


def _no_version(text: str, found: re.Match[str], octets: list[int]) -> bool:
    number = octets[0] < _SMALL and min(octets[1:]) > 99  # 9.121.112.239 is nine thousand million
    return (
        max(octets) >= _SMALL
        and not number
        and not _VERSION.search(before(text, found.start()))
        and not other_number(text, *found.span())
    )


def _somebodys(written: str) -> bool:
    try:
        address = ipaddress.ip_address(written)
    except ValueError:
        return False
    mask = isinstance(address, ipaddress.IPv4Address) and written.startswith(("255.", "0."))
    short = isinstance(address, ipaddress.IPv6Address) and len(re.findall(r"[0-9A-Fa-f]+", written)) < 2
    return not (address.is_loopback or address.is_unspecified or address.is_multicast or mask or short)
