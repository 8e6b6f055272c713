"""Finding the formulas in a text: `$…$`, `$$…$$`, `\\(…\\)`, `\\[…\\]`, and such as stand without any of these.

Those are `\\boxed{…}`, `\\frac{…}{…}` and `\\begin{align} … \\end{align}`. Enters: a text. Leaves: the stretches that
are formulas, with what to draw of each. A dollar sign is an amount of money where a formula would begin or end with a
space, or where a digit follows the closing one (the rule of pandoc's `tex_math_dollars`); a formula never runs over an
empty line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

LONGEST = 2_000
_FORMULA = re.compile(
    r"\$\$(?P<block>[^$]{1,2000})\$\$"
    r"|\\\[(?P<bracket>.{1,2000}?)\\\]"
    r"|\\\((?P<round>.{1,2000}?)\\\)"
    r"|(?<![\\$])\$(?P<dollar>(?![\s$])[^$\n]{1,500}?(?<![\s\\]))\$(?![\d$])"
    r"|(?P<lines>\\begin\{(?P<name>[a-zA-Z]{3,12}\*?)\}.{1,2000}?\\end\{(?P=name)\})"
    r"|(?P<bare>\\(?:boxed|d?frac|sqrt)\s*\{)",
    re.DOTALL,
)


class Formula(NamedTuple):
    """Characters [start, end) of the text, the LaTeX in them, and whether it stands by itself."""

    start: int
    end: int
    latex: str
    alone: bool


def formulas(text: str) -> Iterator[Formula]:
    """Every formula of a text, in order."""
    at = 0
    while (found := _FORMULA.search(text, at)) is not None:
        made = _bare(text, found) if found["bare"] else _fenced(found)
        if made is None:
            at = found.start() + 1
            continue
        yield made
        at = made.end


def _fenced(found: re.Match[str]) -> Formula | None:
    latex = found["block"] or found["bracket"] or found["round"] or found["dollar"] or found["lines"] or ""
    if not latex.strip() or "\n\n" in latex:
        return None
    alone = any(found[name] is not None for name in ("block", "bracket", "lines"))
    return Formula(found.start(), found.end(), latex, alone)


def _bare(text: str, found: re.Match[str]) -> Formula | None:
    """A command with its groups, without fences around it: as models write their results."""
    end = _group_end(text, found.end() - 1)
    if "frac" in found["bare"] and 0 < end < len(text) and text[end] == "{":
        end = _group_end(text, end)
    return Formula(found.start(), end, text[found.start() : end], False) if end > 0 else None


def _group_end(text: str, start: int) -> int:
    """The character after the group that begins there; 0 where it does not end."""
    depth = 0
    for at in range(start, min(len(text), start + LONGEST)):
        depth += (text[at] == "{") - (text[at] == "}")
        if not depth:
            return at + 1
    return 0
