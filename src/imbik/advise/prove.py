"""What left this machine, in one sentence that the audit chain proves.

Enters: a run folder. Leaves: the sentence, after the whole chain was checked. Rows are counted by their keyed ids, so a
row that was asked several times counts once for each place.
"""

from __future__ import annotations

from collections import defaultdict

from imbik.core.errors import RunFolderError
from imbik.core.runfolder import RunFolder
from imbik.privacy.audit import FILE_NAME, AuditLine, read_audit

_HERE = {"in_process": "answered by models in this process", "recorded": "answered from recorded files"}
_LOCAL = "local:"


def prove(run: RunFolder) -> str:
    """One sentence: what left and for where, what stayed, what was held back.

    Raises: RunFolderError when there is no chain, or it was changed after it was written.
    """
    path = run.path / FILE_NAME
    if not path.exists():
        raise RunFolderError(
            "this run has no audit chain: it has asked no teacher anything",
            where=str(run.path),
            next="imbik run RECIPE",
        )
    left: dict[tuple[str, str], set[str]] = defaultdict(set)
    stayed: dict[str, set[str]] = defaultdict(set)
    held: set[str] = set()
    lines = 0
    for line in read_audit(path):
        lines += 1
        if line.verdict == "blocked":
            held.update(line.rows)
        elif line.verdict == "allowed":
            _count(line, left, stayed)
    return f"{_sentence(left, stayed, held)} (audit chain of {lines:,} lines, unbroken)"


def _count(line: AuditLine, left: dict[tuple[str, str], set[str]], stayed: dict[str, set[str]]) -> None:
    """Put the rows of an allowed line where they went."""
    if line.place in _HERE:
        stayed[_HERE[line.place]].update(line.rows)
    elif line.reason.startswith(_LOCAL):
        stayed[f"sent to {line.place}, which the operator's file declares local"].update(line.rows)
    else:
        left[(line.sensitivity, line.place)].update(line.rows)


def _sentence(left: dict[tuple[str, str], set[str]], stayed: dict[str, set[str]], held: set[str]) -> str:
    gone = [f"{len(rows):,} {level} rows were allowed to {place}" for (level, place), rows in sorted(left.items())]
    parts = gone or ["nothing left this machine"]
    parts += [f"{len(rows):,} rows were {how}" for how, rows in sorted(stayed.items())]
    parts += [f"{len(held):,} rows were held back"] if held else []
    return "; ".join(parts).capitalize() if not gone else "; ".join(parts)
