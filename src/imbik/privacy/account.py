"""What left this machine, in one sentence that the audit chain proves: for the report and for `imbik privacy prove`.

Enters: a run's folder. Leaves: the sentence, after the whole chain was checked. Rows are counted by their keyed ids, so
a row that was asked several times counts once for each place.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from imbik.privacy.audit import FILE_NAME, AuditLine, read_audit

NOBODY_ASKED = "Nothing left this machine; the run asked no teacher."
_HERE = {
    "in_process": "answered by models in this process",
    "recorded": "answered from recorded files",
    "folder": "handed to a folder of this machine",
}
_LOCAL = "local:"
_FROM_STORE = "answered from the store of earlier runs"


def what_left(folder: Path) -> str:
    """One sentence: what left and for where, what stayed, what was held back; '' where the chain holds no line.

    Raises: RunFolderError when the chain was changed after it was written.
    """
    path = folder / FILE_NAME
    left: dict[tuple[str, str], set[str]] = defaultdict(set)
    stayed: dict[str, set[str]] = defaultdict(set)
    held, stored = set[str](), set[str]()
    lines = 0
    for line in read_audit(path) if path.exists() else ():
        lines += 1
        if line.verdict == "blocked":
            held.update(line.rows)
        elif line.verdict == "stored":
            stored.update(line.rows)
        elif line.verdict == "allowed":
            _count(line, left, stayed)
    if not lines:
        return ""
    if asked_before := stored.difference(*left.values(), *stayed.values()):
        stayed[_FROM_STORE] = asked_before
    return f"{_sentence(left, stayed, held)} (audit chain of {lines:,} {'line' if lines == 1 else 'lines'}, unbroken)."


def _count(line: AuditLine, left: dict[tuple[str, str], set[str]], stayed: dict[str, set[str]]) -> None:
    """Put the rows of an allowed line where they went."""
    if line.place in _HERE:
        stayed[_HERE[line.place]].update(line.rows)
    elif line.reason.startswith(_LOCAL):
        stayed[f"sent to {line.place}, which the operator's file declares local"].update(line.rows)
    else:
        left[(line.sensitivity, line.place)].update(line.rows)


def _sentence(left: dict[tuple[str, str], set[str]], stayed: dict[str, set[str]], held: set[str]) -> str:
    gone = [f"{_were(rows, level)} allowed to {place}" for (level, place), rows in sorted(left.items())]
    parts = gone or ["Nothing left this machine"]
    parts += [f"{_were(rows)} {how}" for how, rows in sorted(stayed.items())]
    parts += [f"{_were(held)} held back"] if held else []
    return "; ".join(parts)


def _were(rows: set[str], level: str = "") -> str:
    """`2 public rows were`, `1 row was`."""
    counted = f"{len(rows):,} {level} " if level else f"{len(rows):,} "
    return counted + ("row was" if len(rows) == 1 else "rows were")
