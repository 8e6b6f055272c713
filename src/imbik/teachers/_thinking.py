"""Reasoning that a model wrote into its answer between `<think>` tags, taken apart.

Enters: text as a model wrote it. Leaves: reasoning, answer, and whether the reasoning was closed. Chat templates that
open the tag themselves leave only the closing one in the text.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_OPEN = re.compile(r"^\s*<(think|thinking|reasoning)>", re.IGNORECASE)
_CLOSE = re.compile(r"</(think|thinking|reasoning)>", re.IGNORECASE)


class Thought(NamedTuple):
    """The parts of an answer; `closed` is False when the reasoning never ended, so there is no answer."""

    reasoning: str
    answer: str
    closed: bool


def split_thinking(text: str) -> Thought:
    """Take leading reasoning off an answer; text without tags is all answer."""
    opened = _OPEN.match(text)
    closed = _CLOSE.search(text)
    if closed:
        start = opened.end() if opened and opened.end() <= closed.start() else 0
        return Thought(text[start : closed.start()].strip(), text[closed.end() :].strip(), True)
    if opened:
        return Thought(text[opened.end() :].strip(), "", False)
    return Thought("", text, True)
