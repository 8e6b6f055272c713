"""Reasoning that a model wrote into its answer, taken apart: between tags, or in a channel of its own.

Enters: text as a model wrote it. Leaves: reasoning, answer, and whether the reasoning was closed. Known are the tags
`<think>`, `<thinking>`, `<thought>` (Gemini), `<reasoning>` and `[THINK]` (Mistral), anywhere in the text; chat
templates that open the tag themselves leave only the closing one. A Harmony reply (OpenAI's gpt-oss) that was served
raw has its reasoning in the channel `analysis` and its answer in `final`, with or without the special tokens.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_TAGS = "think|thinking|thought|reasoning"
_MARK = re.compile(rf"<(?P<end>/?)(?:{_TAGS})>|\[(?P<close>/?)THINK\]", re.IGNORECASE)
_CHANNEL = re.compile(
    r"<\|channel\|>(?P<name>\w+)[^<]*<\|message\|>(?P<text>.*?)(?=<\|end\|>|<\|return\|>|<\|start\|>|<\|channel\|>|\Z)",
    re.DOTALL,
)
_BARE = re.compile(r"\A\s*analysis(?P<reasoning>.*?)assistantfinal(?P<answer>.*)\Z", re.DOTALL)


class Thought(NamedTuple):
    """The parts of an answer; `closed` is False when the reasoning never ended, so there is no answer."""

    reasoning: str
    answer: str
    closed: bool


def split_thinking(text: str) -> Thought:
    """Take reasoning off an answer; text without tags or channels is all answer."""
    if "<|channel|>" in text:
        return _channels(text)
    if bare := _BARE.match(text):
        return Thought(bare["reasoning"].strip(), bare["answer"].strip(), True)
    if _MARK.search(text) is None:
        return Thought("", text, True)
    return _tagged(text)


def _tagged(text: str) -> Thought:
    """Text between tags is reasoning, and so is all that stands before a closing tag that nothing opened."""
    inside, outside = [], list[str]()
    place, opened, first = 0, False, True
    for mark in _MARK.finditer(text):
        closing = bool(mark["end"] or mark["close"])
        part = text[place : mark.start()]
        if opened or (closing and first):
            inside.append(part)
        else:
            outside.append(part)
        opened, first, place = not closing, False, mark.end()
    if opened:
        inside.append(text[place:])
        return Thought(_joined(inside), "", False)
    outside.append(text[place:])
    return Thought(_joined(inside), _joined(outside), True)


def _channels(text: str) -> Thought:
    """A Harmony reply: what is in the channel `final` is the answer, every other channel is reasoning."""
    found = [(match["name"], match["text"]) for match in _CHANNEL.finditer(text)]
    answer = [part for name, part in found if name == "final"]
    reasoning = [part for name, part in found if name != "final"]
    return Thought(_joined(reasoning), _joined(answer), bool(answer))


def _joined(parts: list[str]) -> str:
    return "\n".join(part.strip() for part in parts if part.strip())
