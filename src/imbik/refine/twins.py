"""Texts that are near one another: found by MinHash bands, proved by exact Jaccard, as fast as few of them are alike.

Enters: the runs of words of distinct texts, and items (a text in a class; items of two classes are never compared), in
the order in which they are to be looked at. Leaves: for an item those kept before it that are as near as the threshold.
Only a text that shares a band with another one is ever looked at again, and only what was kept is compared with:
a thousand copies of one text cost a thousand comparisons, not half a million.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import chain

from imbik.tasks.grams import Runs, mixed
from imbik.tasks.minhash import ODD, bands, sharing

_SETS_KEPT = 10_000


class Twins:
    """An index that grows with what is kept."""

    def __init__(self, texts: Runs, items: Sequence[tuple[int, Hashable]], threshold: float) -> None:
        """`items`: the number of a text, and its class."""
        self._texts, self._items, self._threshold = texts, items, threshold
        self._groups, count = self._grouped()
        self._kept: list[list[int]] = [[] for _ in range(count)]
        self._sets: dict[int, set[int]] = {}

    def near(self, item: int) -> list[tuple[float, int]]:
        """(Jaccard, item) of the kept ones that reach the threshold, the nearest first, of equals the earliest."""
        groups = self._groups.get(item)
        found = set(chain.from_iterable(map(self._kept.__getitem__, groups))) if groups else None
        if not found:
            return []
        own = self._set(self._items[item][0])
        reached = []
        for other in found:
            theirs = self._set(self._items[other][0])
            least = self._threshold * max(len(own), len(theirs))
            if min(len(own), len(theirs)) >= least and (common := len(own & theirs)) >= least:
                share = common / (len(own) + len(theirs) - common)
                if share >= self._threshold:
                    reached.append((share, other))
        return sorted(reached, key=lambda pair: (-pair[0], pair[1]))

    def keep(self, item: int) -> None:
        """Later items are compared with this one."""
        for group in self._groups.get(item, ()):
            self._kept[group].append(item)

    def _set(self, text: int) -> set[int]:
        """The set of a text; kept for a while, for what has one neighbour often has several."""
        if (found := self._sets.get(text)) is None:
            if len(self._sets) >= _SETS_KEPT:
                self._sets.clear()
            found = self._sets[text] = set(self._texts.raw(text).tolist())
        return found

    def _grouped(self) -> tuple[dict[int, list[int]], int]:
        """By item the groups it is in, one for each band that it shares with another item of its class; and how many
        groups there are."""
        import numpy as np

        if self._threshold >= 1 or len(self._texts.starts) < 2:
            return {}, 0
        flags = sharing(self._texts, self._threshold)
        place = np.cumsum(flags) - 1
        looked_at = [number for number, (text, _) in enumerate(self._items) if flags[text]]
        if not looked_at:
            return {}, 0
        keys = bands(self._texts.some(np.flatnonzero(flags)), self._threshold)
        classes: dict[Hashable, int] = {}
        of_class = [classes.setdefault(self._items[number][1], len(classes)) for number in looked_at]
        mine = keys[place[[self._items[number][0] for number in looked_at]]]
        mine = mixed(mine + np.array(of_class, np.uint64)[:, None] * np.uint64(ODD))
        _, group, count = np.unique(mine, return_inverse=True, return_counts=True)
        several = np.where(count > 1, np.cumsum(count > 1) - 1, -1)
        group = several[group].reshape(mine.shape)
        shared = np.flatnonzero((group >= 0).any(1)).tolist()
        found = {looked_at[row]: [number for number in group[row].tolist() if number >= 0] for row in shared}
        return found, int(several.max()) + 1
