"""Faults of the text inside a well-formed reply: no answer, half an answer, somebody else's answer.

Enters: a call. Leaves: a reply with status 200, whole and readable, that a careless client would train on.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from imbik.testing.faults.table import JSON, WRONG, Call, Table, enter
from imbik.testing.formats import Said

TABLE: Table = {}
_fault = partial(enter, TABLE, ends="malformed")


@_fault("empty")
async def empty(call: Call) -> bool:
    """An answer without text."""
    return await call.send(call.whole(Said("")))


@_fault("whitespace")
async def whitespace(call: Call) -> bool:
    """An answer of spaces, line ends and zero-width characters."""
    return await call.send(call.whole(Said(" \n\t\u00a0\u200b\u2003 ")))


@_fault("refusal", ends="refused")
async def refusal(call: Call) -> bool:
    """The model declines."""
    return await call.send(call.whole(Said("Bunu yapamam.", finish="refusal")))


@_fault("filtered", ends="filtered refused")
async def filtered(call: Call) -> bool:
    """The provider's filter ends the answer (Anthropic: a refusal)."""
    return await call.send(call.whole(Said("", finish="filtered")))


@_fault("truncated", ends="truncated")
async def truncated(call: Call) -> bool:
    """An answer cut off by the length limit, and marked so."""
    cut = call.said.text[: max(1, len(call.said.text) // 2)]
    return await call.send(call.whole(Said(cut, finish="length")))


@_fault("cut_thought", ends="truncated")
async def cut_thought(call: Call) -> bool:
    """The length limit ends the reasoning; there is no answer."""
    return await call.send(call.whole(Said("", "önce 4 ile", finish="length")))


@_fault("open_thought")
async def open_thought(call: Call) -> bool:
    """A <think> that never ends, marked as complete."""
    return await call.send(call.whole(Said(f"<think>önce 4 ile… {WRONG.text}")))


@_fault("tool_call")
async def tool_call(call: Call) -> bool:
    """A tool is called instead of answering."""
    return await call.send(call.whole(Said("", finish="tool")))


@_fault("another", ends="answered", visible=False)
async def another(call: Call) -> bool:
    """The answer to another question; nothing on the wire shows it, the checks of the answer do."""
    return await call.send(call.whole(WRONG))


@_fault("huge", ends="failed pending", paid="limit")
async def huge(call: Call) -> bool:
    """A well-formed answer of `bytes` bytes."""
    return await call.send(call.whole(Said("a" * call.rule.bytes)))


@_fault("wrong_type", ends="answered")
async def wrong_type(call: Call) -> bool:
    """A good answer that calls itself text/html."""
    return await call.send(call.whole(), headers={"Content-Type": "text/html; charset=iso-8859-9"})


@_fault("long_thought", ends="answered")
async def long_thought(call: Call) -> bool:
    """A good answer after 5,000 words of reasoning."""
    return await call.send(call.whole(replace(call.said, reasoning="adım " * 5000)))


def _thinking(place: str) -> None:
    async def act(call: Call) -> bool:
        return await call.send(call.whole(replace(call.said, reasoning="önce düşün", place=place)), headers=JSON)

    act.__doc__ = f"A good answer with its reasoning in {_PLACES[place]}."
    name = place if place.startswith("reasoning") else f"reasoning_{place}"
    _fault(name, ends="answered", formats=("openai",))(act)


_PLACES = {
    "reasoning_content": "`reasoning_content` (DeepSeek, vLLM, xAI)",
    "reasoning": "`reasoning` (OpenRouter, Groq)",
    "reasoning_details": "`reasoning_details` (OpenRouter)",
    "parts": "parts of the content (Mistral)",
    "tags": "<think> tags in the text",
}
for _place in _PLACES:
    _thinking(_place)


async def _blocks(call: Call) -> bool:
    """A good answer after a thinking block."""
    return await call.send(call.whole(replace(call.said, reasoning="önce düşün")))


_fault("reasoning_block", ends="answered", formats=("anthropic",))(_blocks)
