"""Saving a model: a folder that `load`, and transformers offline, read back.

Enters: a LanguageModel (whole, or a base with a PEFT adapter). Leaves: safetensors, tokenizer, chat template and
`imbik.json`; for an adapter `base.json` and `adapter/`, unmerged, so that the base is stored once.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imbik.core.errors import ModelError
from imbik.core.files import disk_errors, fsync_folder, make_private, remove, write_json
from imbik.models.folder import ABOUT, ADAPTER, BASE, About, BaseOf, mark_config
from imbik.models.inlays import inlay_in
from imbik.models.load import quiet
from imbik.models.model import LanguageModel
from imbik.models.template import plain_template


def save(
    model: LanguageModel, folder: Path, *, base: str | None = None, lineage: Mapping[str, str] | None = None
) -> None:
    """Write the model to `folder`, whole or not at all: a folder of that name is replaced when everything is written.

    `base` is the name of the base an adapter stands on (default: where the base was loaded from).
    A tokenizer without a chat template gets the plain one it was used with.
    """
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    remove(temporary)
    temporary.mkdir(parents=True, mode=0o700)
    with disk_errors(folder):
        try:
            _write(model, temporary, base, dict(lineage or {}))
            remove(folder)
            os.replace(temporary, folder)
        finally:
            remove(temporary)
    fsync_folder(folder.parent)


def _write(model: LanguageModel, folder: Path, base: str | None, lineage: dict[str, str]) -> None:
    quiet()
    network: Any = model.network
    inlay = inlay_in(network)
    adapted = hasattr(network, "peft_config") or inlay is not None
    if inlay is not None:
        inlay.save(network, folder / ADAPTER)
    elif adapted:
        # The base has its own folder: embeddings that an adapter stands beside are in it.
        network.save_pretrained(folder / ADAPTER, save_embedding_layers=False)
    else:
        network.save_pretrained(folder)
    if adapted:
        about = BaseOf(base=base or _base_name(model), sensitivity=model.sensitivity, four_bit=model.four_bit)
        write_json(folder / BASE, about)
    if not model.tokenizer.chat_template:
        model.tokenizer.chat_template = plain_template(model.tokenizer)
    model.tokenizer.save_pretrained(folder)
    write_json(folder / ABOUT, About(sensitivity=model.sensitivity, classes=tuple(model.class_tokens), lineage=lineage))
    if not adapted:
        mark_config(folder, model.sensitivity)
    make_private(folder)
    for path in folder.rglob("*"):
        if path.is_file():
            _fsync(path)


def _base_name(model: LanguageModel) -> str:
    """The folder that the base was loaded from."""
    network: Any = model.network
    network = network.get_base_model() if hasattr(network, "get_base_model") else network
    found = Path(str(network.name_or_path)) if network.name_or_path else model.folder
    if found is None or not found.is_dir():
        raise ModelError(
            "an adapter can only be saved when its base has a folder", next="save the base first and load it from there"
        )
    return str(found.resolve())


def _fsync(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
