"""What of a run is under way in batches, for whoever looks at the run without going on with it.

Enters: an answer store that nobody here has open, and a run's name. Leaves: for each teacher how many questions of
which purpose its batches hold, since when, and the most that they can cost; and a sentence of it. They were handed
over and may be answered already; the run's next command collects them.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from imbik.core.databases import read_only
from imbik.core.money import dollars


@dataclass(frozen=True)
class UnderWay:
    """Questions in the batches of one teacher: how many by purpose, since when (seconds since 1970), at most how much
    in USD."""

    teacher: str
    questions: Mapping[str, int]
    since: float
    most: Decimal

    @property
    def count(self) -> int:
        """Questions of all purposes."""
        return sum(self.questions.values())

    def __str__(self) -> str:
        """`54 questions to 'buyuk' are under way in a batch since 2026-11-26 07:40`."""
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(self.since))
        verb = "question to '{}' is" if self.count == 1 else "questions to '{}' are"
        return f"{self.count:,} {verb.format(self.teacher)} under way in a batch since {since}"


def under_way(store: Path, run: str) -> list[UnderWay]:
    """What a run has in batches, by teacher, the oldest first; nothing where there is no store."""
    if not store.exists():
        return []
    with closing(read_only(store)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'batch_rows'").fetchone():
            return []
        found = connection.execute(
            "SELECT teacher, purpose, count(*), min(begun), sum(most) FROM batches JOIN batch_rows USING (token) "
            "WHERE run = ? GROUP BY teacher, purpose ORDER BY min(begun)",
            (run,),
        ).fetchall()
    return [_of(name, [line for line in found if line[0] == name]) for name in dict.fromkeys(line[0] for line in found)]


def questions_in(found: Iterable[UnderWay]) -> Counter[str]:
    """How many questions of which purpose, to whomever."""
    counts = Counter[str]()
    for item in found:
        counts.update(item.questions)
    return counts


def _of(name: str, lines: Sequence[tuple[str, str, int, float, int]]) -> UnderWay:
    questions = {purpose: count for _, purpose, count, _, _ in lines}
    return UnderWay(name, questions, min(line[3] for line in lines), dollars(sum(line[4] for line in lines)))
