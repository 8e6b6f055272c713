"""Texts that are near one another: found by MinHash bands, proved by exact Jaccard, as fast as few of them are alike.

Enters: the band keys of items, a column at a time, and a way to their sets. Leaves: which items share a band with
another one, and for such an item those kept before it that are as near as the threshold. The sets of items that share
no band are never looked at, and only what was kept is compared with: a thousand copies of one text cost a thousand
comparisons, not half a million.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SETS_KEPT = 1_000


class Twins:
    """An index that grows with what is kept. `columns` holds for each band the keys of all items; items that are never
    to be compared have other keys, and `items` are those that may have a twin at all."""

    def __init__(
        self,
        columns: Iterable[NDArray[np.uint64]],
        items: NDArray[np.int64],
        set_of: Callable[[int], NDArray[np.unsignedinteger]],
        threshold: float,
    ) -> None:
        import numpy as np

        self._set_of, self._threshold = set_of, threshold
        self._sets: dict[int, set[int]] = {}
        self.items, self._groups = _grouped(columns, items)
        # Kept members of a group lie one behind the other in `_members`, from `_begin` on, so many as `_count` says.
        sizes = np.bincount(self._groups[self._groups >= 0])
        self._begin = np.cumsum(sizes) - sizes
        self._count = np.zeros(len(sizes), np.int32)
        self._members = np.empty(int(sizes.sum()), np.int32)
        self._rows = dict(zip(self.items.tolist(), range(len(self.items)), strict=True))

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
        own = self._set(item)
        reached = []
        for other in found:
            theirs = self._set(other)
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
        """The groups that an item is in: one for each band that it shares with another item."""
        row = self._rows.get(item)
        if row is None:
            return None
        groups = self._groups[row]
        found: NDArray[np.int32] = groups[groups >= 0]
        return found

    def _set(self, item: int) -> set[int]:
        """The set of an item; kept for a while, for what has one neighbour often has several."""
        if (found := self._sets.get(item)) is None:
            if len(self._sets) >= _SETS_KEPT:
                self._sets.clear()
            found = self._sets[item] = set(self._set_of(item).tolist())
        return found


def shared(keys: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of keys that stand there more than once, and a number for each such key, from 0 on."""
    import numpy as np

    ordered = np.sort(keys)
    several = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if not len(several):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    numbers = np.searchsorted(several, keys)
    places = np.flatnonzero(several.take(numbers, mode="clip") == keys)
    return places, numbers[places]


def _grouped(
    columns: Iterable[NDArray[np.uint64]], items: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The items that share a band, in order, and their groups (items, bands), -1 where a band is shared with none."""
    import numpy as np

    found: list[tuple[NDArray[np.int32], NDArray[np.int32]]] = []
    begun = 0
    for column in columns:
        places, numbers = shared(column[items])
        found.append((places.astype(np.int32), (numbers + begun).astype(np.int32)))
        begun += int(numbers.max(initial=-1)) + 1
    some = np.zeros(len(items), bool)
    for at, _ in found:
        some[at] = True
    groups = np.full((int(some.sum()), len(found)), -1, np.int32)
    row = np.cumsum(some) - 1
    for band, (at, group) in enumerate(found):
        groups[row[at], band] = group
    return items[some], groups
