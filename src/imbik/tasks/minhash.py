"""Candidates for near-duplicates: MinHash signatures cut into bands (locality-sensitive hashing, Broder 1997).

Enters: sets of hashed n-grams and a Jaccard threshold. Leaves: per set a few band keys; two sets that reach the
threshold share at least one with probability 0.99 or more. Candidates only: callers verify with exact Jaccard.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from imbik.tasks.grams import Runs, mixed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from imbik.tasks.grams import Grams

PERMUTATIONS = 128
SEED = 20_240_601
RECALL = 0.99
_AT_ONCE = 1024
ODD = 0x9E3779B97F4A7C15


def rows_per_band(threshold: float) -> int:
    """The longest band that still finds pairs at the threshold with probability RECALL: fewest false candidates."""
    for rows in range(16, 1, -1):
        if 1 - (1 - threshold**rows) ** (PERMUTATIONS // rows) >= RECALL:
            return rows
    return 1


def shape(threshold: float) -> tuple[int, int]:
    """(bands, rows in a band): as few bands as still find pairs at the threshold with probability RECALL."""
    rows = rows_per_band(threshold)
    missed = 1 - threshold**rows
    few = math.ceil(math.log(1 - RECALL) / math.log(missed)) if missed else 1
    return min(few, PERMUTATIONS // rows), rows


def band_keys(sets: Sequence[Grams], threshold: float) -> list[tuple[bytes, ...]]:
    """Band keys of every set, in order; an empty set has none."""
    import numpy as np

    if not sets:
        return []
    starts = np.cumsum([0, *(item.size for item in sets)])
    matrix = bands(Runs(np.concatenate(sets), starts), threshold)
    return [
        tuple(found[at : at + 8] for at in range(0, len(found), 8)) if item.size else ()
        for item, found in zip(sets, (row.tobytes() for row in matrix), strict=True)
    ]


def bands(sets: Runs, threshold: float) -> NDArray[np.uint64]:
    """(sets, bands) keys of many sets at once; those of empty sets mean nothing."""
    import numpy as np

    count, rows = shape(threshold)
    keys = np.empty((len(sets.starts) - 1, count), np.uint64)
    for first in range(0, len(keys), _AT_ONCE):  # rensa gives signatures as lists, which are ten times as large
        some = sets.some(np.arange(first, min(first + _AT_ONCE, len(keys))))
        lists = _digest(some, rows * count).to_rows()
        flat = b"".join([array("I", values) for values in lists])
        signatures = np.frombuffer(flat, np.uint32).reshape(-1, rows, count)
        found = np.broadcast_to(np.arange(1, count + 1, dtype=np.uint64), (len(signatures), count))
        for row in range(rows):
            found = mixed(found * np.uint64(ODD) + signatures[:, row])
        keys[first : first + _AT_ONCE] = found
    return keys


def _digest(sets: Runs, permutations: int) -> Any:
    from rensa import RMinHash

    return RMinHash.digest_matrix_from_flat_token_hashes(sets.flat, sets.starts.astype("uint64"), permutations, SEED)
