"""Reading numbers exactly, as people and models write them.

Enters: an answer such as `1.250,5 TL`, `$1,250.50`, `3/4`, `1 1/2 saat`, `%15`, `-2.5e3`, `18'dir`. Leaves: one normal
form (`1250.5`, `0.75`, `1.5`, `15`, `-2500`, `18`), or None where there is not exactly one number. Arithmetic is on
fractions, so nothing is rounded. Percent signs, currencies and units are dropped: `15%` and `15` are the same answer.
"""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction

# Languages in which `1.250` is 1250 and `1,250` is 1.25 are all but these.
DECIMAL_POINT = frozenset({"en", "zh", "ja", "ko", "th", "hi", "he", "ms"})
SPACE_GROUPS = frozenset({"hu", "sl", "fr", "ru", "pl", "cs", "sk", "uk", "bg", "fi", "sv", "nb", "no", "es", "pt"})
LONGEST = 80
LARGEST_EXPONENT = 60

_PLAIN = re.compile(r"-?(?:0|[1-9]\d{0,17})")
_SPECIAL_SPACE = re.compile(r"(?<=\d)[\u00a0\u2009\u202f](?=\d{3}(?!\d))")
_SUPERSCRIPTS = str.maketrans({"²": "^2", "³": "^3", "⁻": "-"})
_SIGNS = str.maketrans({"−": "-", "–": "-", "‒": "-", "﹣": "-", "⁄": "/", "∕": "/", "’": "'", "‘": "'", "ʼ": "'"})
_LATEX_FRACTION = re.compile(r"\\[dtc]?frac\s*\{\s*(-?\d+)\s*\}\s*\{\s*(\d+)\s*\}")
_LATEX_TEXT = re.compile(r"\\(?:text|mathrm|mbox|textbf|mathbf|boxed|fbox)\s*\{([^{}]*)\}")
_LATEX_NOISE = re.compile(r"\\[,;:! ()\[\]]|\\(?=[$%])|\\(?:left|right|quad)(?![a-z])")

_TOKEN = r"(?:\d+(?:[.,'_]\d+)*|(?<![\d\w])[.,]\d+)"  # noqa: S105 - a token of text
_SPACED = r"\d{1,3}(?:\ \d{3})+(?:[.,]\d+)?(?![\d])"
_POWER = r"(?:[eE][+-]?\d+(?!\w)|\s*[x×*·]\s*10\s*\^\s*\{?[+-]?\d+\}?)?"
_VALUE = r"""
    (?P<sign>(?<![\w)\]}}])[-+]\s?)?
    (?P<money>[$€₺£]\s?)?
    (?P<inner>(?<![\w)\]}}])-)?
    (?: (?P<whole>{number})(?:\s+|\s*-\s*|\s+(?:tam|and|ve|és|in)\s+)(?P<above>\d+)\s*/\s*(?P<below>\d+)(?![\d/.,]*\d)
      | (?P<top>{number})\s*/\s*(?P<bottom>{number})(?!\s*/\s*\d)
      | (?P<number>{number})(?P<power>{power}) )
"""
_GROUPED = re.compile(_VALUE.format(number=rf"(?:{_SPACED}|{_TOKEN})", power=_POWER), re.VERBOSE)
_COMMON = re.compile(_VALUE.format(number=_TOKEN, power=_POWER), re.VERBOSE)
_UNIT_POWER = re.compile(r"(?<=[a-zA-Zµ])\^?-?[23](?!\w)")
_OPERATORS = re.compile(r"[\d+*^√π±<>=≤≥\\]|\b(?:sqrt|pi)\b")
_LEADING_EQUALS = re.compile(r"^\s*(?:[a-zA-Z]\w?\s*)?[=≈:]\s*$")
_NEGATIVE_WORD = re.compile(r"\b(?:eksi|minus|negative|mínusz|negatif)\s*$", re.IGNORECASE)
_VARIABLE = re.compile(r"^[xyz](?!\w)|^\s?[√π^]")


def canonical_number(text: str, language: str = "en") -> str | None:
    """The normal form of the one number in `text`, or None when there is none, several, or an expression.

    Whole numbers are written plainly, terminating decimals without trailing zeros, other fractions as `p/q` reduced.
    """
    text = text.strip()
    if _PLAIN.fullmatch(text):
        return "0" if text == "-0" else text
    if not text or len(text) > 400:
        return None
    plain = _normalise(text)
    found = _pattern(language).search(plain)
    if found is None:
        return None
    before, after = plain[: found.start()], plain[found.end() :]
    if not _stands_alone(before, after):
        return None
    value = _value(found, language)
    if value is None:
        return None
    return write_number(-value if _NEGATIVE_WORD.search(before) else value)


def last_number(text: str, language: str = "en") -> str:
    """The last number in a text as it is written there (sign and separators, no unit), or "" when there is none."""
    last = ""
    for line in reversed(_normalise(text).splitlines()):
        for found in _pattern(language).finditer(line):
            last = found.group().strip()
        if last:
            break
    return last


