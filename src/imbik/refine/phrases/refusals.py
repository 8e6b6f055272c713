"""Refusals and what models say of themselves, in Turkish, English, Slovenian and Hungarian.

Enters: a text. Leaves: the sentence that refuses, or in which the writer says that it is a machine. Both speak in the
first person, of helping, answering or telling; what stands in quotation marks is what somebody else says. A bank that
does not help, a rule for refusing, a sentence about language models are none.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Any, Literal, NamedTuple

from imbik.tasks.normal import fold

# RE2: a text without any of these is neither; a dot stands for a letter that case, marks or typing may change.
_TRIGGER = (
    r"(?i)yapay.{0,3}zek|d.l model|kes.m tar.h|e[gğ].t.m ver.ler.m|"
    r"[ae]m[ae]m|[ae]m[ae]y.z|m.yor[uü][mz]|m[ae]y[ae]c[ae][gğ].[mz]|(?:m[uü]mk[uü]n|uygun|do[gğ]ru)\s+de[gğ].l|"
    r"\bI.{0,30}(?:can.?t|cannot|can not|won.?t|will not|unable|not able|not allowed|not permitted|decline|refuse)|"
    r"\ban? (?:AI|artificial|large|language)\b|\bmy (?:training|knowledge)|"
    r"ne\s+[ms][om][er]em|\bne smem|jezikovni model|umetna inteli|"
    r"nem\s+(?:tudok|seg.thet|v.laszolhat|adhatok)|mesters.ges intell|nyelvi modell|mint\b.{0,4}\bAI"
)
_QUOTED = re.compile(
    r"\"[^\"\n]{0,400}\"|“[^”\n]{0,400}[”\"]|„[^“”\n]{0,400}[“”\"]|«[^»\n]{0,400}»|`[^`\n]{0,400}`"
    r"|(?<!\w)[‘'][^‘’'\n]{3,400}[’'](?!\w)"
)
_SENTENCE = re.compile(r"[^.!?…\n]+[.!?…]*")

_MARKS = tuple(zip("çğöşüâîûčšžáéíóőúűè’", "cgosuaiucszaeioouue'", strict=True))
# What follows is matched against folded text without marks (`ı` is i, `ş` is s), one sentence at a time.
_TR_CANNOT = r"\w*(?:[ae]m[ae](?:m|yiz)|[ae]?miyor(?:um|uz)|[ae]may?[ae]ca(?:gim|giz)|[ae]meyece(?:gim|giz))\b"
_TR_WISH = r"(?:istegi|talebi|istedigini)\w*\s+(?:\w+\s+){0,2}?(?:yerine\s+getir|karsila|gerceklestir|yap)"
_TR_GIVE = (
    r"(?:tavsiye|oneri|icerik|icerigi|kod|metin|talimat)\w*\s+(?:\w+\s+)?(?:ver|sun|sagla|uret|olustur|yaz|paylas)"
)
_TR_ABOUT = r"bu\s+(?:soru|konu)\w*\s+(?:\w+\s+){0,2}?(?:yanitla|cevapla|konus|yorum\s+yap)"
_TR_HELP = (
    r"yardimci\s+ol|yardim\s+ed|(?:yanit|cevap)\s+ver|(?:yanit|cevap)la|bilgi\s+(?:ver|sagla|paylas)"
    rf"|{_TR_WISH}|{_TR_GIVE}|{_TR_ABOUT}"
)
_TR_OWN = r"yardimci\s+olma|(?:yanit|cevap)\s+verme|(?:yanit|cevap)lama|istegi\w*\s+yerine\s+getirme"
_TR_ME = r"(?:\b(?:ben|benim|bana)\b|\w+(?:yorum|[ae]c[ae]gim|[ae]bilirim|[ae]m[ae]m)\b|\bdegilim\b|\byok(?:tur)?\b)"
_EN_CANNOT = (
    r"(?:can'?t|cannot|can\s+not|won'?t|will\s+not|(?:'m|\s+am)\s+(?:not\s+able|unable|not\s+allowed|not\s+permitted)\s+to"
    r"|have\s+to\s+decline\s+to)"
)
_EN_HELP = (
    r"(?:help|assist|comply|fulfil+|answer|respond|provide|engage|discuss|generate|create|write|share|offer|give|do\s+that"
    r"|complete\s+(?:this|that|your)|recommend)\b"
)
_SL_HELP = r"(?:pomagati|odgovoriti|ustreci|svetovati|posredovati|zagotoviti|izpolniti|ustvariti|napisati)\b"
_HU_HELP = r"(?:segiteni|valaszolni|tanacsot\s+adni|informaciot\s+adni|eleget\s+tenni|teljesiteni)\b"

_MACHINE = (
    rf"\b(?:yapay\s+zeka|(?:buyuk\s+)?dil\s+modeli)(?:\s+\w+){{0,3}}?\s+olarak\b(?=.*{_TR_ME})",
    r"\bben\b(?:\s+\w+){0,2}\s+(?:yapay\s+zeka|dil\s+model)",
    r"\b(?:yapay\s+zeka\s+(?:asistani|modeli)|dil\s+modeli)yim\b",
    r"\b(?:egitim\s+verilerim|bilgi\s+kesim\s+tarihim)\b",
    r"\bas\s+an?\s+(?:ai|artificial\s+intelligence|(?:large\s+)?language\s+model)\b(?=.*\b(?:i|my|me)\b)",
    r"\bi(?:'m|\s+am)\s+(?:just\s+|only\s+)?an?\s+(?:ai|artificial\s+intelligence|(?:large\s+)?language\s+model)\b",
    r"\bmy\s+(?:training\s+data|knowledge\s+cutoff)\b",
    r"\bkot\s+(?:ai|umetna\s+inteligenca|model\s+umetne\s+inteligence|(?:veliki\s+)?jezikovni\s+model)\b"
    r"(?=.*\b(?:sem|nimam|morem|smem|mi|moj\w*)\b)",
    r"\bsem\s+(?:le\s+|samo\s+)?(?:umetna\s+inteligenca|jezikovni\s+model)\b",
    r"\b(?:mesterseges\s+intelligenciakent|nyelvi\s+modellkent)\b(?=.*\bnem\s+\w+(?:om|em|ok|ek)\b)",
    r"\bmint\s+(?:egy\s+)?(?:ai|mesterseges\s+intelligencia|nyelvi\s+modell)\b(?=.*\bnem\s+\w+(?:om|em|ok|ek)\b)",
    r"\b(?:mesterseges\s+intelligencia|nyelvi\s+modell)\s+vagyok\b",
)
_REFUSES = (
    rf"\b(?:{_TR_HELP}){_TR_CANNOT}",
    rf"\b(?:{_TR_OWN})m(?:iz)?\s+(?:mumkun|uygun|dogru)\s+degil",
    rf"\bi\s*{_EN_CANNOT}(?:\s+(?:directly|ethically|really|personally))?\s+{_EN_HELP}",
    rf"\bi(?:'m|\s+am)?\s+(?:\w+\s+)?(?:sorry|apologi[sz]e)\b.*\bi\s*{_EN_CANNOT}",
    rf"\b(?:sorry|unfortunately|apologies)\b[,\s]+(?:but\s+)?i\s*{_EN_CANNOT}\s+(?:do\b|{_EN_HELP})",
    r"\bi\s+must\s+(?:\w+ly\s+)?(?:decline|refuse)\b",
    rf"\bne\s+(?:morem|smem)\s+(?:\w+\s+){{0,3}}?{_SL_HELP}",
    rf"\bnem\s+tudok\s+(?:\w+\s+){{0,2}}?{_HU_HELP}",
    r"\bnem\s+(?:segithetek|valaszolhatok|adhatok\s+(?:tanacsot|informaciot))\b",
)

Why = Literal["refuses", "says that it is a machine"]


class Found(NamedTuple):
    """What a sentence does, and the characters [start, end) where it stands."""

    why: Why
    start: int
    end: int


def find(text: str, *, refuses: bool = True, machine: bool = True) -> Found | None:
    """The first sentence that refuses or in which a machine speaks of itself, or None."""
    if not _trigger().search(text if text.isascii() else unicodedata.normalize("NFC", text)):
        return None
    unquoted = _QUOTED.sub(lambda found: "\N{BULLET}" * len(found[0]), text)
    for sentence in _SENTENCE.finditer(unquoted):
        folded = _bare(sentence[0])
        if machine and _machine().search(folded):
            return Found("says that it is a machine", *_place(sentence))
        if refuses and _refuses().search(folded):
            return Found("refuses", *_place(sentence))
    return None


def _place(sentence: re.Match[str]) -> tuple[int, int]:
    """Where it stands, without the spaces around it."""
    text = sentence[0]
    return sentence.start() + len(text) - len(text.lstrip()), sentence.start() + len(text.rstrip())


def _bare(text: str) -> str:
    """Folded, without marks on letters, with plain apostrophes and single spaces."""
    folded = fold(text)
    if not folded.isascii():
        for marked, plain in _MARKS:
            folded = folded.replace(marked, plain)
    return " ".join(folded.split())


@cache
def _trigger() -> Any:
    import re2

    return re2.compile(_TRIGGER)


@cache
def _machine() -> re.Pattern[str]:
    return re.compile("|".join(_MACHINE))


@cache
def _refuses() -> re.Pattern[str]:
    return re.compile("|".join(_REFUSES))
