"""Names of people with a title: `Sayın Ahmet Yılmaz`, `Av. A. Kaya`, `Ayşe Kaya Hanım'a`, a letter's `Sayın Yılmaz,`.

A given name and a family name beside a title, on one line or broken over two, or one name where the words make it a
letter's or a customer's; without capitals (`sayin ali veli`) a known given name and the word after it. One
name with a title in a story (`Ayşe Hanım elma aldı`) is not found: it identifies nobody, and would hold back every
word problem. Offices (`Sayın Başkan`) are none. The span is the name without its title.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imbik.core.plugins import PluginSettings
from imbik.core.types import Sensitivity
from imbik.privacy.detectors import Reading, Span
from imbik.privacy.detectors._given_names import GIVEN_NAMES
from imbik.privacy.normalise import fold
from imbik.privacy.numbers import before

_CAPITAL = "A-ZÇĞİÖŞÜÂÎÛÄÉ"
_WORD = rf"[{_CAPITAL}][^\W\d_]+(?:-[{_CAPITAL}][^\W\d_]+)?"
_BETWEEN = r"(?:[ \t]{1,2}|[ \t]?\r?\n[ \t]?)"  # a line may break inside a name
_NAME = rf"(?:{_WORD}|[{_CAPITAL}]\.)(?:{_BETWEEN}(?:{_WORD}|[{_CAPITAL}]\.)){{0,4}}"
_HONORIFIC = r"S(?:ay[ıi]n|AY[Iİ]N)|S[nN]\.|B(?:ay|AY)(?:an|AN)?|M(?:rs?|iss|s)\b\.?"
_DEGREE = (
    r"(?:(?:Prof|Doç|Dr|Yrd|Av|Avukat|Doktor|Profesör|Doçent|Uzm|Op|Öğr|Gör|Arş|Üyesi|Ecz|Dt|Müh|Mim|Psk|Dyt|Vet"
    r"|PROF|DOÇ|DR|YRD|AV|AVUKAT|DOKTOR|UZM|OP)\b\.?[ \t]{0,2})+"
)
_BEFORE = re.compile(
    rf"(?<![^\W_])(?<!&)(?:(?P<polite>{_HONORIFIC})(?:[ \t]{{0,3}}|{_BETWEEN})(?:{_DEGREE})?|{_DEGREE})"
    rf"(?P<name>{_NAME})"
)
_AFTER = re.compile(rf"(?<![^\W_])(?P<name>{_NAME})[ \t]{{1,2}}\Z")
_WITHOUT_CAPITALS = re.compile(rf"(?<![^\W_])say[ıi]n{_BETWEEN}(?P<given>[^\W\d_]+){_BETWEEN}(?P<family>[^\W\d_]+)")
_TITLE_BEHIND = "(?:B(?:ey|EY)|H(?:anım|ANIM))(?:efendi|EFENDİ)?"
_BEHIND = re.compile(rf"{_TITLE_BEHIND}(?![^\W\d_])")
_REACH = 96  # characters before Bey or Hanım in which a name begins
_ANY_TITLE = (
    "Say[ıi]n|SAY[Iİ]N|S[nN]|Bay|BAY|Bayan|BAYAN|Mrs?|Ms|Miss|Prof|PROF|Doç|DOÇ|Dr|DR|Yrd|YRD|Av|AV|Avukat|AVUKAT|Doktor|DOKTOR"
    "|Profesör|Doçent|Uzm|UZM|Op|OP|Öğr|Gör|Arş|Üyesi|Ecz|Dt|Müh|Mim|Psk|Dyt|Vet"
)
_TITLES = re.compile(rf"(?:{_ANY_TITLE})\.?")
_SENTENCE = re.compile(r"(^|[.!?:;…\"'“”‘’()\-–—\n])\s*$")
_PERSON = re.compile(
    r"\b(musteri|hasta|danisan|uye|abone|kiraci|basvuran|davaci|davali|muvekkil|sanik|magdur|calisan|personel|sigortali"
    r"|borclu|alacakli|alici|satici|kullanici|ogrenci|veli|aday)(miz|imiz|niz|iniz|si|i)?,?\s(sayin |sn\. ?)?$"
)
_OFFICE = re.compile(
    r"(basbakan|bakan|baskan|cumhurbaskan|mudur|kaymakam|hakim|savci|komutan|dekan|rektor|milletvekil|buyukelci|yetkili"
    r"|musteri|ogretmen|okuyucu|seyirci|dinleyici|izleyici|misafir|yolcu|yargic|mufettis|sekreter|danisman|profesor"
    r"|universite|fakulte|hastane|enstitu|president|chairman|professor|minister|avukat|doktor)[a-z]{0,8}"
    r"|(vali|uye|hoca|okur|konuk|heyet|amir|arkadas|dost|kardes|efendi|kurul|meclis|vekil|ilgili|elci)"
    r"(si|i|n|miz|imiz|niz|iniz|ler|lar|leri|lari|lerimiz|larimiz|m|im)?"
    r"|bas|cumhur|genel|devlet|mill[ie]|yonetim|doc|prof|dr|av|uzm|op|yrd|ogr|gor|ars|belediye|ilce|il|sube|turkiye|klinik"
    r"|hukuk|area|bridge|bey|hanim|pasa|ve|ile|inns?|pizza|ltd|inc|sti|market|eczane\w*|cafe|kafe|otel\w*|restaurant|if|the"
)


class Name:
    """A person's name beside a title."""

    class Settings(PluginSettings):
        """name has no settings."""

    version = 3
    level = Sensitivity.CONFIDENTIAL
    optional = False
    priority = 2
    triggers = (rf"(?:{_ANY_TITLE})[.\s]{{0,4}}[{_CAPITAL}]|say[ıi]n\s|[ \t]{_TITLE_BEHIND}(?:\PL|\z)",)

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def spans(self, reading: Reading) -> Iterator[Span]:
        """Every such name, without the title."""
        text = reading.text
        name = 0
        for title in _TITLES.finditer(text):
            if title.start() < name or (found := _BEFORE.match(text, title.start())) is None:
                continue
            name = found.start("name")  # `Prof. Dr.` is one title
            words = _person(found["name"])
            letter = found["polite"] and found["polite"][0] == "S" and _letter(text, found, len(found["name"]))
            known = _customer(text, found.start(), words)
            if len(words) > 1 or (len(words) == 1 and "." not in words[0] and (letter or known)):
                yield _span(text, found.start("name"), words)
        for found in _WITHOUT_CAPITALS.finditer(text):
            if fold(found["given"]) in GIVEN_NAMES and not _OFFICE.fullmatch(fold(found["family"])):
                yield found.start("given"), found.end("family")
        last = 0
        for title in _BEHIND.finditer(text):
            found = _AFTER.search(text, max(last, title.start() - _REACH), title.start())
            if found and (span := _with_title_after(text, found)):
                yield span
            last = title.end()


