"""LaTeX as mathematics a browser draws: the part of LaTeX that answers are written in, to MathML Core.

Enters: the LaTeX of one formula. Leaves: a node (`imbik.web.text`), or None for a formula with anything in it that is
not known here: then its source is shown, which is better than a wrong drawing. No script and no font is loaded
(https://www.w3.org/TR/mathml-core/). Of the libraries that draw LaTeX offline, KaTeX would be a second program of
300 kB with fonts; what is needed here is this page.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from imbik.web.mathematics_symbols import ACCENTS, DELIMITERS, FUNCTIONS, SPACES, STYLES, SYMBOLS, WIDE
from imbik.web.text import Node, unseen

DEEPEST = 40
_TOKEN = re.compile(
    r"\\(?P<command>[A-Za-z]+\*?|.)|(?P<number>\d+(?:(?:\.|,|\{,\}|\{\.\})\d+)*)|(?P<space>\s+)|(?P<character>.)",
    re.DOTALL,
)
_ENVIRONMENTS = {
    "matrix": ("", ""), "pmatrix": ("(", ")"), "bmatrix": ("[", "]"), "vmatrix": ("|", "|"), "cases": ("{", ""),
    "aligned": ("", ""), "align": ("", ""), "align*": ("", ""), "array": ("", ""), "gathered": ("", ""),
}  # fmt: skip
_OPERATORS = frozenset("+-*/=<>()[]|!:;,.'?&@\"")


class _UnknownError(Exception):
    """Something that this does not draw."""


def mathml(latex: str, *, alone: bool = False) -> Node | None:
    """A `math` element, or None where the formula cannot be drawn faithfully."""
    if unseen(latex):
        return None
    try:
        reader = _Reader(latex)
        content = reader.until()
    except (_UnknownError, RecursionError):
        return None
    return ["math", {"display": "block" if alone else "inline", "class": "formula"}, *content] if content else None


class _Reader:
    """One formula, token by token: each is (kind, text)."""

    def __init__(self, latex: str) -> None:
        self.tokens = [(str(found.lastgroup), found.group()) for found in _TOKEN.finditer(latex)]
        self.at, self.depth = 0, 0

    def peek(self) -> tuple[str, str]:
        """The next token that is no space."""
        while self.at < len(self.tokens) and self.tokens[self.at][0] == "space":
            self.at += 1
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "")

    def take(self) -> tuple[str, str]:
        found = self.peek()
        self.at += 1
        return found

    def until(self, *ends: str) -> list[Node]:
        """Atoms up to one of these tokens (or the end of the formula), which is taken."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise _UnknownError
        nodes = list[Node]()
        while True:
            kind, text = self.peek()
            if kind == "end":
                if ends:
                    raise _UnknownError
                break
            if text in ends:
                self.take()
                break
            if text in {"}", "&", "\\\\"} or text in {r"\right", r"\end"}:
                raise _UnknownError
            nodes.append(self.scripted(self.atom()))
        self.depth -= 1
        return nodes

    def scripted(self, base: Node) -> Node:
        """An atom with what stands above and below it."""
        under: Node | None = None
        over: Node | None = None
        primes = ""
        while True:
            _, text = self.peek()
            if text == "_" and under is None:
                self.take()
                under = self.argument()
            elif text == "^" and over is None:
                self.take()
                over = self.argument()
            elif text == "'":
                self.take()
                primes += "′"
            else:
                break
        if primes:
            over = ["mrow", {}, ["mo", {}, primes], *([over] if over is not None else [])]
        return _with_scripts(base, under, over)

    def atom(self) -> Node:
        """The next thing that can carry scripts."""
        kind, text = self.take()
        if kind == "number":
            return ["mn", {}, text.replace("{", "").replace("}", "")]
        if text == "{":
            return _row(self.until("}"))
        if kind == "command":
            return self.command(text[1:])
        if kind == "end" or text in "}^_#$":
            raise _UnknownError
        if text in _OPERATORS:
            return ["mo", {"stretchy": "false"}, {"-": "−", "*": "∗", "'": "′"}.get(text, text)]
        if text == "~":
            return ["mspace", {"width": "0.33em"}]
        if text == "%":  # a comment in LaTeX; models mean per cent, and leave the backslash away
            return ["mo", {}, "%"]
        return ["mi", {}, text] if text.isalpha() else ["mo", {}, text]

    def argument(self) -> Node:
        """What belongs to a command or a script: of digits without braces only the first, as in LaTeX."""
        kind, text = self.peek()
        if kind != "number" or len(text) == 1:
            return self.atom()
        self.tokens[self.at] = ("number", text[1:])
        if text[1] in ",.{":
            raise _UnknownError
        return ["mn", {}, text[0]]

    def command(self, name: str) -> Node:
        """A command with its arguments."""
        if name in SYMBOLS:
            tag, symbol = SYMBOLS[name]
            return [tag, {"movablelimits": "true", "largeop": "true"} if name in WIDE else {}, symbol]
        if name in FUNCTIONS:
            return ["mi", {"class": "function"}, FUNCTIONS[name]]
        if name in SPACES:
            return ["mspace", {"width": SPACES[name]}]
        if name in STYLES:
            return self.words(STYLES[name])
        if name in ACCENTS:
            tag, symbol, stretchy = ACCENTS[name]
            return [tag, {"accent": "true"}, self.atom(), ["mo", {"stretchy": stretchy}, symbol]]
        made = _COMMANDS.get(name)
        if made is None:
            raise _UnknownError
        return made(self)

    def words(self, style: str) -> Node:
        """A group taken as written: `\\text{elma sayısı}`."""
        if self.peek()[1] != "{":
            return [*_styled(style), self.take()[1]]
        self.take()
        depth, said = 1, list[str]()
        while self.at < len(self.tokens):
            kind, text = self.tokens[self.at]
            self.at += 1
            depth += (text == "{") - (text == "}")
            if not depth:
                return [*_styled(style), "".join(said)]
            if kind == "command" and text[1:] not in {"%", "$", "&", "#", "_", "{", "}", " ", ","}:
                raise _UnknownError
            said.append(text[1:] if kind == "command" else text)
        raise _UnknownError

    def delimiter(self) -> str:
        kind, text = self.take()
        name = text[1:] if kind == "command" else text
        if kind == "end" or name not in DELIMITERS:
            raise _UnknownError
        return DELIMITERS[name]

    def fenced(self) -> Node:
        """`\\left( … \\right)`."""
        opening = self.delimiter()
        inside = self.until(r"\right")
        return _row([_fence(opening), *inside, _fence(self.delimiter())])

    def fraction(self) -> Node:
        return ["mfrac", {}, self.argument(), self.argument()]

    def binomial(self) -> Node:
        return _row([_fence("("), ["mfrac", {"linethickness": "0"}, self.argument(), self.argument()], _fence(")")])

    def root(self) -> Node:
        if self.peek()[1] != "[":
            return ["msqrt", {}, self.argument()]
        self.take()
        index = _row(self.until("]"))
        return ["mroot", {}, self.argument(), index]

    def boxed(self) -> Node:
        return ["mrow", {"class": "boxed"}, self.atom()]

    def stacked(self) -> Node:
        """`\\overset{a}{b}`."""
        over = self.atom()
        return ["mover", {}, self.atom(), over]

    def environment(self) -> Node:
        """`\\begin{pmatrix} … \\end{pmatrix}`."""
        name = self.name()
        if name not in _ENVIRONMENTS:
            raise _UnknownError
        if name == "array":
            self.name()
        rows, cells, nodes = list[Node](), list[Node](), list[Node]()
        while True:
            text = self.peek()[1]
            if text not in {"&", r"\\", r"\end"}:
                nodes.append(self.scripted(self.atom()))
                continue
            self.take()
            cells.append(["mtd", {}, *nodes])
            nodes = []
            if text != "&":
                rows.append(["mtr", {}, *cells])
                cells = []
            if text == r"\end":
                break
        if self.name() != name:
            raise _UnknownError
        opening, closing = _ENVIRONMENTS[name]
        aside = {"class": "left"} if name in {"cases", "aligned", "align", "align*"} else {}
        table: Node = ["mtable", aside, *rows]
        return _row([*([_fence(opening)] if opening else []), table, *([_fence(closing)] if closing else [])])

    def name(self) -> str:
        """`{pmatrix}`."""
        if self.take()[1] != "{":
            raise _UnknownError
        said = ""
        while (text := self.take()[1]) != "}":
            if not text:
                raise _UnknownError
            said += text
        return said


