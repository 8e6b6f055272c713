"""The questions of one teacher that are in batches, or on their way into one, as this process knows them.

Enters: flights, and what became of them. Leaves: who waits for which question, and why nobody need wait any more. The
same is written down in the answer store (`records`), without the questions' words.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from imbik.ask.answers import Stored
from imbik.ask.batch.records import BatchLine, RowLine, row_mark
from imbik.ask.flight import Flight
from imbik.core.errors import ImbikError
from imbik.privacy.decisions import Decision
from imbik.privacy.gate import HandedOver


@dataclass(frozen=True)
class Ended:
    """What became of a row: a stored reply, or why there is none. `tried`: this counts as one of its batches; `left`:
    an earlier process handed it over, so this run's audit chain may not know that it left."""

    raw: Stored | None = None
    reason: str = ""
    again: bool = True
    tried: bool = True
    blocked: bool = False
    left: HandedOver | None = None
    error: ImbikError | None = None


@dataclass(eq=False)
class Row:
    """A question in a batch, or on its way into one. One that an earlier process handed over has no flight yet."""

    flight: Flight | None
    done: asyncio.Future[Ended]
    body: bytes = b""
    most: int = 0
    reservation: int = 0

    @property
    def asked(self) -> Flight:
        """The flight of a row that was gathered here."""
        assert self.flight is not None
        return self.flight

    def line(self, number: int, token: str) -> RowLine:
        """What is written down of it in a batch."""
        flight = self.asked
        question, earlier = flight.question, str(flight.paid) if flight.paid else ""
        return RowLine(
            number,
            flight.key,
            question.sampling.max_tokens,
            question.sensitivity.rank,
            flight.purpose,
            self.most,
            self.reservation,
            earlier,
            row_mark(token, question.row),
        )


@dataclass
class Batch:
    """A batch under way, and those of its rows that are not settled, by number. `resumed`: an earlier process began it;
    `absent`: the provider never got it."""

    line: BatchLine
    rows: dict[int, RowLine]
    resumed: bool = False
    name: str = field(init=False)
    basis: str = field(init=False)
    absent: bool = field(default=False, init=False)
    count: int = field(init=False)

    def __post_init__(self) -> None:
        self.name, self.basis, self.count = self.line.name, self.line.basis, len(self.rows)

    @property
    def left(self) -> HandedOver | None:
        """When an earlier process let its rows leave; None where this one did, or nobody."""
        if not self.resumed or self.absent:
            return None
        moment = datetime.fromtimestamp(self.line.begun, UTC)
        return HandedOver(moment.isoformat(timespec="milliseconds"), self.basis)


class Rows:
    """Who waits for which question, by its key. `ended` is why nothing is handed over any more.

    Of questions that nobody had asked yet when an earlier process's batch ended, `brought` says that they had left, and
    `told` why they have no answer: who asks then is told, rather than the question handed over once more.
    """

    def __init__(self) -> None:
        self.ended: ImbikError | None = None
        self.brought: dict[bytes, HandedOver] = {}
        self._early: dict[bytes, Ended] = {}
        self._by_key: dict[bytes, Row] = {}

    def find(self, key: bytes) -> Row | None:
        """The row of a question, if it is in a batch or on its way."""
        return self._by_key.get(key)

    def add(self, key: bytes, row: Row) -> None:
        """From here on who asks for this question waits for this row."""
        self._by_key[key] = row

    def remove(self, key: bytes) -> None:
        """Nobody waits for it any more, and it is in no batch."""
        del self._by_key[key]

    def texts(self, key: bytes) -> tuple[str, ...] | None:
        """The words of a question, where this process knows them."""
        row = self._by_key.get(key)
        if row is None or row.flight is None:
            return None
        return tuple(message.content for message in row.flight.question.messages)

    def tell(self, key: bytes, found: Ended) -> None:
        """Whoever waits for a question hears what became of it."""
        row = self._by_key.pop(key, None)
        if row is None or row.flight is None:
            self._told_early(key, found)
        if row is not None and not row.done.done():
            row.done.set_result(found)

    def told(self, key: bytes) -> Ended | None:
        """What was to be told of a question before anybody asked it; once."""
        return self._early.pop(key) if key in self._early else None

    def _told_early(self, key: bytes, found: Ended) -> None:
        """Nobody waits for it yet."""
        if found.left is not None:
            self.brought[key] = found.left
        if found.raw is None:
            self._early[key] = found

    def tell_all(self, found: Ended) -> None:
        """Everybody hears the same."""
        for key in list(self._by_key):
            self.tell(key, found)

    def of(self, batch: Batch) -> Iterator[Row]:
        """The rows of a batch for which somebody waits."""
        for line in batch.rows.values():
            row = self._by_key.get(line.key)
            if row is not None and not row.done.done():
                yield row


def basis_of(decisions: Iterable[Decision]) -> str:
    """Why rows of a batch were allowed to leave: the contract, where public rows stand beside others."""
    reasons = [made.reason for made in decisions if made.allowed]
    return next((reason for reason in reasons if reason.startswith("contract:")), reasons[0] if reasons else "")
