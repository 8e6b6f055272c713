"""Wrong facts planted into right answers, by means that know nothing of the checks that are to find them.

Enters: an answer. Leaves: copies of it, each with one thing wrong: a digit of a number, of a year or of an article
changed, a day, a month, a number word or a name put in another's place. A wrong year is one from 1000 to 2029 and a
wrong day one that every month has, as a model's mistakes are. `share` writes a share with its 95% interval (Wilson).
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterator

_FIGURES = re.compile(r"\d+(?:\.\d{3})*")
_ORDINAL = re.compile(r"\. madde")
_NAME = re.compile(r"(?<=[a-zçğıöşü,;] )[A-ZÇĞİÖŞÜ][a-zçğıöşü]{3,}")
_TENS = ("on", "yirmi", "otuz", "kırk", "elli", "altmış", "yetmiş")
_MONTHS = (
    "ocak", "şubat", "mart", "nisan", "mayıs", "haziran", "temmuz", "ağustos", "eylül", "ekim", "kasım", "aralık",
)  # fmt: skip
_MONTH = re.compile(rf"(?<=\d )(?:{'|'.join(_MONTHS)})\b", re.IGNORECASE)
_BEFORE_MONTH = re.compile(rf" (?:{'|'.join(_MONTHS)})\b", re.IGNORECASE)
_YEAR = re.compile(r"1\d{3}|20[0-2]\d")
_LIKELY = {"year": _YEAR, "day": re.compile(r"[1-9]|1\d|2[0-8]")}
_WORDS = re.compile(rf"\b({'|'.join(_TENS)})(?= [a-zçğıöşü])", re.IGNORECASE)
_OTHERS = ("Viyana", "Nikola", "Trabzon", "Ferdinand", "Budapeşte", "Kazım", "Edirne", "Wilhelm", "Belgrad", "Nazım")


_CLAIMS = (
    "Bu karar halk arasında büyük bir sevinçle karşılandı.",
    "Konuyla ilgili ayrıntılı bir rapor sonradan kamuoyuna açıklandı.",
    "Uzmanlar bunun uzun vadede zararlı olduğunu düşünüyor.",
    "Benzer bir uygulama komşu ülkelerde de yaygındır.",
    "Bunun asıl nedeni dönemin ekonomik sıkıntılarıydı.",
    "İşlem sırasında kimlik fotokopisi de istenir.",
)


def added(answer: str, rng: random.Random) -> str:
    """The answer with a claim behind it that has no figure and no name, and that no text here supports."""
    return f"{answer} {rng.choice(_CLAIMS)}"


def planted(answer: str, rng: random.Random) -> Iterator[tuple[str, str]]:
    """Kind (year, day, month, article, number, number in words, name) and the answer with that one thing wrong."""
    for found in _FIGURES.finditer(answer):
        article = answer[: found.start()].endswith("m. ") or _ORDINAL.match(answer, found.end())
        kind = "article" if article else "number"
        if _YEAR.fullmatch(found.group()):
            kind = "year"
        elif _BEFORE_MONTH.match(answer, found.end()):
            kind = "day"
        others = [one for one in _changed(found.group()) if kind not in _LIKELY or _LIKELY[kind].fullmatch(one)]
        yield kind, answer[: found.start()] + rng.choice(others) + answer[found.end() :]
    for kind, pattern, words in (("month", _MONTH, _MONTHS), ("number in words", _WORDS, _TENS)):
        for found in pattern.finditer(answer):
            other = rng.choice([word for word in words if word != found.group().lower()])
            written = other.title() if kind == "month" else other
            yield kind, answer[: found.start()] + written + answer[found.end() :]
    for found in _NAME.finditer(answer):
        if found.group().startswith(("Kanun", "Anayasa", "Borçlar")) or found.group().lower() in _MONTHS:
            continue
        yield "name", answer[: found.start()] + rng.choice(_OTHERS) + answer[found.end() :]


def _changed(figures: str) -> list[str]:
    """All that differ in one digit, none becoming 0."""
    return [
        figures[:at] + digit + figures[at + 1 :]
        for at, old in enumerate(figures)
        for digit in "123456789"
        if old.isdigit() and digit != old
    ]


def share(count: int, total: int) -> str:
    """`97.1% [96.7, 97.5] of 480`."""
    if not total:
        return "none of 0"
    part, z = count / total, 1.96
    middle = (part + z * z / (2 * total)) / (1 + z * z / total)
    width = z / (1 + z * z / total) * math.sqrt(part * (1 - part) / total + z * z / (4 * total * total))
    return f"{part:.1%} [{max(middle - width, 0):.1%}, {middle + width:.1%}] of {total}"
