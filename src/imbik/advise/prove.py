"""What left this machine, in one sentence that the audit chain proves.

Enters: a run folder. Leaves: the sentence, after the whole chain was checked. Rows are counted by their keyed ids, so a
row that was asked several times counts once for each place. A run that asked no teacher needs no chain.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from imbik.advise.runs import recipe_of
from imbik.core.errors import RunFolderError
from imbik.core.runfolder import RunFolder
from imbik.privacy.audit import FILE_NAME, HEAD_NAME, AuditLine, read_audit

_HERE = {"in_process": "answered by models in this process", "recorded": "answered from recorded files"}
_LOCAL = "local:"
_FROM_STORE = "answered from the store of earlier runs"


def prove(run: RunFolder) -> str:
    """One sentence: what left and for where, what stayed, what was held back.

    Raises: RunFolderError when the run asked a teacher and there is no chain, or it was changed after it was written.
    """
    path = run.path / FILE_NAME
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
        return _without_chain(run, path)
    if asked_before := stored.difference(*left.values(), *stayed.values()):
        stayed[_FROM_STORE] = asked_before
    return f"{_sentence(left, stayed, held)} (audit chain of {lines:,} {'line' if lines == 1 else 'lines'}, unbroken)"


def _without_chain(run: RunFolder, path: Path) -> str:
    """What a run without one audit line proves: nothing left, but only where no teacher can have been asked."""
    asked = run.stage("2_answers").exists() or any((run.path / "old").glob("2_answers*"))
    if path.with_name(HEAD_NAME).exists() or (asked and recipe_of(run).answering_teachers()):
        what = "holds no line" if path.exists() else "is not there"
        raise RunFolderError(
            f"this run put questions to a teacher, but its audit chain {what}, so it proves nothing",
            where=str(path),
            next="restore audit.jsonl from a backup, or run the recipe again under another name",
        )
    return "Nothing left this machine; the run asked no teacher."


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
