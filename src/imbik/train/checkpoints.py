"""Checkpoints: a training that is killed at any moment goes on bit for bit from the newest whole one.

Enters: position, trainable weights, optimiser state. Leaves: `step-NNNNNNN/` with two safetensors files (nothing here
is ever unpickled) and `checkpoint.json`, whose digests tell a damaged file from a whole one. A checkpoint appears by
rename, whole or not at all; the last two are kept, so that one damaged by the disk leaves another.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from imbik.core.errors import RunFolderError, TrainingError
from imbik.core.files import digest_value, disk_errors, file_digest, fsync_folder, read_json, remove, write_json
from imbik.core.types import Record
from imbik.train.course import Position

if TYPE_CHECKING:
    from torch import Tensor

KEPT = 2
_WEIGHTS, _OPTIMIZER, _ABOUT = "weights.safetensors", "optimizer.safetensors", "checkpoint.json"


class _About(Record, frozen=True, kw_only=True):
    position: Position
    digests: dict[str, str]
    sha256: str

    @classmethod
    def of(cls, position: Position, digests: dict[str, str]) -> _About:
        """With the digest of what it says itself."""
        return cls(position=position, digests=digests, sha256=digest_value([position, digests]))

    @property
    def whole(self) -> bool:
        """Whether it still says what was written."""
        return digest_value([self.position, self.digests]) == self.sha256


@dataclass(frozen=True)
class Checkpoint:
    """A whole checkpoint, read."""

    position: Position
    weights: Mapping[str, Tensor]
    optimizer: Mapping[str, Tensor]


class Checkpoints:
    """The checkpoints of one variant and seed."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self.folder, self._say = folder, say

    def write(self, position: Position, weights: Mapping[str, Tensor], optimizer: Mapping[str, Tensor]) -> None:
        """Add a checkpoint; older ones than the last two go, and best weights that none of them names."""
        final = self.folder / f"step-{position.step:07d}"
        temporary = self.folder / f".{final.name}.tmp"
        remove(temporary)
        temporary.mkdir(parents=True, mode=0o700)
        digests = {
            _WEIGHTS: save_tensors(temporary / _WEIGHTS, weights),
            _OPTIMIZER: save_tensors(temporary / _OPTIMIZER, optimizer),
        }
        write_json(temporary / _ABOUT, _About.of(position, digests))
        remove(final)
        os.replace(temporary, final)
        fsync_folder(self.folder)
        self._prune(KEPT)

    def write_best(self, step: int, weights: Mapping[str, Tensor]) -> tuple[str, str]:
        """Save the best weights so far; returns file name and SHA-256 for the position to name them."""
        name = f"best-{step:07d}.safetensors"
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = self.folder / f".{name}.tmp"
        sha256 = save_tensors(temporary, weights)
        os.replace(temporary, self.folder / name)
        fsync_folder(self.folder)
        return name, sha256

    def latest(self) -> Checkpoint | None:
        """The newest whole checkpoint, or None when training has not begun; damaged ones are named and passed over.

        Raises: TrainingError when there are checkpoints and all of them are damaged.
        """
        found = sorted(self.folder.glob("step-*"), reverse=True)
        damage = ""
        for path in found:
            damage = self._damage(path)
            if not damage:
                about = read_json(path / _ABOUT, _About)
                return Checkpoint(about.position, load_tensors(path / _WEIGHTS), load_tensors(path / _OPTIMIZER))
            self._say(f"! checkpoint {path.name} is damaged ({damage}); trying the one before it")
        if found:
            raise TrainingError(
                f"every checkpoint is damaged (the last: {damage})",
                where=str(self.folder),
                next=f"train this variant from its start: rm -r {self.folder.parent}",
            )
        return None

    def best(self, position: Position) -> Mapping[str, Tensor]:
        """The best weights that a position names.

        Raises: TrainingError when the file is missing or damaged.
        """
        path = self.folder / position.best_file
        if not path.exists() or file_digest(path) != position.best_sha256:
            raise TrainingError(
                "the best weights are missing or damaged",
                where=str(path),
                next=f"train this variant from its start: rm -r {self.folder.parent}",
            )
        return load_tensors(path)

    def clear(self) -> None:
        """Keep the newest checkpoint only, with the best weights it names: the training is finished."""
        self._prune(1)

    def _damage(self, path: Path) -> str:
        """What is wrong with a checkpoint, or ''."""
        try:
            about = read_json(path / _ABOUT, _About)
        except (RunFolderError, OSError):
            return f"{_ABOUT} cannot be read"
        if not about.whole:
            return f"{_ABOUT} is not what was written"
        for name, wanted in about.digests.items():
            if not (path / name).exists() or file_digest(path / name) != wanted:
                return f"{name} is not what was written"
        best = self.folder / about.position.best_file
        if about.position.best_file and (not best.exists() or file_digest(best) != about.position.best_sha256):
            return f"{best.name} is not what was written"
        return ""

    def _prune(self, kept: int) -> None:
        whole = sorted(self.folder.glob("step-*"))
        for path in whole[:-kept]:
            remove(path)
        named = set()
        for path in whole[-kept:]:
            try:
                named.add(read_json(path / _ABOUT, _About).position.best_file)
            except (RunFolderError, OSError, msgspec.DecodeError):
                continue
        for path in self.folder.glob("best-*.safetensors"):
            if path.name not in named:
                remove(path)


def save_tensors(path: Path, tensors: Mapping[str, Tensor]) -> str:
    """Write named tensors as safetensors, flushed to disk; returns the file's SHA-256."""
    from safetensors.torch import save_file

    with disk_errors(path):
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, path)
        path.chmod(0o600)
        with path.open("rb") as stream:
            os.fsync(stream.fileno())
    return file_digest(path)


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Read named tensors."""
    from safetensors.torch import load_file

    loaded: dict[str, Tensor] = load_file(path)
    return loaded
