"""Proving what left this machine: the audit chain's own sentence, or why there is none.

Enters: a run folder. Leaves: the sentence, after the whole chain was checked. A run that asked no teacher needs no
chain.
"""

from __future__ import annotations

from pathlib import Path

from imbik.advise.runs import recipe_of
from imbik.core.errors import RunFolderError
from imbik.core.runfolder import RunFolder
from imbik.privacy.account import NOBODY_ASKED, what_left
from imbik.privacy.audit import FILE_NAME, HEAD_NAME


def prove(run: RunFolder) -> str:
    """One sentence: what left and for where, what stayed, what was held back.

    Raises: RunFolderError when the run asked a teacher and there is no chain, or it was changed after it was written.
    """
    return what_left(run.path) or _without_chain(run, run.path / FILE_NAME)


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
    return NOBODY_ASKED