_COMMANDS: dict[str, Callable[[_Reader], Node]] = {
    "frac": _Reader.fraction, "dfrac": _Reader.fraction, "tfrac": _Reader.fraction, "cfrac": _Reader.fraction,
    "binom": _Reader.binomial, "sqrt": _Reader.root, "left": _Reader.fenced, "boxed": _Reader.boxed,
    "begin": _Reader.environment, "overset": _Reader.stacked, "stackrel": _Reader.stacked,
    "displaystyle": lambda _: ["mrow", {}], "limits": lambda _: ["mrow", {}],
    "big": lambda r: _fence(r.delimiter()), "Big": lambda r: _fence(r.delimiter()),
    "bigl": lambda r: _fence(r.delimiter()), "bigr": lambda r: _fence(r.delimiter()),
    "Bigl": lambda r: _fence(r.delimiter()), "Bigr": lambda r: _fence(r.delimiter()),
}  # fmt: skip


def _row(nodes: list[Node]) -> Node:
    return nodes[0] if len(nodes) == 1 else ["mrow", {}, *nodes]


def _fence(symbol: str) -> Node:
    return ["mo", {"fence": "true", "stretchy": "true"}, symbol]


def _styled(style: str) -> list[object]:
    """`mtext` for words, `mi` for letters of a style."""
    return ["mtext", {}] if style == "text" else ["mi", {"class": style}]


def _with_scripts(base: Node, under: Node | None, over: Node | None) -> Node:
    """Sums and limits carry theirs below and above, all else beside."""
    wide = isinstance(base, list) and base[0] in {"mo", "mi"} and base[-1] in {"∑", "∏", "lim", "max", "min", "⋃", "⋂"}
    if under is not None and over is not None:
        return ["munderover" if wide else "msubsup", {}, base, under, over]
    if under is not None:
        return ["munder" if wide else "msub", {}, base, under]
    return ["mover" if wide else "msup", {}, base, over] if over is not None else base