def write_number(value: Fraction) -> str:
    """`18`, `1250.5`, `-0.75`, `1/3`: the one way a value is written."""
    top, bottom = value.numerator, value.denominator
    if bottom == 1:
        return str(top)
    places, rest = 0, bottom
    for prime in (2, 5):
        count = 0
        while rest % prime == 0:
            rest, count = rest // prime, count + 1
        places = max(places, count)
    if rest != 1:
        return f"{top}/{bottom}"
    digits = str(abs(top) * 10**places // bottom).rjust(places + 1, "0")
    return f"{'-' if top < 0 else ''}{digits[:-places]}.{digits[-places:]}"


def read_decimal(token: str, language: str = "en") -> Fraction | None:
    """The value of digits with separators, by shape first and by language where the shape leaves a choice."""
    token = token.replace(" ", "").replace("_", "")
    points, commas, ticks = token.count("."), token.count(","), token.count("'")
    if ticks:
        whole, *groups = token.split("'")
        last, mark, rest = groups[-1].partition(".") if points else groups[-1].partition(",")
        return _grouped([whole, *groups[:-1], last], rest) if _three((*groups[:-1], last)) else None
    if points and commas:
        decimal = "." if token.rfind(".") > token.rfind(",") else ","
        group = "," if decimal == "." else "."
        if token.count(decimal) > 1:
            return None
        head, _, rest = token.partition(decimal)
        return _grouped(head.split(group), rest) if _three(head.split(group)[1:]) else None
    if points + commas == 0:
        return Fraction(int(token))
    mark = "." if points else ","
    return _one_mark(token, mark, points + commas, language)


def _one_mark(token: str, mark: str, count: int, language: str) -> Fraction | None:
    """`1.250` or `1,250`: grouping or decimals?"""
    parts = token.split(mark)
    could_group = _three(parts[1:]) and 1 <= len(parts[0]) <= 3 and not parts[0].startswith("0")
    if count > 1:
        return _grouped(parts, "") if could_group else None
    grouping_mark = "," if language.split("-")[0] in DECIMAL_POINT else "."
    if could_group and mark == grouping_mark:
        return _grouped(parts, "")
    return _grouped([parts[0] or "0"], parts[1])


def _three(groups: tuple[str, ...] | list[str]) -> bool:
    return all(len(group) == 3 for group in groups)


def _grouped(groups: list[str], decimals: str) -> Fraction | None:
    if len(groups) > 1 and not 1 <= len(groups[0]) <= 3:
        return None
    return Fraction(int("".join(groups) + decimals), 10 ** len(decimals))


def _pattern(language: str) -> re.Pattern[str]:
    return _GROUPED if language.split("-")[0] in SPACE_GROUPS else _COMMON


def _normalise(text: str) -> str:
    """ASCII digits and signs, LaTeX and Markdown dressing taken off, vulgar fractions written out."""
    if not text.isascii():
        text = _SPECIAL_SPACE.sub("", text.translate(_SUPERSCRIPTS))
        text = "".join(_vulgar(char) for char in text)
        text = unicodedata.normalize("NFKC", text).translate(_SIGNS)
        if not text.isascii():
            text = "".join(_digit(char) for char in text)
    if "\\" in text or "{" in text:
        text = _LATEX_FRACTION.sub(r" \1/\2", text.replace("{,}", ","))
        text = _LATEX_NOISE.sub("", _LATEX_TEXT.sub(r" \1 ", text))
    if "$" in text and text.count("$") % 2 == 0:
        text = re.sub(r"\$([^$]*)\$", r"\1", text)
    return text.replace("**", "").replace("`", "").strip()


def _vulgar(char: str) -> str:
    """`½` as ` 1/2`, so that `1½` is not read as eleven halves."""
    if unicodedata.category(char) != "No" or "fraction" not in unicodedata.name(char, "").lower():
        return char
    written = unicodedata.normalize("NFKC", char)
    return " " + written if "\u2044" in written and written[-1].isdigit() else char


def _digit(char: str) -> str:
    return char if char.isascii() or not char.isdecimal() else str(unicodedata.decimal(char))


def _stands_alone(before: str, after: str) -> bool:
    """Whether what surrounds the number is words and units only, with no second number and no expression."""
    if before and (before[-1].isalnum() or before[-1] in "_^.,'/"):
        return False
    if _VARIABLE.match(after):
        return False
    before = "" if _LEADING_EQUALS.match(before) else before
    return not _OPERATORS.search(before) and not _OPERATORS.search(_UNIT_POWER.sub("", after))


def _value(found: re.Match[str], language: str) -> Fraction | None:
    if len(found.group()) > LONGEST:
        return None
    negative = "-" in (found["sign"] or "") or bool(found["inner"])
    value = _magnitude(found, language)
    return -value if negative and value is not None else value


def _magnitude(found: re.Match[str], language: str) -> Fraction | None:
    if found["whole"] is not None:
        whole, below = read_decimal(found["whole"], language), int(found["below"])
        return whole + Fraction(int(found["above"]), below) if whole is not None and below else None
    if found["top"] is not None:
        top, bottom = read_decimal(found["top"], language), read_decimal(found["bottom"], language)
        return top / bottom if top is not None and bottom else None
    value = read_decimal(found["number"], language)
    power = re.search(r"[+-]?\d+(?=\}?$)", found["power"] or "")
    if value is None or power is None:
        return value
    exponent = int(power.group())
    return value * Fraction(10) ** exponent if abs(exponent) <= LARGEST_EXPONENT else None
