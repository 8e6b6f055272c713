"""Text as tokens and hashed word n-grams: what duplicates, leakage and growing compare.

Enters: tasks and answers. Leaves: tokens without case and punctuation (arithmetic signs stay: `5+3` is not `5-3`), and
64-bit hashes of n-grams that are the same in every process.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from imbik.core.types import Task
from imbik.tasks.normal import fold

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Grams = NDArray[np.uint64]

Words = bytes

_PLACES = (
    0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93, 0xA0761D6478BD642F,
    0xE7037ED1A0B428DB, 0x8EBC6AF09C88C6E3, 0x589965CC75374CC3,
)  # fmt: skip
_TOKEN = re.compile(r"\d+(?:[.,]\d+)+|\w+|[-+*/=<>^%×÷]")


class Runs(NamedTuple):
    """Hashes of the runs of many texts; those of text `i`, as they stand, are `flat[starts[i] : starts[i + 1]]`."""

    flat: Grams
    starts: NDArray[np.int64]

    def of(self, number: int) -> Grams:
        """The set of one text, sorted."""
        import numpy as np

        found: Grams = np.unique(self.raw(number))
        return found

    def raw(self, number: int) -> Grams:
        """The runs of one text."""
        return self.flat[self.starts[number] : self.starts[number + 1]]

    def halved(self) -> Runs:
        """The same in half the memory: hashes of 32 bits."""
        return Runs(self.flat.astype("uint32"), self.starts.astype("int32"))

    def some(self, numbers: NDArray[np.int64]) -> Runs:
        """Those of a few texts."""
        import numpy as np

        lengths = np.diff(self.starts)[numbers]
        starts = np.concatenate([[0], np.cumsum(lengths)])
        places = np.arange(starts[-1]) + np.repeat(self.starts[numbers] - starts[:-1], lengths)
        return Runs(self.flat[places], starts)

    @staticmethod
    def joined(parts: Sequence[Runs]) -> Runs:
        """The texts of several, in order."""
        import numpy as np

        sizes = np.concatenate([np.diff(part.starts) for part in parts])
        return Runs(np.concatenate([part.flat for part in parts]), np.concatenate([[0], np.cumsum(sizes)]))


def task_text(task: Task) -> str:
    """What a task asks: its turns without system prompts (all rows share those), and its passage."""
    turns = [message.content for message in task.messages if message.role != "system"]
    return "\n".join([*turns, task.passage] if task.passage else turns)


def tokens(text: str) -> list[str]:
    """Words, numbers and arithmetic signs, folded."""
    return _TOKEN.findall(fold(text))


def text_key(text: str) -> str:
    """Equal for texts that differ in case, punctuation and white space only."""
    return " ".join(tokens(text)) or " ".join(text.split())


def word_hashes(text: str) -> Words:
    """A hash for each of `tokens`, 8 bytes each, one behind the other; made once for each word."""
    if len(_PIECES) > _KEPT:
        _PIECES.clear()
    return b"".join(map(_PIECES.__getitem__, fold(text).split()))


def grams(words: Sequence[str], size: int) -> Grams:
    """Sorted, unique hashes of all runs of `size` tokens; a shorter text is one gram, an empty one none."""
    return runs([_hashes(words)], size).of(0)


def runs(texts: Sequence[Words], size: int) -> Runs:
    """The runs of `size` words in many texts at once, which are given as hashes of their words.

    A run is a sum of its words' hashes, each times the odd number of its place, mixed as in splitmix64 (Steele et al.
    2014).
    """
    import numpy as np

    padded = [words if len(words) >= 8 * size or not words else words.ljust(8 * size, b"\0") for words in texts]
    lengths = np.fromiter(map(len, padded), np.int64, len(padded)) // 8
    hashes = np.frombuffer(b"".join(padded), np.uint64)
    found = np.zeros(max(len(hashes) - size + 1, 0), np.uint64)
    for place in range(size):
        found += hashes[place : place + len(found)] * np.uint64(_PLACES[place % len(_PLACES)] + 2 * (place >> 3))
    if len(padded) > 1:
        whole = np.ones(len(found), bool)  # runs that begin in one text and end in the next are none
        ends = np.cumsum(lengths)[:-1]
        inside = ends[(ends > 0) & (ends < len(hashes))]
        for back in range(1, size):
            whole[inside - back] = False
        found = found[whole]
    starts = np.concatenate([[0], np.cumsum(np.where(lengths, lengths - size + 1, 0))])
    return Runs(mixed(found), starts)


def word_keys(texts: Sequence[Words]) -> Grams:
    """A hash for each text: equal where the words are, in their order; that of a text without words is 0."""
    import numpy as np

    lengths = np.fromiter(map(len, texts), np.int64, len(texts)) // 8
    hashes, ends = np.frombuffer(b"".join(texts), np.uint64), np.cumsum(lengths)
    places = np.arange(len(hashes)) - np.repeat(ends - lengths, lengths)
    found, some = np.zeros(len(texts), np.uint64), lengths > 0
    if len(hashes):
        placed = mixed(hashes + places.astype(np.uint64) * np.uint64(_PLACES[0]))
        found[some] = np.add.reduceat(placed, (ends - lengths)[some])
    return found


def jaccard(left: Grams, right: Grams) -> float:
    """Size of the intersection over size of the union, exactly; 0.0 where both are empty."""
    one, other = set(left.tolist()), set(right.tolist())
    return len(one & other) / len(one | other) if one or other else 0.0


def mixed(values: Grams) -> Grams:
    """Bits that depend on all bits (the finalizer of splitmix64)."""
    import numpy as np

    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


@lru_cache(maxsize=1 << 16)
def _hash(word: str) -> int:
    return int.from_bytes(blake2b(word.encode(errors="surrogatepass"), digest_size=8).digest(), "big")


def _hashes(words: Sequence[str]) -> Words:
    return array("Q", map(_hash, words)).tobytes()


class _Pieces(dict[str, Words]):
    """What stands between spaces, and the hashes of its tokens: nearly always one."""

    def __missing__(self, piece: str) -> Words:
        found = _hashes([piece] if piece.isalnum() else _TOKEN.findall(piece))
        self[piece] = found
        return found


_PIECES, _KEPT = _Pieces(), 1 << 17
