"""The batches that this process looks after: which they are, and what to tell who stops now.

Enters: batches as they are begun, taken up, left and finished. Leaves: the owners of their claims and money, and the
sentence that says what is under way at the provider.
"""

from __future__ import annotations

from imbik.ask.batch import records
from imbik.ask.batch.rows import Batch
from imbik.ask.budget import Purse
from imbik.core.errors import WaitingError


class Tended:
    """The batches of one teacher in one run. `owners` are theirs, also of those that were finished or left."""

    def __init__(self, name: str, run: str, url: str, purse: Purse) -> None:
        self.owners: set[str] = set()
        self._name, self._run, self._url, self._purse = name, run, url, purse
        self._open: dict[str, Batch] = {}
        self._left: set[str] = set()

    def add(self, batch: Batch) -> None:
        """From here on this process looks after it."""
        owner = records.owner_of(batch.line.token)
        self._open[batch.line.token] = batch
        self.owners.add(owner)
        self._purse.tended.add(owner)

    def leave(self, batch: Batch) -> None:
        """It stays under way, and is not waited for."""
        self._left.add(batch.line.token)
        self._purse.tended.discard(records.owner_of(batch.line.token))

    def finish(self, batch: Batch) -> None:
        """Nothing of it is left."""
        self._purse.tended.discard(records.owner_of(batch.line.token))
        self._open.pop(batch.line.token, None)

    @property
    def waits(self) -> WaitingError | None:
        """What is under way and not waited for."""
        return self.under_way() if self._left else None

    def under_way(self) -> WaitingError | None:
        """What to tell who stops now: batches that are with the provider, or may be; None where there are none."""
        sure = [batch for token, batch in self._open.items() if batch.name or token in self._left]
        found = sure or list(self._open.values())
        if not found:
            return None
        many, unsure = len(found), len(self._open) - len(sure)
        be = "may be" if not sure else "is" if many == 1 else "are"
        more = f"; {unsure:,} more may be" if sure and unsure else ""
        return WaitingError(
            f"{_counted(many, 'batch', 'batches')} of {_counted(sum(batch.count for batch in found), 'question')} {be} "
            f"under way at {self._url.partition('://')[2].partition('/')[0]} (teacher '{self._name}'){more}",
            where=self._run,
            next="type the same command again, now or tomorrow: it collects the answers and hands nothing over twice",
        )


def _counted(number: int, what: str, many: str = "") -> str:
    return f"{number:,} {what if number == 1 else many or what + 's'}"
