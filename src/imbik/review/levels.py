"""Which rows an expert may see: what the operator's file says, read again when it changes; any doubt means public only.

Enters: a run folder. Leaves: a level by name. A recipe says nothing of it: it could be anybody's. Without a word of the
operator's (`reviewers: {ayse: confidential}`) a person sees public rows.
"""

from __future__ import annotations

import threading
from pathlib import Path

from imbik.core.errors import OperatorFileError
from imbik.core.types import Sensitivity
from imbik.privacy.operator import Operator, load_operator


class Levels:
    """Levels by name for one run."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self.operator = load_operator(run)
        self._stamp = _stamp(self.operator.path)
        self._turn = threading.Lock()

    def __call__(self, person: str) -> Sensitivity:
        """The highest sensitivity that this person may see."""
        with self._turn:
            if _stamp(self.operator.path) != self._stamp:
                self._again()
            return self.operator.reviewers.get(person, Sensitivity.PUBLIC)

    def _again(self) -> None:
        try:
            self.operator = load_operator(self.run)
        except OperatorFileError:
            self.operator = Operator(path=self.operator.path)  # it says nothing that can be used: public rows only
        self._stamp = _stamp(self.operator.path)


def _stamp(path: Path | None) -> tuple[int, int, int] | None:
    try:
        about = path.stat() if path else None
    except OSError:
        return None
    return (about.st_ino, about.st_mtime_ns, about.st_size) if about else None
