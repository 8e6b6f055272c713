"""The quick way through lines whose equations are plain and right: numbers and signs, one equals sign after the other.

Enters: a line. Leaves: how many of its equations are plain and right, where all of them are; else None, and the line is
read with care. Nothing is called wrong here, so a hasty reading can do no harm.
"""

from __future__ import annotations

import re

_SIGN = r"\s?[-+*/x×]\s?"
_PIECES = re.compile(r"[\d.]+|[-+*/x×]")


def _plain(group: str, point: str, places: str) -> re.Pattern[str]:
    """`2 * 3.5 = 7` in numbers written with this group mark, this decimal mark and so many decimals."""
    whole = rf"\d{{1,3}}(?:{group}\d{{3}})+(?!\d)|\d{{1,12}}"
    number = rf"\$?(?:(?:{whole})(?:{point}\d{places})?|{point}\d{places})"
    magnitudes = "million|thousand|billion|hundred|dozen|milyon|milyar|bin|yüz|buçuk"
    return re.compile(
        rf"(?<![\w.,)%/^*+×÷=$:−-])(?<![-+*/=×÷]\s)({number}(?:{_SIGN}{number}){{1,6}})\s?=\s?({number})"
        rf"(?![\w%/^*×÷:'’²³(]|[.,]\d|\s?[-+*/x×÷=]|\s(?:{magnitudes})\b)"
    )


_POINT = _plain(",", r"\.", "{1,9}")
_COMMA = _plain(r"\.", ",", "{1,2}(?!\\d)")  # three decimals may be a thousand written the English way


def plain_and_right(line: str, *, commas_group: bool) -> int | None:
    """How many equations the line holds, where each is plain and right; `commas_group`: `1,250` is a thousand."""
    if "≈" in line or "≅" in line:
        return None
    found = (_POINT if commas_group else _COMMA).findall(line)
    if not found or len(found) != line.count("="):
        return None
    for left, right in found:
        if commas_group:
            left, right = left.replace(",", ""), right.replace(",", "")
        else:
            left, right = (side.replace(".", "").replace(",", ".") for side in (left, right))
        if not _right(left, right):
            return None
    return len(found)


def _right(left: str, right: str) -> bool:
    """Whether a sum of products comes to just the right side; in fractions, so that nothing is rounded."""
    pieces = _PIECES.findall(left)
    top, under = _ratio(pieces[0])
    total_top, total_under = 0, 1
    for sign, number in zip(pieces[1::2], pieces[2::2], strict=True):
        over, below = _ratio(number)
        if sign in "*x×":
            top, under = top * over, under * below
        elif sign == "/":
            if not over:
                return False
            top, under = top * below, under * over
        else:
            total_top, total_under = total_top * under + top * total_under, total_under * under
            top, under = over if sign == "+" else -over, below
    said, by = _ratio(right.replace("$", ""))
    return (total_top * under + top * total_under) * by == said * total_under * under


def _ratio(number: str) -> tuple[int, int]:
    """`3.50` as 350 / 100."""
    whole, point, decimals = number.partition(".")
    return (int(whole + decimals), 10 ** len(decimals)) if point else (int(number), 1)
