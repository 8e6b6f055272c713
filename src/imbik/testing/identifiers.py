"""Made-up identifiers with right checks, and the ways people write them: for tests and benchmarks of detectors.

Enters: a random generator. Leaves: numbers that belong to nobody by intent (any valid number may be somebody's), worked
out here from the published rules and not by the library that the detectors ask.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

_CARDS = (("4", 16), ("51", 16), ("55", 16), ("2221", 16), ("9792", 16), ("37", 15), ("34", 15))
_GROUPS = {"tckn": (3, 3, 3, 2), "vkn": (3, 3, 4), "iban": (4,) * 6 + (2,), "card": (4,) * 4}
Disguise = Callable[[str, str, Random], str]


def tckn(random: Random) -> str:
    """Nine digits, then `7 * odd - even` and the sum of ten, both by ten."""
    digits = [random.randint(1, 9), *(random.randint(0, 9) for _ in range(8))]
    digits.append((7 * sum(digits[0::2]) - sum(digits[1::2])) % 10)
    return "".join(map(str, [*digits, sum(digits) % 10]))


def vkn(random: Random) -> str:
    """Nine digits, then the check of the tax office."""
    digits = [random.randint(0, 9) for _ in range(9)]
    total = 0
    for place, digit in enumerate(digits):
        shifted = (digit + 9 - place) % 10
        part = shifted * 2 ** (9 - place) % 9
        total += 9 if shifted and not part else part
    return "".join(map(str, [*digits, (10 - total % 10) % 10]))


def iban(random: Random) -> str:
    """A Turkish account: bank, reserve digit 0, account; the checks make the remainder by 97 one."""
    account = f"{random.randint(1, 999):05d}0{random.randrange(10**16):016d}"
    return f"TR{98 - int(account + '292700') % 97:02d}{account}"


def card(random: Random) -> str:
    """A card of a network, with Luhn's check digit."""
    first, length = random.choice(_CARDS)
    body = first + "".join(str(random.randint(0, 9)) for _ in range(length - len(first) - 1))
    total = sum(sum(divmod(int(digit) * (1 + (place % 2 == 0)), 10)) for place, digit in enumerate(reversed(body)))
    return body + str(-total % 10)


MAKERS: dict[str, Callable[[Random], str]] = {"tckn": tckn, "vkn": vkn, "iban": iban, "card": card}
"""Kind to maker; the kind is the detector's name."""


def grouped(kind: str, number: str, gap: str) -> str:
    """In the groups that are usual for the kind."""
    sizes = (4, 6, 5) if kind == "card" and len(number) == 15 else _GROUPS[kind]
    parts, at = [], 0
    for size in sizes:
        parts.append(number[at : at + size])
        at += size
    return gap.join(parts)


def _broken(_: str, number: str, random: Random) -> str:
    at = random.randint(3, len(number) - 3)
    return f"{number[:at]}\n{number[at:]}"


def _suffixed(_: str, number: str, random: Random) -> str:
    return number + random.choice(["'in", "’nin", "'den", "'e", "'i", "’ye", "'yla", "'DEN"])


def _glued(kind: str, number: str, random: Random) -> str:
    words = {"tckn": ["TC", "T.C.", "TCKN", "tc"], "vkn": ["VKN"], "iban": ["IBAN"], "card": ["KART"]}
    return random.choice(words[kind]) + number


def _in_pieces(_: str, number: str, random: Random) -> str:
    gap, pieces, at = random.choice([" ", "-", "."]), [], 0
    while at < len(number):
        size = random.randint(2, 5)
        pieces.append(number[at : at + size])
        at += size
    return gap.join(pieces)


def _digits(zero: int) -> Disguise:
    return lambda _, number, __: "".join(chr(zero + int(item)) if item.isdigit() else item for item in number)


def _between(mark: str) -> Disguise:
    return lambda _, number, __: mark.join(number)


def _gap(gap: str) -> Disguise:
    return lambda kind, number, _: grouped(kind, number, gap)


DISGUISES: dict[str, Disguise] = {
    "plain": lambda _, number, __: number,
    "spaces": _gap(" "),
    "dots": _gap("."),
    "dashes": _gap("-"),
    "slashes": _gap("/"),
    "no-break spaces": _gap("\u00a0"),
    "digit by digit": _between(" "),
    "uneven groups": _in_pieces,
    "line break": _broken,
    "full-width": lambda _, number, __: "".join(chr(ord(item) + 0xFEE0) for item in number),
    "Arabic-Indic": _digits(0x0660),
    "Persian": _digits(0x06F0),
    "mathematical bold": _digits(0x1D7CE),
    "zero-width spaces": _between("\u200b"),
    "soft hyphens": _between("\u00ad"),
    "struck through": lambda _, number, __: "".join(item + "\u0336" for item in number),
    "word glued in front": _glued,
    "Turkish suffix": _suffixed,
    "letters O and l": lambda _, number, __: number.replace("0", "O").replace("1", "l"),
}
"""Name to a function of kind, number and random generator that writes the number so."""
