"""A flight: one question on its way to a served teacher, however many rows wait for it.

Enters: a question. Leaves: the record of what has been tried, and how it was settled.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from decimal import Decimal

from imbik.core.questions import Question
from imbik.core.types import Completion, Outcome, Sensitivity
from imbik.privacy.gate import HandedOver


@dataclass(frozen=True)
class Settled:
    """How a flight ended: the completion, the limit it was asked under, the sensitivity it is stored with.

    `stored` is whether it was in the store already, so that nothing was sent; `left` is set where it was in a batch of
    an earlier process.
    """

    completion: Completion
    max_tokens: int
    sensitivity: Sensitivity
    stored: bool = False
    left: HandedOver | None = None

    def enough_for(self, question: Question) -> bool:
        """A truncated answer does not do for a question that allows a longer one."""
        longer = question.sampling.max_tokens > self.max_tokens
        return not (longer and self.completion.outcome is Outcome.TRUNCATED)


@dataclass
class Flight:
    """One question being settled, and how many rows wait for it.

    `revision` is what the store holds for it (0: nothing), `bad` the same where that was found unreadable; `paid` is
    what earlier replies to it cost in USD; `first_sent` is when its deadline began to run; `lent` is whether its slot
    went to another request while its reply is made durable.
    """

    key: bytes
    question: Question
    purpose: str
    task: asyncio.Task[Settled] = field(init=False)
    waiting: int = 0
    sending: bool = False
    attempts: int = 0
    throttled: int = 0
    unreadable: int = 0
    revision: int = 0
    bad: int = 0
    paid: Decimal = Decimal(0)
    first_sent: float = 0.0
    lent: bool = False

    def left(self, deadline: float) -> float:
        """Seconds until its deadline; the clock runs from the first sending."""
        if not self.first_sent:
            self.first_sent = time.monotonic()
        return self.first_sent + deadline - time.monotonic()
