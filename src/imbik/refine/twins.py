"""Texts that are near one another: found by MinHash bands, proved by exact Jaccard, as fast as few of them are alike.

Enters: the runs of words of distinct texts, and items (a text in a class; items of two classes are never compared), in
the order in which they are to be looked at. Leaves: for an item those kept before it that are as near as the threshold.
Only a text that shares a band with another one is ever looked at again, and only what was kept is compared with:
a thousand copies of one text cost a thousand comparisons, not half a million.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from imbik.tasks.grams import Runs, mixed
from imbik.tasks.minhash import ODD, bands, sharing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SETS_KEPT = 10_000


class Twins:
    """An index that grows with what is kept. Item `i` is text `texts_of[i]`, in class `classes[i]`."""

    def __init__(self, texts: Runs, texts_of: Sequence[int], classes: Sequence[int], threshold: float) -> None:
        import numpy as np

        self._texts, self._texts_of, self._threshold = texts, texts_of, threshold
        self._sets: dict[int, set[int]] = {}
        self._rows: dict[int, int] = {}
        self._groups = self._grouped(np.asarray(texts_of, np.int64), np.asarray(classes, np.uint64))
        # Kept members of a group lie one behind the other in `_members`, from `_begin` on, so many as `_count` says.
        sizes = np.bincount(self._groups[self._groups >= 0])
        self._begin = np.cumsum(sizes) - sizes
        self._count = np.zeros(len(sizes), np.int32)
        self._members = np.empty(int(sizes.sum()), np.int32)

    def near(self, item: int) -> list[tuple[float, int]]:
        """(Jaccard, item) of the kept ones that reach the threshold, the nearest first, of equals the earliest."""
        groups = self._of(item)
        if groups is None:
            return []
        counts = self._count[groups]
        groups = groups[counts > 0]
        if not len(groups):
            return []
        begin = self._begin[groups]
        found = set(self._members[begin].tolist())
        if counts.max() > 1:
            for first, count in zip(begin.tolist(), self._count[groups].tolist(), strict=True):
                found.update(self._members[first + 1 : first + count].tolist())
        own = self._set(self._texts_of[item])
        reached = []
        for other in found:
            theirs = self._set(self._texts_of[other])
            least = self._threshold * max(len(own), len(theirs))
            if min(len(own), len(theirs)) >= least and (common := len(own & theirs)) >= least:
                share = common / (len(own) + len(theirs) - common)
                if share >= self._threshold:
                    reached.append((share, other))
        return sorted(reached, key=lambda pair: (-pair[0], pair[1]))

    def keep(self, item: int) -> None:
        """Later items are compared with this one."""
        groups = self._of(item)
        if groups is not None:
            self._members[self._begin[groups] + self._count[groups]] = item
            self._count[groups] += 1

    def _of(self, item: int) -> NDArray[np.int32] | None:
        """The groups that an item is in: one for each band that it shares with another item of its class."""
        row = self._rows.get(item)
        if row is None:
            return None
        groups = self._groups[row]
        found: NDArray[np.int32] = groups[groups >= 0]
        return found

    def _set(self, text: int) -> set[int]:
        """The set of a text; kept for a while, for what has one neighbour often has several."""
        if (found := self._sets.get(text)) is None:
            if len(self._sets) >= _SETS_KEPT:
                self._sets.clear()
            found = self._sets[text] = set(self._texts.raw(text).tolist())
        return found

    def _grouped(self, texts: NDArray[np.int64], classes: NDArray[np.uint64]) -> NDArray[np.int32]:
        """(items, bands) groups of the items that share a band, -1 where they do not; `_rows` says where an item is."""
        import numpy as np

        nothing = np.zeros((0, 0), np.int32)
        if self._threshold >= 1 or len(self._texts.starts) < 2:
            return nothing
        flags = sharing(self._texts, self._threshold)
        looked_at = np.flatnonzero(flags[texts])
        if not len(looked_at):
            return nothing
        keys = bands(self._texts.some(np.flatnonzero(flags)), self._threshold)
        place, of_class = (np.cumsum(flags) - 1)[texts[looked_at]], classes[looked_at]
        groups, begun = np.empty((len(looked_at), keys.shape[1]), np.int32), 0
        for band in range(keys.shape[1]):
            mine = mixed(keys[place, band] + of_class * np.uint64(ODD))
            _, group, count = np.unique(mine, return_inverse=True, return_counts=True)
            several = np.where(count > 1, np.cumsum(count > 1) - 1 + begun, -1)
            groups[:, band] = several[group]
            begun = max(begun, int(several.max()) + 1)
        shared = np.flatnonzero((groups >= 0).any(1))
        self._rows = {item: row for row, item in enumerate(looked_at[shared].tolist())}
        return groups[shared]
