"""Proving what left this machine: the audit chain's own sentence, or why there is none.

Enters: a run folder and the operator's file. Leaves: the sentence, after the whole chain was checked and the signed
heads beside it were held against the chain and the operator's keys. A run that asked no teacher needs no chain.
"""

from __future__ import annotations

from pathlib import Path

from imbik.advise.runs import recipe_of, run_paths
from imbik.core.errors import RunFolderError
from imbik.core.runfolder import TRIALS, RunFolder
from imbik.privacy.account import NOBODY_ASKED, what_left
from imbik.privacy.chain import FILE_NAME
from imbik.privacy.operator import Operator, load_operator, read_operator
from imbik.privacy.trust import origin


def prove(run: RunFolder, operator: Operator | None = None) -> str:
    """One sentence: what left and for where, what stayed, what was held back, and how far somebody signed for it.

    Without an operator's file no key is listed, so a signed head is refused rather than believed.

    Raises: RunFolderError when the run asked a teacher and there is no chain, when it or a signed head was changed
    after it was written, or when a head is signed by a key that the operator's file does not list.
    """
    own = what_left(run.path, operator or Operator()) or _without_chain(run, run.path / FILE_NAME)
    return " ".join([own, *_of_trials(run, operator or Operator())])


def _of_trials(run: RunFolder, operator: Operator) -> list[str]:
    """A sentence for each trial of a search whose chain holds a line; trials have chains of their own."""
    told = [(path, what_left(path, operator)) for path in run_paths(run.path / TRIALS)]
    return [f"Trial {path.name}: {sentence[:1].lower()}{sentence[1:]}" for path, sentence in told if sentence]


def operator_for(file: Path | None, run: RunFolder) -> Operator:
    """The operator's file named, else the one that holds for the run. Where the recipe of a run that was made elsewhere
    lay is not known here, so for that it is the one that holds for recipes in the current folder.

    Raises: OperatorFileError when it cannot be used.
    """
    if file is not None:
        return read_operator(file)
    return load_operator(run.path if origin(run.path) else Path.cwd())


def _without_chain(run: RunFolder, path: Path) -> str:
    """What a run without one audit line proves: nothing left, but only where no teacher can have been asked."""
    asked = run.stage("2_answers").exists() or any((run.path / "old").glob("2_answers*"))
    if asked and recipe_of(run).answering_teachers():
        what = "holds no line" if path.exists() else "is not there"
        raise RunFolderError(
            f"this run put questions to a teacher, but its audit chain {what}, so it proves nothing",
            where=str(path),
            next="restore audit.jsonl from a backup, or run the recipe again under another name",
        )
    return NOBODY_ASKED
