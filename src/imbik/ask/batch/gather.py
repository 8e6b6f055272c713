"""Gathering: questions become files, once there is money for each.

Enters: flights. Leaves: rows, and files of them that fit what the provider takes: a full one at once, another when no
question has joined for a while. A file holds questions of one purpose.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from decimal import Decimal
from typing import Any

from imbik.ask.batch.rows import Ended, Row, Rows
from imbik.ask.budget import Purse
from imbik.ask.flight import Flight
from imbik.core.money import units
from imbik.teachers import ServedTeacher
from imbik.teachers._batch import BatchWire

_HOLDS = 64  # questions that wait for money at a time
_GATHER_SECONDS = 1.0  # without a new question before a file that is not full is handed over
_AROUND = 128  # bytes that a row has around its request, at most


class Gatherer:
    """The next files of one teacher. `start` runs work of its own, `carry` takes a file from here."""

    def __init__(
        self,
        name: str,
        teacher: ServedTeacher,
        wire: BatchWire,
        purse: Purse,
        rows: Rows,
        start: Callable[..., asyncio.Task[None]],
        carry: Callable[[Sequence[Row]], Coroutine[Any, Any, None]],
    ) -> None:
        self.seconds = min(_GATHER_SECONDS, wire.poll)
        self._name, self._teacher, self._wire, self._purse, self._rows = name, teacher, wire, purse, rows
        self._start, self._carry = start, carry
        self._waiting: dict[bytes, Row] = {}
        self._last_joined = 0.0
        self._task: asyncio.Task[None] | None = None
        self._money_turn = asyncio.Semaphore(_HOLDS)

    @property
    def quiet(self) -> float:
        """Seconds without a new question."""
        return time.monotonic() - self._last_joined

    @property
    def busy(self) -> bool:
        """Whether questions wait for their file to be handed over."""
        return bool(self._waiting)

    async def join(self, flight: Flight) -> Row:
        """Put a question into the next file, once there is money for it.

        Raises: BudgetSpentError; what ended the teacher meanwhile.
        """
        question, done = flight.question, asyncio.get_running_loop().create_future()
        body = self._teacher.request(question).body
        if len(body) + _AROUND > self._wire.most_bytes:
            reason = f"the question is longer than the {self._wire.most_bytes:,} bytes that a batch may hold"
            done.set_result(Ended(reason=reason, again=False))
            return Row(flight, done)
        share = self._share()
        async with self._money_turn:
            held = await self._purse.hold(self._name, self._teacher, question, flight.purpose, share, gathered=True)
        if self._rows.ended is not None:  # while this question waited for money: nobody would hand it over any more
            self._free(held.number)
            raise self._rows.ended
        most = units((self._teacher.cost_at_most(question) or Decimal(0)) * share)
        row = Row(flight, done, body, most, held.number)
        self._rows.add(flight.key, row)
        self._waiting[flight.key] = row
        self._last_joined = time.monotonic()
        if self._task is None:
            self._task = self._start(self._hand_over())
        return row

    def withdraw(self, row: Row) -> None:
        """Nobody waits for this question any more: it goes into no file, unless it is in one already."""
        key = row.asked.key
        if self._waiting.pop(key, None) is row:
            self._rows.remove(key)
            self._free(row.reservation)

    def drop(self) -> None:
        """Nothing is handed over any more."""
        for row in self._waiting.values():
            self._free(row.reservation)
        self._waiting.clear()

    def _share(self) -> Decimal:
        """The share of the price that a batch costs."""
        price = self._teacher.price
        return Decimal(1) if price is None or price.batch is None else price.batch

    async def _hand_over(self) -> None:
        """Hand files over as they get full, or when no question has joined for a while."""
        try:
            while self._waiting and self._rows.ended is None:
                rows = self._file()
                if len(rows) == len(self._waiting) < self._wire.most_rows and self.quiet < self.seconds:
                    await asyncio.sleep(self.seconds / 4)
                    continue
                for row in rows:
                    del self._waiting[row.asked.key]
                self._start(self._carry(rows), "handing over")
        finally:
            self._task = None

    def _file(self) -> list[Row]:
        """The rows that fit into one file, of one purpose, in the order in which they came."""
        rows: list[Row] = []
        size, purpose = 1024, ""
        for row in self._waiting.values():
            purpose = purpose or row.asked.purpose
            size += len(row.body) + _AROUND
            if rows and (len(rows) >= self._wire.most_rows or size > self._wire.most_bytes):
                break
            if row.asked.purpose == purpose:
                rows.append(row)
        return rows

    def _free(self, reservation: int) -> None:
        if reservation:
            self._purse.told(None, reservation)
