"""Settling: what became of a row is stored and paid in one commit, and only then told.

Enters: rows of a batch, with what became of each. Leaves: answers in the store, lines in the ledger, claims given on or
back, and everybody who waits told. A row that was settled before is settled once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from sqlite3 import Connection

from imbik.ask import ledger
from imbik.ask.answers import AnswerStore, Stored
from imbik.ask.batch import records
from imbik.ask.batch.records import RowLine
from imbik.ask.batch.rows import Batch, Ended, Rows
from imbik.ask.batch.tended import Tended
from imbik.ask.budget import Purse
from imbik.ask.reading import read_stored
from imbik.core.money import units
from imbik.core.questions import Question
from imbik.core.types import Completion, Outcome, Sensitivity
from imbik.privacy.quiet import without_words_of, words_of_the_trade
from imbik.privacy.suppression import FILE_NAME, Suppression
from imbik.teachers import ServedTeacher


class Settler:
    """Settles the rows of one teacher's batches."""

    def __init__(
        self, name: str, teacher: ServedTeacher, store: AnswerStore, purse: Purse, rows: Rows, tended: Tended
    ) -> None:
        self._name, self._teacher, self._store, self._purse = name, teacher, store, purse
        self._rows, self._tended = rows, tended

    async def settle(self, batch: Batch, ended: Sequence[tuple[RowLine, Ended]], *, lost: bool = False) -> None:
        """Rows are settled, in one commit: the answer, the money, and that they are in no batch any more. `lost`: what
        they cost is not known."""
        if not ended:
            return
        token, levels, erased = batch.line.token, tuple(Sensitivity), self._erased_since(batch)
        plans = [(row, found, *self._booked(row, found, lost), self._owner(row)) for row, found in ended]
        gone = {row.number: why for row, found in ended if (why := self._names_erased(found, erased))}

        def work(connection: Connection) -> int:
            entries: list[ledger.Entry] = []
            for row, found, line, readable, owner in plans:
                if not records.settle(connection, token, row, owner):
                    continue
                if found.raw is not None and row.number not in gone:
                    put = self._store.put(
                        row.key, self._teacher.identity, found.raw, levels[row.sensitivity], readable=readable
                    )
                    put(connection)
                entries.append((line, row.reservation))
            return ledger.book(connection, batch.line.run, entries)

        self._purse.booked(await self._store.run(work))
        for row, found in ended:
            batch.rows.pop(row.number, None)
            kept = Ended(reason=gone[row.number], again=False) if row.number in gone else found
            self._rows.tell(row.key, replace(kept, left=batch.left))

    async def rest(self, batch: Batch, ended: Ended, *, lost: bool = False) -> None:
        """All rows that are left end alike, and with them the batch. Not `lost`: they cost nothing."""
        await self.settle(batch, [(row, ended) for row in batch.rows.values()], lost=lost)
        await self.finish(batch)

    async def finish(self, batch: Batch) -> None:
        """Nothing of it is left."""
        await self._store.run(lambda connection: records.finish(connection, batch.line.token))
        self._tended.finish(batch)

    def quiet(self, reason: str, row: RowLine) -> str:
        """What a provider says of a row, without the row's words; where they are not known, in words of the trade."""
        texts = self._rows.texts(row.key)
        return words_of_the_trade(reason) if texts is None else without_words_of(reason, texts)

    def read_bare(self, raw: Stored) -> Completion:
        """The completion of a row whose question need not be known."""
        nothing = Question(messages=(), row="", sensitivity=Sensitivity.SPECIAL)
        return read_stored(self._teacher, raw, nothing)

    def _erased_since(self, batch: Batch) -> Suppression | None:
        """The list of erased persons where it was written on since a batch was handed over, else None.

        Raises: RunFolderError where its key is gone: then nothing is stored unseen.
        """
        runs = self._store.path.parent
        path = runs / FILE_NAME
        if not path.exists() or path.stat().st_mtime < int(batch.line.begun):
            return None
        return Suppression.load(runs)

    def _names_erased(self, found: Ended, erased: Suppression | None) -> str:
        """Why an answer is not stored: it names a person who was erased while its batch was under way; '' else."""
        if found.raw is None or erased is None:
            return ""
        completion = self.read_bare(found.raw)
        why = erased.reason("", "", (completion.answer, completion.reasoning))
        return f"its answer names somebody whose rows were {why}" if why else ""

    def _booked(self, row: RowLine, found: Ended, lost: bool) -> tuple[ledger.Line | None, bool]:
        """What a row cost, and whether its reply can be read."""
        possible = ledger.Line(row.purpose, self._name, 0, row.most, 0, 1, 0, 0) if row.most else None
        if found.raw is None:
            return (possible if lost else None), False
        completion = self.read_bare(found.raw._replace(earlier=""))
        usage, readable = completion.usage, completion.outcome is not Outcome.MALFORMED
        waiting = self._rows.find(row.key)
        if readable and waiting is not None and waiting.flight is not None:
            asked = read_stored(self._teacher, found.raw, waiting.flight.question)
            readable = asked.outcome is not Outcome.MALFORMED
        if not (usage.input_tokens or usage.output_tokens):
            return (possible if 200 <= found.raw.status < 300 else None), readable
        paid = units(completion.cost)
        line = ledger.Line(row.purpose, self._name, paid, 0, 1, 0, usage.input_tokens, usage.output_tokens)
        return line, readable

    def _owner(self, row: RowLine) -> str:
        """Who holds a settled row's claim: this process, where somebody waits for it."""
        waiting = self._rows.find(row.key)
        return self._store.owner if waiting is not None and waiting.flight is not None else ""
