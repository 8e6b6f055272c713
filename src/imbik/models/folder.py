"""A model folder looked at without loading it: is it safe and whole, what is it, what does it say of itself.

Enters: a folder. Leaves: a ModelError that says what to do, hashes of what shapes the answers, and the small
`imbik.json` that travels with weights. Reads files only; torch and transformers stay out.

A folder is either a whole model (config.json, safetensors, tokenizer.json) or an adapter over a base: `base.json` (a
folder, relative to this one or absolute, or a hub id) beside `adapter/` (PEFT, unmerged) and the tokenizer.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from imbik.core.errors import ModelError
from imbik.core.files import canonical_json, digest, digest_value, file_digest, read_json, write_json
from imbik.core.types import Record, Sensitivity
from imbik.privacy.sensitivity import highest

ABOUT, BASE, ADAPTER, CONFIG = "imbik.json", "base.json", "adapter", "config.json"
_MARK = "imbik_sensitivity"
_SHAPING = ("*.json", "*.jinja", "*.safetensors", "tokenizer.model")
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.pickle")
_NOT_SHAPING = {ABOUT, BASE, "training.json", "trainer_state.json"}


class About(Record, frozen=True, kw_only=True):
    """`imbik.json`: what a model's folder says of its origin; `classes` are the labels with a token, for people."""

    sensitivity: Sensitivity = Sensitivity.CONFIDENTIAL
    classes: tuple[str, ...] = ()
    lineage: dict[str, str] = {}


class FourBit(Record, frozen=True, kw_only=True):
    """How a base's linear layers are held in four bits: the number format, and whether its scales are quantised too."""

    kind: Literal["nf4", "fp4"] = "nf4"
    double: bool = True


class BaseOf(Record, frozen=True, kw_only=True):
    """`base.json`: which model an adapter stands on, and the adapter's own level, which stays here when `imbik.json` is
    left behind; `four_bit` says how the base was held when the adapter was trained, and is when it is used."""

    base: str
    sensitivity: Sensitivity = Sensitivity.PUBLIC
    four_bit: FourBit | None = None


def read_about(folder: Path) -> About | None:
    """The folder's `imbik.json`, or None when it has none (a model from elsewhere)."""
    path = folder / ABOUT
    return read_json(path, About) if path.exists() else None


def mark_config(folder: Path, level: Sensitivity) -> None:
    """Write a model's level into its `config.json` too, where it stays when other programs load and save the weights,
    and when `imbik.json` is left behind. A public model needs no mark."""
    path = folder / CONFIG
    if level is not Sensitivity.PUBLIC and path.exists():
        write_json(path, {**read_json(path, dict[str, Any]), _MARK: level.value})


def marked_level(folder: Path) -> Sensitivity | None:
    """The level that `config.json`, or an adapter's `base.json`, names; None where neither names one. What is no level
    counts as confidential."""
    named = {CONFIG: _MARK, BASE: "sensitivity"}
    marks = [read_object(folder / name).get(key) for name, key in named.items() if (folder / name).exists()]
    levels = [Sensitivity(mark) if mark in set(Sensitivity) else Sensitivity.CONFIDENTIAL for mark in marks if mark]
    return highest(levels) if levels else None


def read_base(folder: Path) -> str | None:
    """The base an adapter folder names, or None for a whole model."""
    path = folder / BASE
    return read_json(path, BaseOf).base if path.exists() else None


def read_four_bit(folder: Path) -> FourBit | None:
    """How an adapter folder's base is held; None for a whole model, and for a base in full precision."""
    path = folder / BASE
    return read_json(path, BaseOf).four_bit if path.exists() else None


def check_folder(folder: Path) -> None:
    """Refuse what cannot or must not be loaded.

    Raises: ModelError for a missing folder, config, tokenizer or weights, pickled weights, and code in the folder.
    """
    if not folder.is_dir():
        if folder.is_file():
            raise ModelError(
                "this is a file, and no GGUF file with a model in it",
                where=str(folder),
                next="copy or download it again, or name the folder that holds config.json",
            )
        raise ModelError(
            "there is no such model folder", where=str(folder), next="name a folder with config.json, or a hub id"
        )
    adapted = (folder / BASE).exists()
    _check_config(folder, adapted)
    _check_tokenizer(folder)
    _check_weights(folder / ADAPTER if adapted else folder)


