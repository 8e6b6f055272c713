"""The quick way through lines whose equations are plain and right: whole numbers, one equals sign after the other.

Enters: a line. Leaves: how many of its equations are plain and right, where all of them are; else None, and the line is
read with care. Nothing is called wrong here, so a hasty reading can do no harm.
"""

from __future__ import annotations

import re

_NUMBER = r"\$?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d{1,12})"
_SIGN = r"\s?[-+*/x×]\s?"
_PLAIN = re.compile(
    rf"(?<![\w.,)%/^*+×÷=$:−-])(?<![-+*/=×÷]\s)({_NUMBER}(?:{_SIGN}{_NUMBER}){{1,6}})\s?=\s?({_NUMBER})"
    r"(?![\w%/^*×÷:'’²³(]|[.,]\d|\s?[-+*/x×÷=]|\s(?:million|thousand|billion|hundred|dozen|milyon|milyar|bin|yüz|buçuk)\b)"
)
_PIECES = re.compile(r"\d+|[-+*/x×]")


def plain_and_right(line: str, *, commas_group: bool) -> int | None:
    """How many equations the line holds, where each is plain and right; `commas_group`: `1,250` is a thousand."""
    if "," in line and not commas_group:
        return None
    found = _PLAIN.findall(line)
    if len(found) != line.count("=") or not all(_right(left, right) for left, right in found):
        return None
    return len(found)


def _right(left: str, right: str) -> bool:
    """Whether a sum of products comes to the right side; a division counts where it leaves no rest."""
    pieces = _PIECES.findall(left.replace(",", ""))
    total, term = 0, int(pieces[0])
    for sign, number in zip(pieces[1::2], pieces[2::2], strict=True):
        value = int(number)
        if sign in "*x×":
            term *= value
        elif sign == "/":
            if not value or term % value:
                return False
            term //= value
        else:
            total, term = total + term, value if sign == "+" else -value
    return total + term == int(right.replace(",", "").replace("$", ""))
