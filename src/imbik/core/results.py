"""What a stage says of its work: measured values, the files it hands on, and the account of its rows.

Enters: nothing. Leaves: records as in `core.types`, which manifests and reports are made of.
"""

from __future__ import annotations

from imbik.core.types import Record, Sensitivity


class Score(Record, frozen=True, kw_only=True):
    """A measured value with its 95% interval and the number of rows behind it."""

    value: float
    low: float
    high: float
    n: int


class Artifact(Record, frozen=True, kw_only=True):
    """A file or folder that leaves a stage; `path` is relative to the run folder."""

    path: str
    sha256: str
    format: str
    sensitivity: Sensitivity


class Books(Record, frozen=True, kw_only=True):
    """A stage's conservation account: rows in = out + rejected + failed + pending, reasons counted."""

    rows_in: int
    rows_out: int
    rejected: int = 0
    failed: int = 0
    pending: int = 0
    reasons: dict[str, int] = {}

    @property
    def balanced(self) -> bool:
        """True when nothing vanished."""
        return self.rows_in == self.rows_out + self.rejected + self.failed + self.pending
