"""LaTeX as mathematics a browser draws: the part of LaTeX that answers are written in, to MathML Core.

Enters: the LaTeX of one formula. Leaves: a node (`imbik.web.text`), or None for a formula with anything in it that is
not known here: then its source is shown, which is better than a wrong drawing. No script and no font is loaded
(https://www.w3.org/TR/mathml-core/). Of the libraries that draw LaTeX offline, KaTeX would be a second program of
300 kB with fonts; what is needed here is this page.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from imbik.web.mathematics_nodes import fence, row, styled, with_scripts
from imbik.web.mathematics_symbols import ACCENTS, BRACES, DELIMITERS, FUNCTIONS, SPACES, STYLES, SYMBOLS, WIDE
from imbik.web.mathematics_tables import UnknownError, table
from imbik.web.text import Node, unseen

DEEPEST = 40
_TOKEN = re.compile(
    r"\\(?P<command>[A-Za-z]+\*?|.)|(?P<number>\d+(?:(?:\.|,|\{,\}|\{\.\})\d+)*)|(?P<space>\s+)|(?P<character>.)",
    re.DOTALL,
)
_OPERATORS = frozenset("+-*/=<>()[]|!:;,.'?&@\"")


def mathml(latex: str, *, alone: bool = False) -> Node | None:
    """A `math` element, or None where the formula cannot be drawn faithfully."""
    if unseen(latex):
        return None
    try:
        reader = _Reader(latex)
        content = reader.until()
    except (UnknownError, RecursionError):
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
            raise UnknownError
        nodes = list[Node]()
        while True:
            kind, text = self.peek()
            if kind == "end":
                if ends:
                    raise UnknownError
                break
            if text in ends:
                self.take()
                break
            if text in {"}", "&", "\\\\"} or text in {r"\right", r"\end"}:
                raise UnknownError
            nodes.append(self.scripted(self.atom()))
        self.depth -= 1
        return nodes

    def scripted(self, base: Node) -> Node:
        """An atom with what stands above and below it."""
        under: Node | None = None
        over: Node | None = None
        primes, limits = "", None
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
            elif text in {r"\limits", r"\nolimits"}:
                self.take()
                limits = text == r"\limits"
            else:
                break
        if primes:
            over = ["mrow", {}, ["mo", {}, primes], *([over] if over is not None else [])]
        return with_scripts(base, under, over, limits=limits)

    def atom(self) -> Node:
        """The next thing that can carry scripts."""
        kind, text = self.take()
        if kind == "number":
            return ["mn", {}, text.replace("{", "").replace("}", "")]
        if text == "{":
            return row(self.until("}"))
        if kind == "command":
            return self.command(text[1:])
        if kind == "end" or text in "}^_#$":
            raise UnknownError
        if text in _OPERATORS:
            close = {"lspace": "0", "rspace": "0"} if text == "|" else {}  # `|x|`, and nobody says where one opens
            return ["mo", {"stretchy": "false", **close}, {"-": "−", "*": "∗", "'": "′"}.get(text, text)]
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
            raise UnknownError
        return ["mn", {}, text[0]]

    def command(self, name: str) -> Node:
        """A command with its arguments."""
        if name in SYMBOLS:
            tag, symbol = SYMBOLS[name]
            return [tag, {"movablelimits": "true", "largeop": "true"} if name in WIDE else {}, symbol]
        if name in BRACES:
            tag, symbol = BRACES[name]
            return [tag, {"class": "brace"}, self.argument(), ["mo", {"stretchy": "true"}, symbol]]
        if name in FUNCTIONS:
            return ["mi", {"class": "function name"}, FUNCTIONS[name]]
        if name in SPACES:
            return ["mspace", {"width": SPACES[name]}]
        if name in STYLES:
            return self.words(STYLES[name])
        if name in ACCENTS:
            tag, symbol, stretchy = ACCENTS[name]
            held = {"accentunder" if tag == "munder" else "accent": "true"}
            return [tag, held, self.argument(), ["mo", {"stretchy": stretchy}, symbol]]
        made = _COMMANDS.get(name)
        if made is None:
            raise UnknownError
        return made(self)

    def words(self, style: str) -> Node:
        """A group taken as written: `\\text{elma sayısı}`."""
        if self.peek()[1] != "{":
            kind, text = self.take()
            if kind not in {"character", "number"}:
                raise UnknownError
            return styled(style, text)
        self.take()
        depth, said = 1, list[str]()
        while self.at < len(self.tokens):
            kind, text = self.tokens[self.at]
            self.at += 1
            depth += (text == "{") - (text == "}")
            if not depth:
                return styled(style, "".join(said))
            if kind == "command" and text[1:] not in {"%", "$", "&", "#", "_", "{", "}", " ", ","}:
                raise UnknownError
            said.append(text[1:] if kind == "command" else text)
        raise UnknownError

    def delimiter(self) -> str:
        kind, text = self.take()
        name = text[1:] if kind == "command" else text
        if kind == "end" or name not in DELIMITERS:
            raise UnknownError
        return DELIMITERS[name]

    def fenced(self) -> Node:
        """`\\left( … \\right)`."""
        opening = self.delimiter()
        inside = self.until(r"\right")
        return row([fence(opening), *inside, fence(self.delimiter())])

    def fraction(self) -> Node:
        return ["mfrac", {}, self.argument(), self.argument()]

    def binomial(self) -> Node:
        return row([fence("("), ["mfrac", {"linethickness": "0"}, self.argument(), self.argument()], fence(")")])

    def root(self) -> Node:
        if self.peek()[1] != "[":
            return ["msqrt", {}, self.argument()]
        self.take()
        index = row(self.until("]"))
        return ["mroot", {}, self.argument(), index]

    def boxed(self) -> Node:
        return ["mrow", {"class": "boxed"}, self.atom()]

    def stacked(self, tag: str = "mover") -> Node:
        """`\\overset{a}{b}`, `\\underset{a}{b}`."""
        beside = self.argument()
        return [tag, {}, self.argument(), beside]

    def arrow(self, symbol: str) -> Node:
        """`\\xrightarrow{a}`."""
        return ["mover", {}, ["mo", {"stretchy": "true"}, symbol], ["mpadded", {}, self.argument()]]

    def modulus(self) -> Node:
        """`\\pmod{7}`."""
        word: Node = ["mi", {"class": "function"}, "mod"]
        gaps: list[Node] = [["mspace", {"width": width}] for width in ("0.5em", "0.33em")]
        return row([gaps[0], fence("("), word, gaps[1], self.argument(), fence(")")])

    def negated(self) -> Node:
        """`\\not=`: the sign with a stroke."""
        base = self.atom()
        if not (isinstance(base, list) and base[0] == "mo" and isinstance(base[-1], str) and len(base[-1]) == 1):
            raise UnknownError
        return ["mo", {}, unicodedata.normalize("NFC", base[-1] + "\u0338")]

    def lines(self) -> Node:
        """`\\substack{i<n \\\\ j<m}`."""
        if self.take()[1] != "{":
            raise UnknownError
        rows, nodes = list[Node](), list[Node]()
        while (text := self.peek()[1]) != "}":
            if text == r"\\":
                self.take()
                rows.append(["mtr", {}, ["mtd", {}, *nodes]])
                nodes = []
            else:
                nodes.append(self.scripted(self.atom()))
        self.take()
        return ["mtable", {}, *rows, ["mtr", {}, ["mtd", {}, *nodes]]]

    def name(self) -> str:
        """`{pmatrix}`."""
        if self.take()[1] != "{":
            raise UnknownError
        said = ""
        while self.at < len(self.tokens):
            text = self.tokens[self.at][1]
            self.at += 1
            if text == "}":
                return said
            said += text
        raise UnknownError


_COMMANDS: dict[str, Callable[[_Reader], Node]] = {
    "frac": _Reader.fraction, "dfrac": _Reader.fraction, "tfrac": _Reader.fraction, "cfrac": _Reader.fraction,
    "binom": _Reader.binomial, "sqrt": _Reader.root, "left": _Reader.fenced, "boxed": _Reader.boxed,
    "begin": table, "overset": _Reader.stacked, "stackrel": _Reader.stacked,
    "underset": lambda r: r.stacked("munder"), "xrightarrow": lambda r: r.arrow("→"),
    "xleftarrow": lambda r: r.arrow("←"), "pmod": _Reader.modulus, "not": _Reader.negated, "substack": _Reader.lines,
    "middle": lambda r: fence(r.delimiter()),
}  # fmt: skip
_COMMANDS |= {style: lambda _: ["mrow", {}] for style in ("displaystyle", "textstyle", "nonumber", "notag")}
_SIZES = [f"{size}{side}" for size in ("big", "Big", "bigg", "Bigg") for side in ("", "l", "r", "m")]
_COMMANDS |= {size: lambda reader: fence(reader.delimiter()) for size in _SIZES}
