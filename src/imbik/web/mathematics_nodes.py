"""Nodes of MathML that formulas are built of: rows, brackets, words and letters, scripts.

Enters: the parts of an atom, as `mathematics` read them. Leaves: one node, as MathML Core wants it
(https://www.w3.org/TR/mathml-core/).
"""

from __future__ import annotations

import re

from imbik.web.mathematics_symbols import WIDE_WORDS, letters
from imbik.web.text import Node


def row(nodes: list[Node]) -> Node:
    """Several atoms as one."""
    return nodes[0] if len(nodes) == 1 else ["mrow", {}, *nodes]


def fence(symbol: str) -> Node:
    """A bracket, as tall as what it holds."""
    return ["mo", {"fence": "true", "stretchy": "true"}, symbol]


def styled(style: str, said: str) -> list[object]:
    """`mtext` for words, with the spaces at their ends, `mi` for letters of a style."""
    if style not in {"text", "bold text", "italic text"}:
        return ["mi", {"class": style}, letters(style, said)]
    spaced = re.sub(r"^\s+|\s+$", "\u00a0", said)
    return ["mtext", {"class": style.removesuffix(" text")} if style != "text" else {}, spaced]


def with_scripts(base: Node, under: Node | None, over: Node | None, *, limits: bool | None) -> Node:
    """Sums, limits and braces carry theirs below and above, all else beside; `limits`: what the formula says."""
    wide = limits
    if wide is None and isinstance(base, list):
        wide = (base[0] in {"mo", "mi"} and base[-1] in WIDE_WORDS) or base[1] == {"class": "brace"}
    if limits and isinstance(base, list) and base[0] == "mo":
        base = ["mo", {**base[1], "movablelimits": "false"}, *base[2:]]  # type: ignore[dict-item]
    if under is not None and over is not None:
        return ["munderover" if wide else "msubsup", {}, base, under, over]
    if under is not None:
        return ["munder" if wide else "msub", {}, base, under]
    return ["mover" if wide else "msup", {}, base, over] if over is not None else base