def _check_config(folder: Path, adapted: bool) -> None:
    if not adapted and not (folder / "config.json").exists():
        raise ModelError(
            "this folder has no config.json, so it is no transformers model",
            where=str(folder),
            next="name the folder that holds config.json, model.safetensors and tokenizer.json",
        )
    for name in ("config.json", "tokenizer_config.json"):
        if (folder / name).exists() and "auto_map" in read_object(folder / name):
            raise ModelError(
                "this model brings its own code (auto_map), and imbik never runs code from a model folder",
                where=str(folder / name),
                next="use a model whose architecture transformers knows by itself",
            )


def _check_tokenizer(folder: Path) -> None:
    if (folder / "tokenizer.json").exists():
        return
    old = any((folder / name).exists() for name in ("tokenizer.model", "vocab.json", "vocab.txt"))
    raise ModelError(
        "the tokenizer is in an older format, without tokenizer.json" if old else "this folder has no tokenizer.json",
        where=str(folder),
        next="convert it: AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)"
        if old
        else "copy the tokenizer's files (tokenizer.json, tokenizer_config.json) beside the weights",
    )


def _check_weights(folder: Path) -> None:
    if any(folder.glob("*.safetensors")):
        index = folder / "model.safetensors.index.json"
        named = set(read_object(index).get("weight_map", {}).values()) if index.exists() else set()
        missing = sorted(name for name in named if not (folder / name).exists())
        if missing:
            raise ModelError(
                f"the index names weights that are not there: {', '.join(missing)}",
                where=str(index),
                next="copy or download the missing files",
            )
        return
    pickled = sorted(path.name for pattern in _PICKLED for path in folder.glob(pattern))
    if pickled:
        raise ModelError(
            f"the weights are pickled ({pickled[0]}), and unpickling can run any code",
            where=str(folder),
            next=f"get the safetensors version, or write them anew: imbik models convert {folder}",
        )
    raise ModelError(
        "this folder has no weights (*.safetensors)", where=str(folder), next="copy or download model.safetensors"
    )


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object of a model folder.

    Raises: ModelError when the file is damaged.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise ModelError(f"this file is damaged ({error})", where=str(path), next="copy or download it again") from None
    return data if isinstance(data, dict) else {}


def files_fingerprint(folder: Path) -> str:
    """Hash over the files of one folder that shape a model's answers, by name and content."""
    found = {path for pattern in _SHAPING for path in folder.glob(pattern) if path.name not in _NOT_SHAPING}
    if (folder / ADAPTER).is_dir():
        found |= {path for path in (folder / ADAPTER).iterdir() if path.suffix in {".json", ".safetensors"}}
    return digest(*(part for path in sorted(found) for part in (str(path.relative_to(folder)), _digest(path))))


def tokenizer_hash(folder: Path) -> str:
    """Hash of which token has which id: equal for two folders exactly when their token ids mean the same."""
    path = folder / "tokenizer.json"
    if not path.exists():
        _check_tokenizer(folder)
    stat = path.stat()
    return _tokenizer_hash(path.resolve(), stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=64)
def _tokenizer_hash(path: Path, _size: int, _modified: int) -> str:
    return vocabulary_hash(read_object(path))


def vocabulary_hash(state: dict[str, Any]) -> str:
    """The hash behind `tokenizer_hash`, of a tokenizer's state as tokenizer.json holds it."""
    vocab = state.get("model", {}).get("vocab", {})
    if isinstance(vocab, list):
        vocab = {piece[0]: number for number, piece in enumerate(vocab)}
    added = {item["content"]: item["id"] for item in state.get("added_tokens", [])}
    return digest_value({**vocab, **added})


def _digest(path: Path) -> str:
    """Content hash of a file, kept while its size and time stay the same."""
    real = path.resolve()
    stat = real.stat()
    if path.name == "config.json":
        return _config_digest(path)
    return _file_digest(real, stat.st_size, stat.st_mtime_ns)


def _config_digest(path: Path) -> str:
    """A config without the library's version in it: an upgrade changes no answer."""
    data = read_object(path)
    return digest(canonical_json({key: value for key, value in data.items() if key != "transformers_version"}))


@lru_cache(maxsize=256)
def _file_digest(path: Path, _size: int, _modified: int) -> str:
    return file_digest(path)
