"""The teacher beside the student: it reads the rows of every micro-batch, and nothing of it is stored.

Enters: the teacher's weights (`train.teacher`, a model in this process), a micro-batch. Leaves: its hidden states at
the learned positions with its head (`Dense`): the losses make its logits block by block, over its whole vocabulary. It
reads the student's token ids, so both have one tokenizer; or its own, where every loss can cross tokenizers.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from imbik.core.errors import RecipeError
from imbik.models.crossing import capture_teacher, crosses
from imbik.models.folder import read_base, tokenizer_hash
from imbik.models.gguf import is_gguf, tokenizer_home
from imbik.models.layers import listening
from imbik.models.load import load_tokenizer, resolve
from imbik.models.model import LanguageModel, context_in
from imbik.stage import StageContext
from imbik.teachers import dtype_of
from imbik.train.faculty import Faculty
from imbik.train.layers import Layers, at_places
from imbik.train.losses import Dense

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from transformers import PreTrainedTokenizerFast

    from imbik.models.head import OutputHead
    from imbik.train.crossing import Crossing


MODELS_HERE = ("in_process", "run")
CAPTURED = 1 << 30  # what capture left out as too long has no logits


class Tutor:
    """A teacher that is asked micro-batch by micro-batch. It is no part of the student's module: nothing trains it."""

    def __init__(self, model: LanguageModel, device: torch.device) -> None:
        """`device` is the student's, where its hidden states and its head end up."""
        from imbik.models.head import head_of

        self.model = model
        model.network.eval().requires_grad_(False)
        self._head, self._device = head_of(model.network), device

    def read(
        self, ids: Tensor, positions: Tensor | None, places: Tensor, wanted: frozenset[str] = frozenset()
    ) -> tuple[Dense, Layers | None]:
        """What it says at `places` (N,) of the flattened (B, S) of a micro-batch (see `MicroBatch`), with what of its
        layers is wanted."""
        import torch

        from imbik.models.spread import input_device
        from imbik.train.module import bare, hidden_states

        network = self.model.network
        here = input_device(network)
        with torch.no_grad(), torch.autocast(self._device.type, enabled=False):
            with listening(bare(network), wanted) if wanted else nullcontext() as heard:
                hidden = hidden_states(network, ids.to(here), None if positions is None else positions.to(here))
            chosen = hidden.flatten(0, 1).index_select(0, places.to(hidden.device)).to(self._device)
            layers = None
            if heard is not None:
                layers = at_places(heard.to(self._device), places, positions, (ids.shape[0], ids.shape[1]))
        return Dense(chosen, self._near()), layers

    def _near(self) -> OutputHead:
        """The head on the student's device, moved there once."""
        head = self._head
        if head.weight.device != self._device:
            bias = None if head.bias is None else head.bias.to(self._device)
            self._head = head = replace(head, weight=head.weight.to(self._device), bias=bias)
        return head


def refuse_weights(name: str, folder: Path | None, student_tokenizer: str, *, crossing: bool = False) -> Path:
    """The folder of a teacher that can read beside a student with this tokenizer; another one is `crossing`.

    Raises: RecipeError for one that is no model here, a GGUF file, or has another tokenizer that no loss can cross.
    """
    if folder is None:
        raise RecipeError(
            f"teacher '{name}' is no model in this process, so it cannot read beside the student",
            where="train.teacher",
            next="name an in_process or run teacher; a vLLM server can read the student's own attempts "
            "(`train.on_policy`)",
        )
    if is_gguf(folder):
        raise RecipeError(
            f"teacher '{name}' is a GGUF file, which llama.cpp runs: it gives no hidden states",
            where="train.teacher",
            next="name the folder that it was made of (safetensors)",
        )
    if not crossing and tokenizer_hash(tokenizer_home(folder)) != student_tokenizer:
        raise RecipeError(
            f"the student's tokenizer is not teacher '{name}'s, so what it says is not of the student's tokens",
            where="student.tokenizer",
            next="--set student.tokenizer=teacher for a student made here, compare with losses that cross tokenizers "
            "(uld, hybrid) alone, or leave `train.teacher` out",
        )
    return folder


def crossing_of(context: StageContext, student: PreTrainedTokenizerFast, student_tokenizer: str) -> Crossing | None:
    """The side of the teacher beside the student, or the captured one, where its tokenizer is another that all losses
    can cross.
    """
    recipe = context.recipe
    if recipe.train.teachers or not crosses(recipe):
        return None
    name = recipe.train.teacher or (capture_teacher(recipe) if recipe.capture is not None else "")
    folder = context.asker.model_folder(name) if _is_here(context, name) else None
    if folder is None or tokenizer_hash(home := tokenizer_home(folder)) == student_tokenizer:
        return None
    longest = context_of(folder) if not is_gguf(folder) else CAPTURED
    from imbik.train.crossing import Crossing

    return Crossing(load_tokenizer(home), tokenizer_hash(home), student, longest)


def beside_context(context: StageContext) -> int:
    """The longest row that the recipe's teachers beside the student can all read, in tokens; 0 where there is none."""
    here = [name for name in context.recipe.train.beside if _is_here(context, name)]
    folders = [context.asker.model_folder(name) for name in here]
    return min((context_of(folder) for folder in folders if folder is not None and not is_gguf(folder)), default=0)


def context_of(folder: Path) -> int:
    """The longest row that a model's folder, or an adapter's base, can read, in tokens."""
    from transformers import AutoConfig

    base = read_base(folder)
    whole = folder if base is None else resolve(base, folder)
    return context_in(AutoConfig.from_pretrained(whole, local_files_only=True))


def _is_here(context: StageContext, name: str) -> bool:
    return bool(name) and context.recipe.teachers[name].use in MODELS_HERE


def open_tutor(context: StageContext, student_tokenizer: str) -> Tutor | Faculty | None:
    """The recipe's teacher or teachers beside the student, ready to read, spread over devices where one is larger than
    one; None where it is served, or there is none.

    Raises: RecipeError, ModelError.
    """
    train = context.recipe.train
    if train.teachers:
        return Faculty([_opened(context, name, student_tokenizer) for name in train.teachers], train.combine)
    return _opened(context, train.teacher, student_tokenizer) if _is_here(context, train.teacher) else None


def _opened(context: StageContext, name: str, student_tokenizer: str) -> Tutor:
    """One teacher, ready to read."""
    import torch

    from imbik.models.engines.transformers import TransformersEngine
    from imbik.models.opening import open_engine

    crossing = not context.recipe.train.teachers and crosses(context.recipe)
    folder = refuse_weights(name, context.asker.model_folder(name), student_tokenizer, crossing=crossing)
    block = context.recipe.teachers[name]
    engine = open_engine(folder, dtype=dtype_of(block), memory=block.raw.get("memory", {}))
    assert isinstance(engine, TransformersEngine)
    return Tutor(engine.model, torch.device("cuda" if torch.cuda.is_available() else "cpu"))
