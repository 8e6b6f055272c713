"""Verdicts that do not count: on answers that have changed since, or on rows that are no longer kept.

Enters: verdicts by content, and the kept samples, one by one. Leaves: how many of them speak of a text that is gone,
in a sentence. Such a verdict stays where it is: the content may come back, and counts again then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from imbik.core.types import Sample
from imbik.review.store import ExpertVerdict


class Unused:
    """Goes through the kept samples and finds what no verdict was needed for."""

    def __init__(self, verdicts: Mapping[str, Sequence[ExpertVerdict]]) -> None:
        self._left = dict(verdicts)
        self._rows = {item.row for given in verdicts.values() for item in given if item.row}
        self._here: set[str] = set()

    def see(self, sample: Sample, content: str) -> None:
        """This sample is kept, with this content."""
        self._left.pop(content, None)
        if sample.id in self._rows:
            self._here.add(sample.id)

    def counts(self) -> tuple[int, int]:
        """Verdicts on answers of kept rows that have changed, and on rows that are not kept any more."""
        unused = [item for given in self._left.values() for item in given]
        changed = sum(item.row in self._here for item in unused)
        return changed, len(unused) - changed

    def told(self) -> str:
        """`3 verdicts do not count: 2 on answers that changed …`, or nothing."""
        changed, gone = self.counts()
        if not changed + gone:
            return ""
        parts = [
            f"{number:,} on {what}"
            for number, what in (
                (changed, "answers that have changed since"),
                (gone, "rows that are not kept any more"),
            )
            if number
        ]
        words = "verdict does" if changed + gone == 1 else "verdicts do"
        return f"{changed + gone:,} {words} not count: {', '.join(parts)}; kept in reviews.sqlite"
