"""Law articles as Turkish texts cite them.

Enters: a text. Leaves: `TBK m. 117`, `Türk Borçlar Kanunu'nun 117. maddesi`, `6098 sayılı Kanun'un 117'nci maddesi` as
one article of law 6098; an article whose law is not named has law "". Numbers of laws: mevzuat.gov.tr.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

LAWS = {
    "TBK": "6098", "TMK": "4721", "TCK": "5237", "TTK": "6102", "HMK": "6100", "CMK": "5271", "İİK": "2004",
    "İYUK": "2577", "KVKK": "6698", "TKHK": "6502", "VUK": "213", "GVK": "193", "KTK": "2918", "DMK": "657",
    "AATUHK": "6183", "FSEK": "5846", "SMK": "6769", "AY": "2709", "İSGK": "6331",
    "Borçlar Kanunu": "6098", "Medeni Kanun": "4721", "Medenî Kanun": "4721", "Ceza Kanunu": "5237",
    "Ticaret Kanunu": "6102", "Hukuk Muhakemeleri Kanunu": "6100", "Ceza Muhakemesi Kanunu": "5271",
    "İcra ve İflas Kanunu": "2004", "İdari Yargılama Usulü Kanunu": "2577",
    "Kişisel Verilerin Korunması Kanunu": "6698", "Tüketicinin Korunması Hakkında Kanun": "6502",
    "Vergi Usul Kanunu": "213", "Gelir Vergisi Kanunu": "193", "Karayolları Trafik Kanunu": "2918",
    "Devlet Memurları Kanunu": "657", "İş Kanunu": "4857", "Kat Mülkiyeti Kanunu": "634", "Anayasa": "2709",
    "İş Sağlığı ve Güvenliği Kanunu": "6331", "Fikir ve Sanat Eserleri Kanunu": "5846",
}  # fmt: skip
_NAMES = "|".join(sorted(map(re.escape, LAWS), key=len, reverse=True))
_LAW = re.compile(
    rf"(?<!\w)(?:(?P<number>\d{{3,4}})\s+(?:sayılı|s\.|SK)|(?P<name>{_NAMES}))(?:u|un)?(?:['’]\w+)?(?!\w)"
)
_ARTICLE = re.compile(
    r"(?<!\w)(?:(?:m|md|mad)\.\s*(?P<short>\d{1,4})|[Mm]adde\s+(?P<after>\d{1,4})"
    r"|(?P<before>\d{1,4})(?:\.|['’]?(?:inci|nci|ıncı|ncı|uncu|ncu|üncü|ncü))\s+[Mm]adde\w*)(?:\s*/\s*\w+)*"
)
_BARE = re.compile(r"\s+(\d{1,4})(?![\d.,]*\d)(?!\s*(?:sayılı|TL|lira|gün|ay|yıl|hafta|saat))(?:/\w+)*")  # TBK 117
_REACH = 110


class Article(NamedTuple):
    """An article of a law, both as numbers; `law` is "" where the text does not say, `article` where it names none."""

    law: str
    article: str

    def agrees(self, other: Article) -> bool:
        """The same article, of the same law where both name theirs."""
        return self.article == other.article and (self.law == other.law or not self.law or not other.law)

    def __str__(self) -> str:
        """`6098 m. 117`."""
        return f"{self.law} m. {self.article}".strip() if self.article else f"law {self.law}"


def find_articles(text: str) -> Iterator[tuple[int, int, Article]]:
    """Characters and value of every article that is cited, and of every law that is named by its number alone."""
    laws = list(_LAW.finditer(text))
    used = set[int]()
    for found in _ARTICLE.finditer(text):
        number = found["short"] or found["after"] or found["before"]
        near = [law for law in laws if law.end() <= found.start() and found.start() - law.end() <= _REACH]
        near = [law for law in near if not re.search(r"[.!?]\s+[A-ZÇĞİÖŞÜ]|\n", text[law.end() : found.start()])]
        law = near[-1] if near else None
        same = [one for one in near if law and _number(one) == _number(law) and one.start() not in used]
        first = same[0] if same and law and law.start() not in used else None
        used |= {one.start() for one in near}
        yield first.start() if first else found.start(), found.end(), Article(_number(law) if law else "", number)
    for law in laws:
        bare = _BARE.match(text, law.end()) if law.start() not in used and law["name"] else None
        if bare:
            yield law.start(), bare.end(1), Article(_number(law), bare[1])
        if law.start() not in used and law["number"]:
            yield law.start(), law.end(), Article(law["number"], "")


def _number(law: re.Match[str]) -> str:
    return law["number"] or LAWS[law["name"]]
