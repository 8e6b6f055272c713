"""How sensitivity travels: from rows to everything made of them.

Enters: the sensitivities of all that goes into something (rows, a model's training rows, a judge's question). Leaves:
the sensitivity of what comes out, which is the highest of them. Lowering one is a person's declared act, never a side
effect.
"""

from __future__ import annotations

from collections.abc import Iterable

from imbik.core.errors import UsageError
from imbik.core.types import Sensitivity


def highest(levels: Iterable[Sensitivity]) -> Sensitivity:
    """The highest of `levels`; of nothing at all it is confidential, as for a row without a mark."""
    return max(levels, key=lambda level: level.rank, default=Sensitivity.CONFIDENTIAL)


def inherited(*levels: Sensitivity) -> Sensitivity:
    """The sensitivity of something made of these parts."""
    return highest(levels)


def parse(text: str, *, where: str = "") -> Sensitivity:
    """A sensitivity as a person writes it; nothing written means confidential.

    Raises: UsageError for a word that is none of the four levels.
    """
    if not text.strip():
        return Sensitivity.CONFIDENTIAL
    try:
        return Sensitivity(text.strip().lower())
    except ValueError:
        levels = ", ".join(level.value for level in Sensitivity)
        raise UsageError(f"'{text:.40}' is no sensitivity; write one of: {levels}", where=where) from None
