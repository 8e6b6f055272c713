"""`imbik push RUN DESTINATION`: hand an exported student to a model hub, or to a folder.

Enters: a run with an export. Leaves: its files at the destination, and an audit line. Weights are as sensitive as the
rows they were trained on, so the gate decides as it does for rows: a hub, the storage behind it and a folder on a
server are endpoints of the operator's file; only public weights go elsewhere.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from imbik.core.errors import BlockedError, RunFolderError, UsageError
from imbik.core.files import disk_errors, file_digest, make_private
from imbik.core.misspelt import closest
from imbik.core.results import Artifact
from imbik.core.runfolder import RunFolder
from imbik.core.types import Sensitivity
from imbik.models.folder import read_about
from imbik.privacy.audit import Audit
from imbik.privacy.decisions import FOLDER
from imbik.privacy.destinations import HUB, Destination, destination
from imbik.privacy.gate import Gate
from imbik.privacy.operator import load_operator
from imbik.privacy.sensitivity import inherited
from imbik.recipe import load_recipe

_EXPORT = "7_export"


@dataclass(frozen=True)
class Pushed:
    """What was handed over."""

    format: str
    where: str
    files: int
    size: int
    sensitivity: Sensitivity


def push(run: RunFolder, where: str, *, form: str = "", hub: str = HUB, public: bool = False) -> Pushed:
    """Hand one export of a run over. `public` makes a new repository of the hub readable by everybody.

    Raises: UsageError (no such export, a destination that is none), BlockedError where the gate says no,
    RunFolderError when the export is not what was proved, TeacherUnreachableError when the hub refuses.
    """
    target = destination(where, hub)
    artifact = _chosen(run, form)
    folder = run.path / artifact.path
    if not folder.is_dir() or file_digest(folder) != artifact.sha256:
        raise RunFolderError(
            "this export is not what was proved when it was made", where=str(folder), next="imbik run it --from export"
        )
    about = read_about(folder)
    level = inherited(artifact.sensitivity, about.sensitivity if about else artifact.sensitivity)
    if public and level is not Sensitivity.PUBLIC:
        raise BlockedError(f"{level.value} weights go to no public repository", where="--public", next="leave it out")
    audit = Audit(run.path)
    try:
        gate = Gate(load_operator(load_recipe(run.path / "recipe.yaml").base), audit)
        _hand_over(gate, folder, target, level, f"export {artifact.format}", public=public)
    finally:
        audit.close()
    files = [path for path in folder.rglob("*") if path.is_file()]
    return Pushed(artifact.format, where, len(files), sum(path.stat().st_size for path in files), level)


def _chosen(run: RunFolder, form: str) -> Artifact:
    """The export that is meant: the one named, else the first."""
    manifest = run.manifest(_EXPORT)
    found = {artifact.format: artifact for artifact in manifest.artifacts} if manifest else {}
    if not found:
        raise UsageError("this run has no export yet", where=str(run.path), next=f"imbik run {run.path}")
    if form and form not in found:
        raise UsageError(f"there is no export '{form}'; {closest(form, list(found))}", where="--format")
    return found[form] if form else next(iter(found.values()))


def _hand_over(gate: Gate, folder: Path, target: Destination, level: Sensitivity, row: str, *, public: bool) -> None:
    if target.repo:
        _to_hub(gate, folder, target, level, row, public=public)
    elif target.folder is not None:
        _to_folder(gate, folder, target, level, row)


def _to_folder(gate: Gate, folder: Path, target: Destination, level: Sensitivity, row: str) -> None:
    from imbik.privacy.hub import PURPOSE, decide

    assert target.folder is not None
    if target.folder.exists() and any(target.folder.iterdir()):
        raise UsageError("this folder holds files already, and none is overwritten", where=str(target.folder))
    if target.endpoint is not None:
        decision = decide(gate, target.endpoint, level, row)[1]
    else:
        decision = gate.decide(level, FOLDER, rows=(row,), purpose=PURPOSE)
    if not decision.allowed:
        raise BlockedError(
            f"{decision.reason}. The folder lies on {target.endpoint}",
            where=str(target.folder),
            next="a folder of this machine needs nobody's word; the operator's file may list the server under `local:`",
        )
    with disk_errors(target.folder):
        shutil.copytree(folder, target.folder, dirs_exist_ok=True)
    make_private(target.folder)


def _to_hub(gate: Gate, folder: Path, target: Destination, level: Sensitivity, row: str, *, public: bool) -> None:
    from imbik.privacy.hub import decide, upload
    from imbik.privacy.keys import HUB_TOKEN, find_key

    assert target.endpoint is not None
    place, decision = decide(gate, target.endpoint, level, row)
    if not decision.allowed or place.address is None:
        raise BlockedError(
            decision.reason,
            where=target.text,
            next=f"the operator's file may list {target.endpoint.host} under `external:` with what it `accepts:`",
        )
    token = find_key(HUB_TOKEN, target.endpoint, place.address, gate.operator, push=True)
    ask = partial(decide, gate, sensitivity=level, row=row)
    message = "A student distilled by imbik"
    upload(target.endpoint, folder, target.repo, ask=ask, token=token, private=not public, message=message)
