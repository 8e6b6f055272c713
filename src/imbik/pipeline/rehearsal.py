"""The student's method is tried on its shape, before anything is paid: do these layers, names and lengths exist?

Enters: a recipe whose student is a model that is here. Leaves: nothing, or the error that its training would have met
after the answers were bought. A shape has every module of the model and no weights (torch's meta device).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imbik.core.errors import ImbikError
from imbik.core.plugins import make
from imbik.core.types import Sensitivity
from imbik.models.folder import read_base, read_object
from imbik.models.gguf import is_gguf
from imbik.models.load import load_tokenizer, quiet
from imbik.models.model import LanguageModel
from imbik.models.prune import chosen
from imbik.pipeline.sizes import folder_here
from imbik.recipe import Recipe

_LAYERS = ("num_hidden_layers", "n_layer")


def refuse_misfit(recipe: Recipe) -> None:
    """Layers that are kept have to be there, and the method's settings and patterns of weights have to fit the model.

    Raises: ModelError, PluginError, TrainingError.
    """
    name, keep = recipe.student.model, recipe.student.keep
    folder = folder_here(name, recipe.base) if name else None
    if folder is None or is_gguf(folder) or read_base(folder) or not (folder / "config.json").exists():
        return
    config = read_object(folder / "config.json")
    count = next((int(config[key]) for key in _LAYERS if isinstance(config.get(key), int)), 0)
    if keep is not None and keep.layers and count:
        count = len(chosen(keep.layers, count))
    train = recipe.train
    if train.method.use != "full" or train.learning_rates or train.no_weight_decay:
        _rehearse(recipe, folder, count)


def _rehearse(recipe: Recipe, folder: Path, layers: int) -> None:
    """Prepare the shape as training prepares the model. Only what imbik itself refuses counts: that a shape could not
    be made, or has no weights for a method to read, says nothing of the model.
    """
    method = make("train/methods", recipe.train.method)
    try:
        network = method.prepare(_shape(folder, layers), seed=1).network
        _patterns(network, recipe)
    except ImbikError:
        raise
    except Exception:
        return


def _patterns(network: Any, recipe: Recipe) -> None:
    """Patterns of weights fit some that learn, by the names that they have in training."""
    from torch.nn import ModuleDict

    from imbik.train.groups import check_patterns

    check_patterns(ModuleDict({"network": network}), recipe.train)


def _shape(folder: Path, layers: int) -> LanguageModel:
    """A model of a folder's config and tokenizer with so many layers, without weights."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    quiet()
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    if layers:
        config.get_text_config().num_hidden_layers = layers
    with torch.device("meta"):
        network = AutoModelForCausalLM.from_config(config)
    return LanguageModel(network, load_tokenizer(folder), "", "", Sensitivity.PUBLIC, folder)
