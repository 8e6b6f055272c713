"""A student before its first step: its model, its dropout, and the method that says which of its weights learn.

Enters: the recipe, a method, a function that makes the model. Leaves: a Pupil: network prepared, base of its adapter on
disk. Whoever trains it knows nothing of where it came from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imbik.core.plugins import make
from imbik.models.load import embeddings, load
from imbik.models.model import LanguageModel
from imbik.models.save import save
from imbik.recipe import Recipe
from imbik.train.accelerators import Accelerator
from imbik.train.methods import LoadsBase, Method, Prepared

if TYPE_CHECKING:
    from torch import nn

FROZEN_CLASSES = (
    "the tokens of the classes are new and adapters leave their embeddings as drawn; "
    "set train.method.modules_to_save: [embed_tokens, lm_head], or tasks.kind.answer_as: text"
)


@dataclass(frozen=True)
class Pupil:
    """A student about to be trained: its model, the prepared network, the base that its adapter stands on."""

    model: LanguageModel
    prepared: Prepared
    base: str | None


def make_pupil(
    recipe: Recipe, method: Method, seed: int, make_model: Callable[[], LanguageModel], stage: Path
) -> Pupil:
    """The student before its first step. An adapter needs its base on disk: one made here is saved there."""
    model = make_model()
    base: str | None = None
    grown = model.folder is not None and changed(model)
    if method.needs_base:
        base = recipe.student.model
        if not base or model.folder is None or grown:
            folder = stage / "base" / f"seed-{seed}"
            if not (folder / "imbik.json").exists():
                save(model, folder)
            model, base = loader(method)(folder), f"../../../base/seed-{seed}"
        elif (local := (recipe.base / Path(base).expanduser())).is_dir():
            base = str(local.resolve())
    set_dropout(model.network, recipe.train.dropout)
    prepared = method.prepare(model, seed=seed)
    kernels: list[Accelerator] = [make("train/accelerators", block) for block in recipe.train.accelerators]
    told = [kernel.apply(model) for kernel in kernels]
    if told:
        prepared = replace(prepared, adapted="; ".join([prepared.adapted, *told]))
    if grown and method.needs_base and not recipe.train.method.raw.get("modules_to_save"):
        prepared = replace(prepared, warnings=(*prepared.warnings, FROZEN_CLASSES))
    if recipe.train.gradient_checkpointing:
        enable_checkpointing(prepared.network)
    return Pupil(model, prepared, base)


def loader(method: Method) -> Callable[[Path], LanguageModel]:
    """How a method's student is read from its folder."""
    return method.load if isinstance(method, LoadsBase) else load


def changed(model: LanguageModel) -> bool:
    """Whether a loaded model is no longer what its folder holds (embeddings were added for class tokens)."""
    assert model.folder is not None
    stored = read_config_width(model.folder)
    return stored != embeddings(model.network)


def read_config_width(folder: Path) -> int:
    """Rows of the embedding matrix, by config.json."""
    from transformers import AutoConfig

    return int(AutoConfig.from_pretrained(folder, local_files_only=True).get_text_config().vocab_size)


def set_dropout(network: nn.Module, share: float) -> None:
    """The recipe's dropout wherever the architecture has one; 0 switches off what a config would bring along."""
    import torch

    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = share
        if isinstance(getattr(module, "attention_dropout", None), float):
            module.attention_dropout = share  # type: ignore[assignment]


def enable_checkpointing(network: Any) -> None:
    """Recompute activations in the backward pass, by the name this transformers version knows it."""
    enable = getattr(network, "activation_checkpointing_enable", None) or network.gradient_checkpointing_enable
    enable({"use_reentrant": False})
