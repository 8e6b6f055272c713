"""Matrices, cases and lines that stand below one another, of LaTeX's `\\begin{…} … \\end{…}`.

Enters: a reader of one formula (`mathematics`) that has just read `\\begin`. Leaves: a table of MathML between its
brackets, or UnknownError for an environment, or anything in one, that is not known here.
"""

from __future__ import annotations

from typing import Protocol

from imbik.web.mathematics_nodes import fence
from imbik.web.text import Node

_ENVIRONMENTS = {
    "matrix": ("", ""), "pmatrix": ("(", ")"), "bmatrix": ("[", "]"), "vmatrix": ("|", "|"), "Bmatrix": ("{", "}"),
    "Vmatrix": ("‖", "‖"), "smallmatrix": ("", ""), "cases": ("{", ""), "dcases": ("{", ""), "rcases": ("", "}"),
    "array": ("", ""), "gathered": ("", ""), "gather": ("", ""), "gather*": ("", ""), "multline": ("", ""),
    "multline*": ("", ""), "equation": ("", ""), "equation*": ("", ""),
}  # fmt: skip
_SIDES = frozenset({"aligned", "align", "align*", "split", "alignedat", "alignat", "alignat*", "eqnarray", "eqnarray*"})
"""Lines whose odd columns stand to the right, against the even ones."""
_LEFT = frozenset({"cases", "dcases", "rcases"})
_COUNTED = frozenset({"alignedat", "alignat", "alignat*"})
MANY = frozenset({*_ENVIRONMENTS, *_SIDES})
"""Every environment that is drawn."""


class UnknownError(Exception):
    """Something that this does not draw."""


class Reader(Protocol):
    """What a table needs of the reader of its formula."""

    def peek(self) -> tuple[str, str]:
        """The next token, without taking it."""

    def take(self) -> tuple[str, str]:
        """The next token."""

    def name(self) -> str:
        """Characters of a group, as they are."""

    def atom(self) -> Node:
        """The next thing that can carry scripts."""

    def scripted(self, base: Node) -> Node:
        """It with its scripts."""


def table(reader: Reader) -> Node:
    """`\\begin{pmatrix} … \\end{pmatrix}`."""
    name = reader.name()
    if name not in MANY:
        raise UnknownError
    columns = reader.name() if name == "array" or name in _COUNTED else ""
    rows = _rows(reader)
    if reader.name() != name:
        raise UnknownError
    opening, closing = _ENVIRONMENTS.get(name, ("", ""))
    body: Node = ["mtable", _looks(name, columns), *rows]
    if not (opening or closing):
        return body
    return ["mrow", {}, *_fences(opening), body, *_fences(closing)]


def _rows(reader: Reader) -> list[Node]:
    """The rows up to `\\end`, which is taken. Lines between rows and the space after one are left out."""
    rows, cells, nodes = list[Node](), list[Node](), list[Node]()
    while True:
        text = reader.peek()[1]
        if text == r"\hline":
            reader.take()
            continue
        if text not in {"&", r"\\", r"\end"}:
            nodes.append(reader.scripted(reader.atom()))
            continue
        reader.take()
        cells.append(["mtd", {}, *nodes])
        if text == r"\\":
            _space(reader)
        last = text == r"\end" and len(cells) == 1 and not nodes and rows  # the last row ended, and no other one began
        nodes = []
        if text != "&":
            rows += [] if last else [["mtr", {}, *cells]]
            cells = []
        if text == r"\end":
            return rows


def _space(reader: Reader) -> None:
    """`[4pt]` after a row."""
    if reader.peek()[1] == "[":
        while (text := reader.take()[1]) != "]":
            if not text:
                raise UnknownError


def _looks(name: str, columns: str) -> dict[str, str]:
    if name in _SIDES:
        return {"class": "sides"}
    if name in _LEFT or set(columns) & set("lcr") == {"l"}:
        return {"class": "left"}
    return {"class": "right"} if set(columns) & set("lcr") == {"r"} else {}


def _fences(symbol: str) -> list[Node]:
    return [fence(symbol)] if symbol else []