def _person(written: str) -> list[str]:
    """The words up to the first that is an office or a title."""
    words: list[str] = []
    for word in written.split():
        if _OFFICE.fullmatch(fold(word).strip(".")):
            break
        words.append(word)
    return words


def _letter(text: str, found: re.Match[str], length: int) -> bool:
    """`Sayın Yılmaz,` at the beginning of a line: how a letter begins."""
    line = text[: found.start()].rpartition("\n")[2]
    end = found.start("name") + length
    return not line.strip() and text[end : end + 1] in {",", "\n", ":", "!"}


def _customer(text: str, start: int, words: list[str]) -> bool:
    """One given name that the words before it make a customer's, a patient's, a party's."""
    given = bool(words) and fold(words[0]) in GIVEN_NAMES
    return given and bool(_PERSON.search(before(text, start, 32)))


def _with_title_after(text: str, found: re.Match[str]) -> Span | None:
    """A name before Bey or Hanım. The first word of a sentence has a capital without being a name."""
    words, start = found["name"].split(), found.start("name")
    while words and (_TITLES.fullmatch(words[0]) or _OFFICE.fullmatch(fold(words[0]).strip("."))):
        start = text.index(words[1], start + len(words[0])) if len(words) > 1 else start
        words = words[1:]
    if not words:
        return None
    titled = start != found.start("name")
    if not titled and len(words) > 1 and fold(words[0]) not in GIVEN_NAMES and _SENTENCE.search(text[:start][-6:]):
        start = text.index(words[1], start + len(words[0]))
        words = words[1:]
    if len(words) > 1 or _customer(text, start, words):
        return _span(text, start, words)
    return None


def _span(text: str, start: int, words: list[str]) -> Span:
    """From the first word to the end of the last."""
    end = start
    for word in words:
        end = text.index(word, end) + len(word)
    return start, end
