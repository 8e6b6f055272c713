"""Old weights as safetensors: pickled `.bin` files are read where they can do no harm, and written anew.

Enters: a folder with `pytorch_model.bin` (or its parts) beside config and tokenizer. Leaves: a new folder that imbik
loads; the old one stays as it is. The pickle is read with `weights_only=True`, which builds tensors and nothing else,
by a child process of its own that is refused every connection and program, and has no network at all where the system
lets it go without. What was written is read again and compared to the bit before the folder gets its name.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from imbik.core.errors import ModelError, UsageError
from imbik.core.files import make_private, remove

WEIGHTS = "model.safetensors"
_PARTS = ("pytorch_model*.bin", "*.pt", "*.pth", "consolidated*.pth")
_LEFT = {".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".py", ".safetensors"}
_INDEX = "index.json"
_SHARD_BYTES = 4 << 30
_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000  # of Linux's unshare(2)


def convert(folder: Path, out: Path | None = None) -> Path:
    """Write FOLDER's weights as safetensors into `out` (default: FOLDER-safetensors); returns that folder.

    Raises: UsageError where there is nothing to convert or something is in the way; ModelError where the file is no
    plain checkpoint, or holds code.
    """
    parts = found_in(folder)
    target = out or folder.with_name(f"{folder.name}-safetensors")
    if target.exists():
        raise UsageError("something is there already", where=str(target), next="name another folder with --out")
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    remove(temporary)
    temporary.mkdir(parents=True, mode=0o700)
    try:
        for path in folder.iterdir():
            if path.is_file() and path.suffix not in _LEFT and not path.name.endswith(_INDEX):
                shutil.copyfile(path, temporary / path.name)
        _in_a_child(parts, temporary)
        make_private(temporary)
        os.replace(temporary, target)
    finally:
        remove(temporary)
    return target


def found_in(folder: Path) -> list[Path]:
    """The pickled weights of a folder.

    Raises: UsageError where there are none, or no config beside them.
    """
    if not (folder / "config.json").exists():
        raise UsageError("no model is here (there is no config.json)", where=str(folder), next="name a model's folder")
    parts = next((found for pattern in _PARTS if (found := sorted(folder.glob(pattern)))), [])
    if not parts:
        raise UsageError("there are no pickled weights here (*.bin)", where=str(folder), next="nothing is to be done")
    return parts


def _in_a_child(parts: list[Path], target: Path) -> None:
    command = [sys.executable, "-m", "imbik.models.convert", str(target), *map(str, parts)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own module
    if ended.returncode:
        said = ended.stderr.strip().splitlines()[-1:] or ["it ended without a word"]
        raise ModelError(
            f"the weights cannot be converted: {said[0][:300]}",
            where=str(parts[0]),
            next="get the safetensors version from whoever published them; a file that holds code is not read at all",
        )


def _child(target: Path, parts: list[Path]) -> None:
    """The child's work: no network, tensors alone, written and compared."""
    _leave_network()
    import torch
    from safetensors.torch import load_file, save_file

    sys.addaudithook(_refuse)
    tensors: dict[str, Any] = {}
    for part in parts:
        loaded = torch.load(part, map_location="cpu", weights_only=True, mmap=True)
        loaded = loaded.get("state_dict", loaded.get("model", loaded)) if isinstance(loaded, dict) else loaded
        if not isinstance(loaded, dict) or not all(isinstance(value, torch.Tensor) for value in loaded.values()):
            raise ValueError(f"{part.name} holds no weights by name")
        tensors.update(loaded)
    for number, names in enumerate(_shards(_without_twins(tensors))):
        own = {name: tensors[name].contiguous().clone() for name in names}
        path = target / f"{number:05d}.safetensors"
        save_file(own, path, metadata={"format": "pt"})
        again = load_file(path)
        if any(not torch.equal(again[name], own[name]) for name in own):
            raise ValueError("what was written is not what was read")
    _named(target)


def _without_twins(tensors: dict[str, Any]) -> dict[str, Any]:
    """Each stored tensor once: tied heads are tied again when the model is loaded."""
    seen: dict[tuple[int, tuple[int, ...]], str] = {}
    for name, tensor in sorted(tensors.items(), key=lambda item: ("head" in item[0], item[0])):
        seen.setdefault((tensor.data_ptr() if tensor.numel() else id(tensor), tuple(tensor.shape)), name)
    return {name: tensors[name] for name in sorted(seen.values())}


def _shards(tensors: dict[str, Any]) -> list[list[str]]:
    shards: list[list[str]] = [[]]
    room = _SHARD_BYTES
    for name, tensor in tensors.items():
        size = tensor.numel() * tensor.element_size()
        if size > room and shards[-1]:
            shards.append([])
            room = _SHARD_BYTES
        shards[-1].append(name)
        room -= size
    return shards


def _named(target: Path) -> None:
    """The names that transformers looks for: one file, or parts with an index."""
    from safetensors import safe_open

    files = sorted(target.glob("[0-9]*.safetensors"))
    if len(files) == 1:
        files[0].rename(target / WEIGHTS)
        return
    index: dict[str, str] = {}
    for number, path in enumerate(files, start=1):
        name = f"model-{number:05d}-of-{len(files):05d}.safetensors"
        with safe_open(path, "pt") as held:
            index |= dict.fromkeys(held.keys(), name)
        path.rename(target / name)
    (target / f"{WEIGHTS}.{_INDEX}").write_text(json.dumps({"metadata": {}, "weight_map": index}), encoding="utf-8")


def _leave_network() -> None:
    """Into a network of its own, in which there is nothing, where the system allows that."""
    import ctypes

    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).unshare(_NEW_USER | _NEW_NETWORK)


def _refuse(event: str, arguments: Any) -> None:  # noqa: ARG001 - the hook's contract
    """In any case no connection, no name looked up, no program started."""
    if event.startswith(("socket.connect", "socket.bind", "socket.getaddrinfo", "subprocess.", "os.exec", "os.system")):
        raise PermissionError(f"{event}: weights open no connection and start no program")


if __name__ == "__main__":
    try:
        _child(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
    except Exception as error:
        sys.exit(f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
