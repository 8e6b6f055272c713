"""Text of rows as a page shows it: every character seen, none obeyed.

Enters: any text. Leaves: nodes, of which a page's script makes elements: a node is text, or `[tag, attributes, *nodes]`
with a tag of the few that `static/nodes.js` makes. Text stays text: it is never markup on either side. Characters that
nobody sees and that change how others are read (controls such as ANSI escapes, direction marks, zero-width ones) become
labels that name them (Unicode's Trojan-source advice, UTR 36 and UTS 55).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeAlias

Node: TypeAlias = "str | list[object]"
LONGEST = 20_000
"""Characters that are shown at once; a page asks for more."""
_UNSEEN = re.compile(
    "([\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\ue000-\uf8ff"
    "\U000e0000-\U000e0fff\U000f0000-\U0010ffff])\\1*"
)  # static/nodes.js has the same one
_JOINED = frozenset("\u200c\u200d\ufe0f")  # between letters of Persian, or between emoji, they are as people write
_SHORT = {"\x1b": "ESC", "\x00": "NUL", "\x07": "BEL", "\x08": "BS", "\r": "CR", "\x7f": "DEL"}


class Mark(NamedTuple):
    """Characters [start, end) that something is said of: `name` is shared by marks that belong together, `kind` is how
    they look (`backed`, `doubted`, `noted`)."""

    start: int
    end: int
    name: str
    note: str = ""
    kind: str = ""


def unseen(text: str) -> bool:
    """Whether a text has characters that nobody sees."""
    return _UNSEEN.search(text) is not None


def plain(text: str) -> list[Node]:
    """Text with its unseen characters labelled, one label for several of a kind next to one another."""
    nodes, at = list[Node](), 0
    for found in _UNSEEN.finditer(text):
        if len(found.group()) == 1 and _as_people_write(text, found.start()):
            continue
        if found.start() > at:
            nodes.append(text[at : found.start()])
        nodes.append(_label(found.group()))
        at = found.end()
    if at < len(text):
        nodes.append(text[at:])
    return nodes


def one_line(text: str, width: int) -> str:
    """At most `width` characters in one line, with what is unseen written out."""
    line = " ".join(text[: 4 * width].split())
    line = _UNSEEN.sub(lambda found: f"‹{_name(found.group())}›", line)
    return line if len(line) <= width else f"{line[: width - 1]}…"


def pieces(length: int, marks: Sequence[Mark]) -> Iterator[tuple[int, int, list[Mark]]]:
    """Stretches of a text of that length, each with the marks that lie over it. Marks outside of the text are cut."""
    held = [mark for mark in marks if 0 <= mark.start < min(mark.end, length)]
    edges = sorted({0, length, *(mark.start for mark in held), *(min(mark.end, length) for mark in held)})
    for start, end in pairwise(edges):
        yield start, end, [mark for mark in held if mark.start < end and start < mark.end]


def marked(nodes: Sequence[Node], marks: Sequence[Mark]) -> list[Node]:
    """Nodes inside the marks that lie over them."""
    if not marks:
        return list(nodes)
    names, notes = " ".join(mark.name for mark in marks), "; ".join(filter(None, (mark.note for mark in marks)))
    kinds = " ".join(sorted({mark.kind for mark in marks if mark.kind}))
    more = {name: said for name, said in (("class", kinds), ("title", notes)) if said}
    return [["mark", {"data-mark": names, **more}, *nodes]]


def _as_people_write(text: str, at: int) -> bool:
    if text[at] not in _JOINED or not 0 < at < len(text) - 1 + (text[at] == "\ufe0f"):
        return False
    before = text[at - 1]
    return not before.isascii() and unicodedata.category(before)[0] in "LSM"


def _label(run: str) -> Node:
    return ["span", {"class": "unseen", "title": unicodedata.name(run[0], "")}, _name(run)]


def _name(run: str) -> str:
    name = _SHORT.get(run[0]) or f"U+{ord(run[0]):04X}"
    return name if len(run) == 1 else f"{name} ×{len(run)}"
