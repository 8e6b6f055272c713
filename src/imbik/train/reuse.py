"""Students of the folder that a changed recipe replaced, where the change does not concern them.

Enters: a run whose train stage was replaced (another seed or control was added, or one taken away), and a key over
everything that decides one variant and seed. Leaves: its finished folder, copied, so that only new ones are trained.
`--from train` asks for all of them anew: the replaced folder then has the hash of the one being made, and is let be.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from imbik.core.files import read_json, remove, write_json
from imbik.core.runfolder import RunFolder, begun_hash
from imbik.core.tombstones import learned_erased
from imbik.core.types import Record
from imbik.train.teaching import MEASURED, TRAINING

_KEY = "key.json"


class _Key(Record, frozen=True, kw_only=True):
    """What decided the training of the folder it lies in."""

    key: str


def mark(folder: Path, key: str) -> None:
    """Say in a student's folder what decides its training."""
    write_json(folder / _KEY, _Key(key=key))


def take(run: RunFolder, target: Path, key: str) -> bool:
    """Copy the finished student of this key from the replaced folder to `target`; whether there was one.

    What was measured for it and the base that its adapter stands on come along; checkpoints do not. One that learned
    rows which were erased since is not taken: with what else changes, it is trained again without them.
    """
    stage = target.parent.parent
    source = _replaced(run, stage)
    if source is None or target.exists():
        return False
    found = source / target.parent.name / target.name
    if learned_erased(found):
        return False
    if not (found / TRAINING).exists() or not (found / _KEY).exists() or read_json(found / _KEY, _Key).key != key:
        return False
    for name in (f"base/{target.name}", MEASURED):
        if (source / name).exists() and not (stage / name).exists():
            _copy(source / name, stage / name)
    _copy(found, target)
    return True


def _replaced(run: RunFolder, stage: Path) -> Path | None:
    """The newest replaced folder of the stage, unless it is the same work that is done again."""
    newest = next(reversed(run.replaced(stage.name)), None)
    return newest if newest is not None and begun_hash(newest) != begun_hash(stage) else None


def _copy(source: Path, target: Path) -> None:
    """Copy a file or folder so that it is there whole or not at all."""
    temporary = target.with_name(f".{target.name}.tmp")
    remove(temporary)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if source.is_dir():
        shutil.copytree(source, temporary, ignore=shutil.ignore_patterns("checkpoints"))
    else:
        shutil.copyfile(source, temporary)
        temporary.chmod(0o600)
    temporary.replace(target)
