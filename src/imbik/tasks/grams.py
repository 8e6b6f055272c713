"""Text as tokens and hashed word n-grams: what duplicates, leakage and growing compare.

Enters: tasks and answers. Leaves: tokens without case and punctuation (arithmetic signs stay: `5+3` is not `5-3`), and
64-bit hashes of n-grams that are the same in every process.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING

from imbik.core.types import Task
from imbik.tasks.normal import fold

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Grams = NDArray[np.uint64]

_TOKEN = re.compile(r"\d+(?:[.,]\d+)+|\w+|[-+*/=<>^%×÷]")


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


def grams(words: list[str], size: int) -> Grams:
    """Sorted, unique hashes of all runs of `size` tokens; a shorter text is one gram, an empty one none."""
    count = max(len(words) - size + 1, 1) if words else 0
    hashes = {_hash(" ".join(words[start : start + size])) for start in range(count)}
    import numpy as np

    return np.array(sorted(hashes), dtype=np.uint64)


def jaccard(left: Grams, right: Grams) -> float:
    """Size of the intersection over size of the union, exactly; 0.0 where both are empty."""
    import numpy as np

    common = np.intersect1d(left, right, assume_unique=True).size
    union = left.size + right.size - common
    return common / union if union else 0.0


@lru_cache(maxsize=1 << 16)
def _hash(gram: str) -> int:
    return int.from_bytes(blake2b(gram.encode(errors="surrogatepass"), digest_size=8).digest(), "big")
