"""YAML as imbik reads it: plain data, and a paragraph instead of a crash for whatever is none.

Enters: text or bytes. Leaves: data and the node tree (for line numbers), or a YamlError with the line. Numbers such as
`1e-6` are numbers here, though PyYAML alone reads them as strings; a key written twice, a value that holds itself and
nesting without end are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

DEEPEST = 100
_FLOAT = re.compile(r"^[-+]?(\d[\d_]*)(\.\d*)?[eE][-+]?\d+$|^[-+]?(\d[\d_]*)?\.\d+([eE][-+]?\d+)?$")


class YamlError(Exception):
    """What is wrong, its 1-based line (0: unknown), and what to type. `syntax`: the text is no YAML at all."""

    def __init__(self, what: str, line: int, advice: str, *, syntax: bool = False) -> None:
        self.what, self.line, self.advice, self.syntax = what, line, advice, syntax
        super().__init__(what)


class _Loader(yaml.SafeLoader):
    """SafeLoader that refuses what would win silently, crash, or never end."""

    def __init__(self, stream: str | bytes) -> None:
        super().__init__(stream)
        self._open: list[str] = []  # the anchor ('' for none) of each node that this one stands in

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Compose one node, knowing inside which others it stands."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        line, anchor, alias = event.start_mark.line + 1, event.anchor, isinstance(event, yaml.AliasEvent)
        if alias and anchor in self._open:
            raise YamlError(
                f"'*{anchor}' stands inside '&{anchor}', so the value would hold itself",
                line,
                "write out what is meant there",
            )
        if len(self._open) == DEEPEST:
            raise YamlError(f"this is nested more than {DEEPEST} levels deep", line, "take the needless brackets out")
        self._open.append("" if alias else anchor or "")
        node = super().compose_node(parent, index)
        self._open.pop()
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Build a mapping of words to values; a repeated key would silently win over the first."""
        seen: set[str] = set()
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise YamlError("a key is a list or mapping here", line, "write a word before the colon, as in name: x")
            if key.value in seen:
                raise YamlError(f"key '{key.value}' is written twice", line, "keep one of the two")
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Build one value; text that only looks like a date or number is refused, and a NUL, which no path can hold."""
        try:
            value = super().construct_object(node, deep)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
            shown, kind = f"{node.value:.40}", node.tag.rpartition(":")[2]
            raise YamlError(
                f"'{shown}' is written as a {kind} and cannot be read as one",
                node.start_mark.line + 1,
                f"if it is text, put it in quotes: '{shown}'",
            ) from None
        if isinstance(value, str) and "\0" in value:
            raise YamlError("this text holds a NUL character", node.start_mark.line + 1, "take \\0 or \\x00 out of it")
        return value


_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789."))


def read_yaml(text: str | bytes) -> tuple[Any, yaml.Node | None]:
    """The one document as plain data, and its node tree (None for an empty text).

    Raises: YamlError.
    """
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        return (loader.construct_document(node) if node is not None else None), node
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        what = str(getattr(error, "problem", None) or error).replace("\n", " ")
        line, advice = mark.line + 1 if mark else 0, "look for a missing quote, bracket or colon there or just before"
        raise YamlError(f"not valid YAML: {what}", line, advice, syntax=True) from None


def lines_of(node: yaml.Node | None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], int]]:
    """The 1-based line of every key and list item, by its path."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield (*path, str(key.value)), key.start_mark.line + 1
            yield from lines_of(value, (*path, str(key.value)))
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield (*path, str(number)), item.start_mark.line + 1
            yield from lines_of(item, (*path, str(number)))
