"""Money held for one request, and what the request is said to have cost afterwards.

Enters: how a request ended. Leaves: a line for the ledger, told to the purse that holds the money.

What may have been paid counts at its most: a reply that broke off, that cannot be read, a timeout, a server's failure
(5xx, 408), a cancelled request. Certainly not paid: no connection, a refusal of the request (3xx, 4xx). A 400 may have
been read by the provider (Azure bills prompts that its filter stops), so it counts as read, but not as answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

import msgspec

from imbik.ask import ledger
from imbik.core.money import units
from imbik.core.questions import Question
from imbik.core.types import Usage
from imbik.teachers import ServedTeacher


class Holder(Protocol):
    """Who holds the money."""

    def told(self, line: ledger.Line | None, number: int) -> None:
        """Write down what became of a request (None: nothing was paid), by the number of its reservation."""
        ...


@dataclass(slots=True)
class Held:
    """Money held for one request. Used in a `with` block: the first thing that is said about it counts, and a block
    left without a word means that the request may have been paid. `number` is its reservation (0: none was needed)."""

    purse: Holder
    purpose: str
    name: str
    teacher: ServedTeacher
    question: Question
    number: int = 0
    said: bool = False

    def __enter__(self) -> Held:
        return self

    def __exit__(self, *_: object) -> None:
        self.lost()

    def answered(self, usage: Usage, status: int = 200) -> None:
        """A reply was read, and its tokens counted by the teacher; one without a count may have cost the most."""
        if not (usage.input_tokens or usage.output_tokens) and self._at_most(self.question):
            self.refused(status) if status >= 300 else self.lost()
            return
        price = self.teacher.price
        paid = units(price.cost(usage)) if price else 0
        self._tell(ledger.Line(self.purpose, self.name, paid, 0, 1, 0, usage.input_tokens, usage.output_tokens))

    def refused(self, status: int) -> None:
        """The endpoint refused with an HTTP status; see the module's docstring."""
        if status >= 500 or status == 408:
            self.lost()
        elif status == 400:
            unanswered = msgspec.structs.replace(self.question.sampling, max_tokens=0)
            self._possible(self._at_most(msgspec.structs.replace(self.question, sampling=unanswered)))
        else:
            self.free()

    def free(self) -> None:
        """It was never sent, or certainly not paid."""
        self._tell(None)

    def lost(self) -> None:
        """It may have been paid."""
        if not self.said:
            self._possible(self._at_most(self.question))

    def _possible(self, amount: int) -> None:
        self._tell(ledger.Line(self.purpose, self.name, 0, amount, 0, 1, 0, 0) if amount else None)

    def _at_most(self, question: Question) -> int:
        return units(self.teacher.cost_at_most(question) or Decimal(0))

    def _tell(self, line: ledger.Line | None) -> None:
        if not self.said:
            self.said = True
            self.purse.told(line, self.number)
