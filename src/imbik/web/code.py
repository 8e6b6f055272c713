"""Finding what is read in columns in a text: code between fences, words between backticks, tables of Markdown.

Enters: a text. Leaves: the stretches that are code or a table, fences included: a page shows them as they were written,
in a font whose columns stand below one another, and draws no formula in code. Fences and backticks are read as
CommonMark does (https://spec.commonmark.org/0.31.2/#fenced-code-blocks, #code-spans), but for words over several lines,
and for code that is only indented: both are more often something else in what models write.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_CODE = re.compile(
    r"^ {0,3}(?P<fence>`{3,}(?=[^`\n]*$)|~{3,})[^\n]*(?:\n.*?(?:^ {0,3}(?P=fence)[`~]*[ \t]*$|\Z)|\Z)"
    r"|^[^\n|]*\|[^\n]*\n[ \t]*(?=[^\n]*\|)\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$"
    r"(?P<table>(?:\n[^\n|]*\|[^\n]*)*)"
    r"|(?<!`)(?P<ticks>`{1,3})(?!`)[^\n]{1,300}?(?<!`)(?P=ticks)(?!`)",
    re.DOTALL | re.MULTILINE,
)


class Code(NamedTuple):
    """Characters [start, end) of the text, fences included; `alone`: lines of their own."""

    start: int
    end: int
    alone: bool
    table: bool = False


def codes(text: str) -> Iterator[Code]:
    """Every stretch of code of a text, in order. A block that is never closed goes on to the end."""
    for found in _CODE.finditer(text):
        table = found["table"] is not None
        yield Code(found.start(), found.end(), table or found["fence"] is not None, table)
