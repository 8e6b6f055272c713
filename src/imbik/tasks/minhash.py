"""Candidates for near-duplicates: MinHash signatures cut into bands (locality-sensitive hashing, Broder 1997).

Enters: sets of hashed n-grams and a Jaccard threshold. Leaves: per set a few band keys; two sets that reach the
threshold share at least one with probability 0.99 or more. Candidates only: callers verify with exact Jaccard.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from imbik.tasks.grams import Grams

PERMUTATIONS = 128
SEED = 20_240_601
RECALL = 0.99


def rows_per_band(threshold: float) -> int:
    """The longest band that still finds pairs at the threshold with probability RECALL: fewest false candidates."""
    for rows in (16, 8, 4, 2):
        if 1 - (1 - threshold**rows) ** (PERMUTATIONS // rows) >= RECALL:
            return rows
    return 1


def band_keys(sets: Sequence[Grams], threshold: float) -> list[tuple[bytes, ...]]:
    """Band keys of every set, in order; an empty set has none."""
    import numpy as np
    from rensa import RMinHash

    if not sets:
        return []
    rows = rows_per_band(threshold)
    matrix = RMinHash.digest_matrix_from_token_hash_sets([item.tolist() for item in sets], PERMUTATIONS, SEED)
    signatures = np.array(matrix.to_rows(), dtype=np.uint32)
    starts = range(0, PERMUTATIONS, rows)
    return [
        tuple(_key(start, signature[start : start + rows]) for start in starts) if item.size else ()
        for item, signature in zip(sets, signatures, strict=True)
    ]


def _key(start: int, band: np.ndarray[tuple[int], np.dtype[np.uint32]]) -> bytes:
    return blake2b(start.to_bytes(2, "big") + band.tobytes(), digest_size=8).digest()
