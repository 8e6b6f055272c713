"""A line of reasoning in pieces: numbers, signs, brackets, words and what is none of them.

Enters: a line, or a text with LaTeX in it. Leaves: tokens with their places, currency signs and Markdown left out; the
text with LaTeX's fractions and signs in plain ones, every character where it was.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from imbik.tasks.quantities import unit_of

_LETTER = r"[^\W\d_]"
_TOKEN = re.compile(
    rf"""
    (?P<skip> \*\*(?!(?<=[\d)]\*\*)[\d(]) | [\s$€₺£`_\\{{}}\u200b]+ )
  | (?P<stop> [<>!:~]=+ | => | == | [≠≤≥→;?!\n] | \.(?!\d) | ,(?!\d) )
  | (?P<equals> [=≈≅] )
  | (?P<times> (?<=[\d)%\s])[xX](?=\s*[$€₺£%]?\s*[\d(.]) )
  | (?P<word> (?<=[\d)])-(?={_LETTER}{{2}})[\w²³'’/-]+
            | /\s*(?={_LETTER}{{2}})[\w²³'’/-]+
            | {_LETTER}[\w²³]*(?:[-/'’.]{_LETTER}[\w²³]*)* )
  | (?P<variable> \d+(?::\d+)+ | 0\d+(?![\d.,]) | \d[\d.,]*(?!g\b|[xX][\d(.]){_LETTER}(?!{_LETTER})
            | \d+(?:[.,]\d+)*(?![xX]\d){_LETTER}+\d\w* )
  | (?P<number> (?:\d+(?:[.,]\d+)*|[.,]\d+)(?:['’]{_LETTER}+)? )
  | (?P<percent> % )
  | (?P<power> [²³] )
  | (?P<op> \*\* | [-+*/^×÷·∙−–⁄∕⋅] | (?<=\s):(?=\s) )
  | (?P<open> [(\[] ) | (?P<close> [)\]] )
  | (?P<rest> . )
    """,
    re.VERBOSE,
)
_OPERATORS = str.maketrans("×·∙⋅÷⁄∕:−–", "****////--")
_FRACTION = re.compile(r"\\[dtc]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}")
_SIGNS = re.compile(r"\\(?:times|cdot|div|approx|left|right|[,;!%$()\[\]])")
_SIGN = {r"\times": "*", r"\cdot": "*", r"\div": "/", r"\approx": "≈", r"\%": "%"}
_ARTICLE = re.compile(rf"[aAoOI](?=\s+{_LETTER}{{2}})")
_EVERYWHERE = {"thousand": 10**3, "milyon": 10**6, "million": 10**6, "milyar": 10**9, "billion": 10**9}


def magnitude(word: str, language: str = "tr") -> int:
    """1000 for `bin`, which is a thousand in Turkish and a box in English; 0 for any other word."""
    word = word.lower()
    return _EVERYWHERE.get(word, 1000 if word == "bin" and language.startswith("tr") else 0)


class Token(NamedTuple):
    """A piece of a line: its kind (number, op, open, close, word …), its text and where it begins and ends."""

    kind: str
    text: str
    start: int
    end: int


def tokens(line: str, offset: int = 0) -> list[Token]:
    """A line in pieces, without white space, currency signs and Markdown."""
    found = list[Token]()
    for match in _TOKEN.finditer(line):
        kind, text = str(match.lastgroup), match.group()
        if kind == "skip":
            continue
        if kind == "times":
            kind, text = "op", "*"
        elif kind == "op":
            text = text.translate(_OPERATORS)
            if text == "^" and found and found[-1].kind == "word":  # 4 W^2
                found[-1] = found[-1]._replace(kind="variable")
        elif kind == "word" and (text in {"percent", "yüzde"}):
            kind = "percent"
        elif kind == "word" and (len(text) == 1 or text[-1].isdigit()) and not _is_word(found, match):
            kind = "variable"
        found.append(Token(kind, text, offset + match.start(), offset + match.end()))
    return found


def _is_word(before: list[Token], match: re.Match[str]) -> bool:
    """Whether a letter is no variable: a unit (`5 m`, `20 m2`), or a word (`5 hours a week`)."""
    if not before or before[-1].kind not in {"number", "word"}:
        return False
    return (before[-1].kind == "number" and unit_of(match.group()) is not None) or bool(
        _ARTICLE.match(match.string, match.start())
    )


def without_latex(text: str) -> str:
    """LaTeX fractions and signs in plain ones, every character in its place."""
    text = _SIGNS.sub(lambda match: _SIGN.get(match[0], "").ljust(len(match[0])), text)
    return _FRACTION.sub(lambda match: f"({match[1]})/({match[2]})".ljust(len(match[0])), text)
