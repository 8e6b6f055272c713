"""Faults of the document: it is no JSON, or JSON of another shape than the API reference says.

Enters: a call. Leaves: a reply with status 200 and a right Content-Length. Where a shape could be read as an answer,
it holds a wrong one, so that a client that reads it is found out.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from imbik.testing.faults.table import WRONG, Call, Table, encode, enter

TABLE: Table = {}
_fault = partial(enter, TABLE, ends="malformed")
_OPENAI = ("openai",)
_Shape = Callable[[dict[str, Any], dict[str, Any]], object]


@_fault("cut_json")
async def cut_json(call: Call) -> bool:
    """Half a JSON document, with a right Content-Length."""
    whole = call.whole()
    return await call.send(whole[: len(whole) // 2])


@_fault("empty_body")
async def empty_body(call: Call) -> bool:
    """Status 200 without a body."""
    return await call.send(b"")


@_fault("html")
async def html(call: Call) -> bool:
    """Status 200 with a sign-in page."""
    return await call.send(b"<html><body>Giris yapin</body></html>", headers={"Content-Type": "text/html"})


@_fault("plain_text")
async def plain_text(call: Call) -> bool:
    """Status 200 with the bare text of an answer."""
    return await call.send(WRONG.text.encode(), headers={"Content-Type": "text/plain"})


@_fault("stream")
async def stream(call: Call) -> bool:
    """Server-sent events, though no stream was asked for."""
    body = b"data: " + call.whole(WRONG) + b"\n\ndata: [DONE]\n\n"
    return await call.send(body, headers={"Content-Type": "text/event-stream"})


@_fault("two_documents")
async def two_documents(call: Call) -> bool:
    """Two JSON documents, one after the other."""
    return await call.send(call.whole() + call.whole(WRONG))


@_fault("invalid_utf8")
async def invalid_utf8(call: Call) -> bool:
    """Bytes inside the answer that are no UTF-8."""
    marked = call.whole(WRONG).replace("yanlış".encode(), b"yanl\xfd\xfe\xff")
    return await call.send(marked)


@_fault("half_character")
async def half_character(call: Call) -> bool:
    """Half a surrogate pair inside the answer."""
    return await call.send(call.whole(WRONG).replace("yanlış".encode(), b"\\ud83d"))


@_fault("bom", ends="malformed answered")
async def bom(call: Call) -> bool:
    """A good answer after a byte order mark."""
    return await call.send(b"\xef\xbb\xbf" + call.whole())


@_fault("utf16")
async def utf16(call: Call) -> bool:
    """The document in UTF-16."""
    return await call.send(call.whole(WRONG).decode().encode("utf-16"))


@_fault("duplicate_keys")
async def duplicate_keys(call: Call) -> bool:
    """The same key twice in one object: a right answer, then a wrong one."""
    key = _holder(call)
    wrong = encode(call.reply(WRONG)[key])
    return await call.send(call.whole()[:-1] + b',"' + key.encode() + b'":' + wrong + b"}")


@_fault("deep")
async def deep(call: Call) -> bool:
    """Nested 40,000 levels deep."""
    return await call.send(b'{"' + _holder(call).encode() + b'":' + b"[" * 40_000 + b"]" * 40_000 + b"}")


@_fault("nan", formats=_OPENAI)
async def not_a_number(call: Call) -> bool:
    """NaN as a log-probability, which is no JSON."""
    logprobs = b'{"content":[{"token":"a","logprob":NaN}]}'
    return await call.send(
        call.whole(WRONG).replace(b'"finish_reason"', b'"logprobs":' + logprobs + b',"finish_reason"')
    )


@_fault("overflow", formats=_OPENAI)
async def overflow(call: Call) -> bool:
    """1e999 as a log-probability, which no number holds."""
    logprobs = b'{"content":[{"token":"a","logprob":-1e999}]}'
    return await call.send(
        call.whole(WRONG).replace(b'"finish_reason"', b'"logprobs":' + logprobs + b',"finish_reason"')
    )


def _holder(call: Call) -> str:
    """The key that holds what is answered."""
    return "choices" if call.form.name == "openai" else "content"


def _shape(name: str, about: str, change: _Shape, *, ends: str = "malformed", formats: tuple[str, ...] = ()) -> None:
    """Enter a fault that changes a reply as data; `change` is given the reply and the object that holds the text.

    Replies that end as an answer hold the good one, all others a wrong one.
    """

    async def act(call: Call) -> bool:
        reply = call.reply(None if "answered" in ends else WRONG)
        part = reply["choices"][0]["message"] if call.form.name == "openai" else reply["content"][-1]
        changed = change(reply, part)
        return await call.send(encode(reply if changed is None else changed))

    act.__doc__ = about
    _fault(name, ends=ends, formats=formats)(act)


def _text(value: object) -> _Shape:
    """Another value in the text's place."""

    def change(_: dict[str, Any], part: dict[str, Any]) -> None:
        part["content" if "role" in part else "text"] = value

    return change


