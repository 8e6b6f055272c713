"""Wrong facts planted into right answers, by means that know nothing of the checks that are to find them.

Enters: an answer. Leaves: copies of it, each with one thing wrong: a digit of a number, of a year or of an article
changed, a number word or a name put in another's place. `share` writes a share with its 95% interval (Wilson).
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
_WORDS = re.compile(rf"\b({'|'.join(_TENS)})(?= [a-zçğıöşü])", re.IGNORECASE)
_OTHERS = ("Viyana", "Nikola", "Trabzon", "Ferdinand", "Budapeşte", "Kazım", "Edirne", "Wilhelm", "Belgrad", "Nazım")


def planted(answer: str, rng: random.Random) -> Iterator[tuple[str, str]]:
    """Kind (year, article, number, number in words, name) and the answer with that one thing wrong."""
    for found in _FIGURES.finditer(answer):
        digit = rng.choice([at for at in range(*found.span()) if answer[at].isdigit()])
        others = [one for one in "123456789" if one != answer[digit]]
        wrong = answer[:digit] + rng.choice(others) + answer[digit + 1 :]
        article = answer[: found.start()].endswith("m. ") or _ORDINAL.match(answer, found.end())
        year = re.fullmatch(r"1[0-9]{3}|20[0-2][0-9]", found.group())
        yield "article" if article else "year" if year else "number", wrong
    for found in _WORDS.finditer(answer):
        other = rng.choice([word for word in _TENS if word != found.group().lower()])
        yield "number in words", answer[: found.start()] + other + answer[found.end() :]
    for found in _NAME.finditer(answer):
        if found.group().startswith(("Kanun", "Anayasa", "Borçlar")):
            continue
        yield "name", answer[: found.start()] + rng.choice(_OTHERS) + answer[found.end() :]


def share(count: int, total: int) -> str:
    """`97.1% [96.7, 97.5] of 480`."""
    if not total:
        return "none of 0"
    part, z = count / total, 1.96
    middle = (part + z * z / (2 * total)) / (1 + z * z / total)
    width = z / (1 + z * z / total) * math.sqrt(part * (1 - part) / total + z * z / (4 * total * total))
    return f"{part:.1%} [{middle - width:.1%}, {middle + width:.1%}] of {total}"
