"""Lineage: what a stage's output was made of, as hashes.

Enters: records keyed by row, settings, hashes of inputs. Leaves: a Merkle root over keyed row leaves (so that erasing a
row keeps its leaf and the chain still verifies) and a stage hash that changes exactly when the output would.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import overload

import msgspec

from imbik.core.files import canonical_json, digest, digest_value
from imbik.core.types import Sample, Usage


def leaf(key: str, record: object) -> str:
    """The leaf of one row: its key and its content."""
    return digest(key, canonical_json(record))


class Leaves(Sequence[str]):
    """Leaves of many rows in a third of the memory of a list: 32 bytes each."""

    def __init__(self) -> None:
        self._digests = bytearray()

    def append(self, item: str) -> None:
        """Add one leaf (hex SHA-256)."""
        self._digests += bytes.fromhex(item)

    def __len__(self) -> int:
        return len(self._digests) // 32

    def __eq__(self, other: object) -> bool:
        return self._digests == other._digests if isinstance(other, Leaves) else NotImplemented

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        start = range(len(self))[index] * 32
        return self._digests[start : start + 32].hex()


def merkle_root(leaves: Iterable[str]) -> str:
    """Hex root over leaves sorted by value, so the root does not depend on row order or block size.

    Leaves and inner nodes are hashed with different prefixes (RFC 6962), so a node can never pass for a leaf.
    """
    level = [hashlib.sha256(b"\x00" + item.encode()).digest() for item in sorted(leaves)]
    if not level:
        return hashlib.sha256(b"").hexdigest()
    while len(level) > 1:
        paired = zip(level[::2], level[1::2], strict=False)
        odd = [level[-1]] if len(level) % 2 else []
        level = [hashlib.sha256(b"\x01" + left + right).digest() for left, right in paired] + odd
    return level[0].hex()


def stage_hash(name: str, version: int, settings: object, inputs: Mapping[str, str]) -> str:
    """The identity of a stage's output: who makes it, with what settings, from which inputs."""
    return digest_value({"stage": name, "version": version, "settings": settings, "inputs": dict(inputs)})


def sample_leaf(sample: Sample) -> str:
    """The leaf of a sample: what it says, not how long it took, what it cost, or what checks said of it."""
    lasting = msgspec.structs.replace(sample.completion, seconds=0.0, cost=Decimal(0), usage=Usage())
    return leaf(sample.id, msgspec.structs.replace(sample, completion=lasting, verdicts=()))