def _choices(value: Callable[[list[Any]], object]) -> _Shape:
    """Another value in the place of the choices (Anthropic: the content)."""

    def change(reply: dict[str, Any], _: dict[str, Any]) -> None:
        key = "choices" if "choices" in reply else "content"
        reply[key] = value(reply[key])

    return change


def _without_choices(reply: dict[str, Any], _: dict[str, Any]) -> None:
    reply.pop("choices", None)
    reply.pop("content", None)


def _usage(value: object) -> _Shape:
    """Another count of tokens."""

    def change(reply: dict[str, Any], _: dict[str, Any]) -> None:
        reply["usage"] = dict.fromkeys(reply["usage"], value)

    return change


def _message(value: object) -> _Shape:
    """Another value in the message's place."""

    def change(reply: dict[str, Any], _: dict[str, Any]) -> None:
        reply["choices"][0]["message"] = value

    return change


_wrong = WRONG.text
_shape("list", "The document is a list with the reply in it.", lambda reply, _: [reply])
_shape("no_choices", "No choices (Anthropic: no content).", _without_choices)
_shape("empty_choices", "An empty list of choices (Anthropic: of content).", _choices(lambda _: []))
_shape("choices_object", "Choices are an object instead of a list.", _choices(lambda items: {"0": items[0]}))
_shape("choices_text", "Choices are a text.", _choices(lambda _: _wrong))
_shape("null_choices", "A list of null.", _choices(lambda _: [None]))
_shape("two_choices", "Two choices, though one was asked for.", _choices(lambda items: items * 2), formats=_OPENAI)
_shape("message_list", "The message is a list.", _message([{"content": _wrong}]), formats=_OPENAI)
_shape("message_text", "The message is a text.", _message(_wrong), formats=_OPENAI)
_shape("message_null", "The message is null.", _message(None), formats=_OPENAI)
_shape("content_number", "The answer is a number.", _text(42))
_shape("content_true", "The answer is true.", _text(True))
_shape("content_object", "The answer is an object.", _text({"text": _wrong}))
_shape("content_null", "The answer is null.", _text(None))
_shape("content_numbers", "The answer is a list of numbers.", _text([1, 2, 3]))
_shape("error_inside", "Status 200 with an error in the place of the reply.", lambda *_: {"error": {"message": "busy"}})
_shape("usage_negative", "A good answer with negative counts of tokens.", _usage(-(10**9)), ends="answered")
_shape("usage_absurd", "A good answer with 10**30 tokens.", _usage(10**30), ends="answered")
_shape("usage_text", "A good answer whose counts of tokens are texts.", _usage("çok"), ends="answered")
_shape(
    "usage_missing", "A good answer without counts of tokens.", lambda reply, _: _less(reply, "usage"), ends="answered"
)


def _less(reply: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in reply.items() if name != key}


@_fault("null")
async def null(call: Call) -> bool:
    """The document is null."""
    return await call.send(b"null")
