"""Clean text: encodings mended, HTML taken out, control characters removed, letters composed; each change counted.

Enters: text. Leaves: the text, and how often what was changed, by name: `mojibake` (a text whose letters were read in
a wrong encoding), `html` (tags and entities), `control` (characters that show nothing), `nfc` (a text whose letters
were put together). Programs keep their `<T>`: only tags of HTML are tags. Mojibake is mended by ftfy (Speer 2019),
which leaves text alone that reads well; Turkish of Windows (cp1254) read as Western (`güneþli`) by a rule of our own.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from html import unescape

VERSION = 1
_LINES = "p|div|li|ul|ol|tr|table|thead|tbody|h[1-6]|blockquote|section|article|header|footer|pre|dl|dt|dd|hr|br"
_TAG = re.compile(
    rf"<(script|style)\b[^<>]*>.*?</\1\s*>|<!--.*?-->|(?P<line></?(?:{_LINES})(?:\s[^<>]*)?/?>)|"
    r"</?(?:html|head|body|title|meta|link|span|a|b|i|u|s|em|strong|small|big|sub|sup|font|img|td|th|caption|label|input|"
    r"button|form|nav|main|mark|center|abbr|cite|q|code|kbd|iframe|noscript|svg|path)(?:\s[^<>]*)?/?>",
    re.IGNORECASE | re.DOTALL,
)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")
# C0 and C1 but tab and line feed; soft hyphen, zero-width space and joins of words, marks of direction, byte order
# mark, specials. Joiners of letters stay: Persian and emoji are written with them.
_CONTROL = re.compile(
    "\r\n?|[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
_LINE_ENDS = {"\r\n": "\n", "\r": "\n", "\u2028": "\n", "\u2029": "\n\n", "\x85": "\n", "\x0b": "\n", "\x0c": "\n"}
_MAY_BE_MISREAD = re.compile("[\x80-\x9fÂÃÄÅÆÇÎÏÐÑØÙàáâãäåæðïñøùĂĐĹŃ×Ë]")
_WESTERN = re.compile("[þðýÞÐÝ]")
_NOT_TURKISH = re.compile("[şğıŞĞİáéíóúæÁÉÍÓÚÆ]")
_TURKISH = str.maketrans("þðýÞÐÝ", "şğıŞĞİ")
_FEWEST_MISREAD = 2
_SPACES = re.compile(r"[ \t]+\n|\n{3,}")


class Cleaner:
    """What is cleaned."""

    def __init__(self, *, nfc: bool = True, control: bool = True, html: bool = True, mojibake: bool = True) -> None:
        self.nfc, self.control, self.html, self.mojibake = nfc, control, html, mojibake

    def text(self, text: str) -> tuple[str, Counter[str]]:
        """The text, cleaned, and what was changed."""
        changes = Counter[str]()
        if self.mojibake and not text.isascii():
            mended = _mended(text)
            changes["mojibake"] += mended != text
            text = mended
        if self.html and ("<" in text or "&" in text):
            text = _without_html(text, changes)
        if self.control:
            text, count = _CONTROL.subn(lambda found: _LINE_ENDS.get(found[0], ""), text)
            changes["control"] += count
        if self.nfc and not unicodedata.is_normalized("NFC", text):
            text = unicodedata.normalize("NFC", text)
            changes["nfc"] += 1
        return text, +changes

    def values(self, values: Mapping[str, object]) -> tuple[Mapping[str, object], Counter[str]]:
        """A row's values, texts in lists and objects among them; names of columns stay."""
        changes = Counter[str]()

        def cleaned(value: object) -> object:
            if isinstance(value, str):
                text, found = self.text(value)
                changes.update(found)
                return text
            if isinstance(value, Mapping):
                return {key: cleaned(item) for key, item in value.items()}
            if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
                return [cleaned(item) for item in value]
            return value

        return {key: cleaned(value) for key, value in values.items()}, changes


def told(changes: Mapping[str, int], rows: int) -> str:
    """`cleaned 12 rows: html 30, mojibake 2`."""
    named = ", ".join(f"{name} {count}" for name, count in sorted(changes.items()))
    return f"cleaned {rows} row{'s' if rows != 1 else ''}: {named}"


def _mended(text: str) -> str:
    """Text in the encoding that it was written in."""
    if _MAY_BE_MISREAD.search(text):
        from ftfy import fix_encoding

        text = fix_encoding(text)
    if len(_WESTERN.findall(text)) >= _FEWEST_MISREAD and not _NOT_TURKISH.search(text):
        return text.translate(_TURKISH)
    return text


def _without_html(text: str, changes: Counter[str]) -> str:
    """Tags out, the ends of blocks as ends of lines, entities as what they mean."""
    text, tags = _TAG.subn(lambda found: "\n" if found["line"] else "", text)
    text, entities = _ENTITY.subn(lambda found: unescape(found[0]), text)
    if tags:
        text = _SPACES.sub(lambda found: "\n" if found[0][0] != "\n" else "\n\n", text).strip("\n")
    changes["html"] += tags + entities
    return text
