"""Duplicates: a question asked twice, or an answer given twice, teaches nothing new.

Enters: all samples. Leaves: verdicts for the rejected ones, naming the twin. Rows of one set are compared (leakage
looks across sets). Exact after case, punctuation and white space; near by MinHash candidates verified with exact
Jaccard over word shingles. The first by row id stays. A near twin with another known answer (other numbers, say) is
another problem and stays; the same question with another known answer goes, and the reason names both. An augmented
task may be near the one that it was made of, but not the same. Memory holds some hundred bytes a row (`refine.heard`):
ids, answers and runs of words lie on the disk, and only rows that have something in common with another are looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from imbik.core.plugins import PluginSettings
from imbik.core.types import Sample, Verdict
from imbik.refine.checks import CheckContext
from imbik.refine.heard import Heard, Told, told
from imbik.refine.twins import Twins, shared
from imbik.tasks.grams import jaccard

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from imbik.tasks.grams import Grams


class Duplicates:
    """Repeated questions across tasks, repeated answers within a task."""

    class Settings(PluginSettings):
        """`threshold: 1` finds exact duplicates only; `per_task` caps how many different answers a task keeps."""

        threshold: float = Field(0.85, gt=0, le=1, description="Jaccard similarity of word shingles that makes twins")
        shingle: int = Field(3, ge=1, description="words in a shingle")
        per_task: int = Field(0, ge=0, description="different answers kept for one task (0: all)")

    version = 3
    scope = "all"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def sketch(self, samples: Sequence[Sample], context: CheckContext) -> Told:
        """Keys, runs of words and bands of a block."""
        return told(samples, context, self.settings.shingle, self.settings.threshold)

    def merge(self, sketches: Iterable[Told]) -> Heard:
        """All rows of all blocks, put by as they come."""
        return Heard(sketches)

    def decide(self, sketch: Heard, context: CheckContext) -> dict[str, Verdict]:
        """Verdicts of rejected samples only; the same whatever order the rows came in."""
        sketch.arrange({task.id: name for name, tasks in context.held_out.items() for task in tasks})
        seen, verdicts = _Seen(sketch, self.settings.threshold), dict[str, Verdict]()
        for start, end in seen.looked_at():
            alone = []
            for row in range(start, end):
                if reason := seen.find(row):
                    verdicts[sketch.id(row)] = Verdict(by="duplicates", keep=False, reason=reason)
                else:
                    alone.append(row)
            if len(alone) > 1:
                verdicts.update(self._within(alone, sketch))
            seen.add(alone)
        return verdicts

    def _within(self, rows: Sequence[int], heard: Heard) -> dict[str, Verdict]:
        """Those of the answers to one task that go: they say the same in (nearly) the same words."""
        verdicts, most = dict[str, Verdict](), self.settings.per_task
        kept: list[tuple[int, Grams]] = []
        for row in rows:
            grams = heard.response_runs(row)
            same = (self._same(heard, row, grams, other, theirs) for other, theirs in kept)
            reason = next(filter(None, same), "")
            if not reason and most and len(kept) >= most:
                reason = f"this task keeps {most} answers already"
            if reason:
                verdicts[heard.id(row)] = Verdict(by="duplicates", keep=False, reason=reason)
            else:
                kept.append((row, grams))
        return verdicts

    def _same(self, heard: Heard, row: int, grams: Grams, other: int, theirs: Grams) -> str:
        if heard.response[row] == heard.response[other]:
            return f"the same answer as '{heard.id(other)}'"
        if heard.meaning[row] != heard.meaning[other] or self.settings.threshold == 1:
            return ""
        likeness = jaccard(grams, theirs)
        return f"{likeness:.0%} the same words as '{heard.id(other)}'" if likeness >= self.settings.threshold else ""


class _Seen:
    """Questions that stay, found again by words and by bands; those of two sets are never compared."""

    def __init__(self, heard: Heard, threshold: float) -> None:
        self.heard = heard
        same, _ = shared(heard.asked[heard.starts[:-1]])
        self._exact: dict[int, int] = {}
        first, items = heard.items()
        self._first = first
        self.twins = Twins(heard.columns(), items, heard.question_runs, threshold)
        self._groups = self._with_company(same)

    def _with_company(self, same: NDArray[np.int64]) -> NDArray[np.int64]:
        """Tasks that may have a twin, or have several answers; the others stay, and nothing is compared with them."""
        import numpy as np

        starts = self.heard.starts
        some = np.diff(starts) > 1
        some[same] = True
        some[np.searchsorted(starts, self.twins.items, side="right") - 1] = True
        return np.flatnonzero(some)

    def looked_at(self) -> Iterable[tuple[int, int]]:
        """Where the rows of those tasks begin and end."""
        starts = self.heard.starts
        for group in self._groups:
            yield int(starts[group]), int(starts[group + 1])

    def find(self, row: int) -> str:
        """Why this row's question is a duplicate of a kept one of another task, or ""."""
        heard = self.heard
        twin = self._exact.get(int(heard.asked[row]))
        if twin is not None:
            differ = heard.known[row] and heard.known[twin] and heard.meaning[row] != heard.meaning[twin]
            return f"the same question as row '{heard.task(twin)}'" + (
                f", whose known answer is '{heard.said(twin):.40}' and not '{heard.said(row):.40}'" if differ else ""
            )
        for likeness, other in self.twins.near(self._item(row)):
            if heard.same_as[other] != heard.same_as[row]:
                return f"{likeness:.0%} the same question as row '{heard.task(other)}'"
        return ""

    def add(self, rows: Sequence[int]) -> None:
        """The rows of one task that are no duplicates of another task's."""
        for item in dict.fromkeys(map(self._item, rows)):
            self.twins.keep(item)
        if rows:
            self._exact.setdefault(int(self.heard.asked[rows[0]]), rows[0])

    def _item(self, row: int) -> int:
        return row if self._first is None else int(self._first[row])
