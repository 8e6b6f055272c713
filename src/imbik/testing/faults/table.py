"""What a fault is: a name, one line about it, what it costs, how asking ends, and the bytes that do it.

Enters: a request that a rule picked, with the good answer to it. Leaves: bytes on the connection. A file beside this
one holds the faults of one layer and enters each in its own `TABLE` by the decorator.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from imbik.testing.connection import Connection, Request
from imbik.testing.formats import Format, Said

if TYPE_CHECKING:
    from imbik.testing.rules import Rule

JSON = {"Content-Type": "application/json"}
WRONG = Said("Cevap: yanlış-000000")
"""An answer that is right for no question."""
Paid = Literal["no", "answer", "limit"]


@dataclass(frozen=True)
class Call:
    """One request being answered: where, by which rule, in which format, and the good answer."""

    line: Connection
    request: Request
    rule: Rule
    form: Format
    body: Mapping[str, Any]
    said: Said
    number: int
    here: str  # the server's own address, http://HOST:PORT
    charge: Callable[[int], None]  # so many tokens were written, unless more were already

    def reply(self, said: Said | None = None) -> dict[str, Any]:
        """The reply as data; what it says was written."""
        self.charge((said or self.said).tokens)
        return self.form.reply(self.body, said or self.said, self.number)

    def whole(self, said: Said | None = None) -> bytes:
        """The reply as bytes."""
        return encode(self.reply(said))

    async def send(self, body: bytes, status: int = 200, headers: Mapping[str, str] = JSON) -> bool:
        """A well-formed reply with this body; the connection stays."""
        await self.line.reply(status, body, headers)
        return True

    async def refuse(self, status: int, message: str, code: str, headers: Mapping[str, str] | None = None) -> bool:
        """An error as the format writes it."""
        return await self.send(encode(self.form.error(status, message, code)), status, {**JSON, **(headers or {})})


@dataclass(frozen=True)
class Fault:
    """One line of the table.

    `paid`: what a provider would bill (nothing, the answer, all tokens that the limit allows). `ends`: the outcomes
    that a careful client gives a question that meets this fault every time. `visible` is False where nothing on the
    wire tells the answer from a good one. `formats`: the wire formats it exists in (empty: all).
    """

    name: str
    about: str
    act: Callable[[Call], Awaitable[bool]]
    paid: Paid
    ends: tuple[str, ...]
    visible: bool
    formats: tuple[str, ...]


Table = dict[str, Fault]


def enter(
    table: Table,
    name: str,
    *,
    ends: str,
    paid: Paid = "answer",
    visible: bool = True,
    formats: tuple[str, ...] = (),
) -> Callable[[Callable[[Call], Awaitable[bool]]], Callable[[Call], Awaitable[bool]]]:
    """Enter a function in a table under a name; the first line of its docstring is what `--faults` prints."""

    def entered(act: Callable[[Call], Awaitable[bool]]) -> Callable[[Call], Awaitable[bool]]:
        about = (act.__doc__ or "").partition("\n")[0].rstrip(".")
        table[name] = Fault(name, about, act, paid, tuple(ends.split()), visible, formats)
        return act

    return entered


def encode(value: object) -> bytes:
    """JSON bytes."""
    return msgspec.json.encode(value)
