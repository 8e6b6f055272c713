"""safetensors: one merged folder that transformers loads offline, without imbik and without peft.

Enters: the trained student. Leaves: config, weights, tokenizer and chat template, with adapters merged into the
full-precision base. Where an adapter changed only one side of tied embeddings, they are untied first: merging into
the shared matrix would change the other side as well.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic import Field

from imbik.core.errors import ModelError
from imbik.core.plugins import PluginSettings
from imbik.models.inlays import inlay_in
from imbik.models.quantised import in_full

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from transformers import PreTrainedModel

    from imbik.models.model import LanguageModel

USAGE = """```python
from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained("PATH/TO/THIS/FOLDER")
tokenizer = AutoTokenizer.from_pretrained("PATH/TO/THIS/FOLDER")
prompt = tokenizer.apply_chat_template(
    [{"role": "user", "content": "..."}], add_generation_prompt=True, return_tensors="pt", return_dict=True
)
answer = model.generate(**prompt, max_new_tokens=256, do_sample=False)
print(tokenizer.decode(answer[0, prompt["input_ids"].shape[1] :], skip_special_tokens=True))
```"""
_TOLERANCE = {"float32": 1e-4, "bfloat16": 0.06}


class SafetensorsFormat:
    """A transformers folder in float32 or bfloat16."""

    class Settings(PluginSettings):
        """`precision`: float32 gives the trained weights exactly; bfloat16 halves them, rounded."""

        precision: Literal["float32", "bfloat16"] = Field("float32", description="number format of the weights")

    version = 1
    usage = USAGE

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.name = "safetensors" if settings.precision == "float32" else f"safetensors-{settings.precision}"
        self.tolerance = _TOLERANCE[settings.precision]

    def write(self, model: LanguageModel, folder: Path, lineage: dict[str, str]) -> None:
        """Merge, round if asked, save. `model` may be used up by this."""
        import torch

        from imbik.models.save import save

        network = merged(model.network).to(getattr(torch, self.settings.precision))
        save(replace(model, network=network), folder, lineage=lineage)

    def logits(self, folder: Path, prompts: Sequence[Sequence[int]]) -> list[NDArray[np.float32]]:
        """As a foreign program would get them: plain transformers, nothing of imbik."""
        import torch
        from transformers import AutoModelForCausalLM

        network = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True).eval()
        with torch.inference_mode():
            return [network(torch.tensor([list(ids)])).logits[0].float().numpy() for ids in prompts]


def merged(network: PreTrainedModel) -> PreTrainedModel:
    """The network with its adapter merged into the base; a network without adapter as it is.

    Raises: ModelError for adapters that nothing merges.
    """
    if (inlay := inlay_in(network)) is not None:
        raise ModelError(
            f"{inlay.name} no linear part of a layer and cannot be merged into the model",
            where="export",
            next="leave `export:` empty for this student, or train it with lora",
        )
    if not hasattr(network, "peft_config"):
        return network
    adapted = cast(Any, network)
    if getattr(adapted.get_base_model(), "is_loaded_in_4bit", False):
        adapted = _over_full_base(adapted)
    _untie_where_adapted(adapted)
    return cast("PreTrainedModel", adapted.merge_and_unload(safe_merge=True))


def _over_full_base(adapted: Any) -> Any:
    """The same adapter over its base in full: the numbers that the four bits stood for, so nothing is rounded anew."""
    from peft import get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict

    config, state = adapted.peft_config["default"], get_peft_model_state_dict(adapted, save_embedding_layers=False)
    with warnings.catch_warnings(action="ignore"):  # PEFT asks transformers by an old name
        whole = get_peft_model(in_full(adapted.unload()), config)
        set_peft_model_state_dict(whole, state)
    return whole


def _untie_where_adapted(adapted: Any) -> None:
    """Give the output head a matrix of its own where an adapter stands on it or on the embeddings it shares."""
    import torch

    base = adapted.get_base_model()
    if not base.config.get_text_config().tie_word_embeddings:
        return
    head, embeddings = base.get_output_embeddings(), base.get_input_embeddings()
    trained_whole = hasattr(head, "modules_to_save") or hasattr(embeddings, "modules_to_save")
    if not (trained_whole or hasattr(head, "base_layer") or hasattr(embeddings, "base_layer")):
        return
    if not trained_whole:
        inner = getattr(head, "base_layer", head)
        inner.weight = torch.nn.Parameter(inner.weight.detach().clone())
    base.config.get_text_config().tie_word_embeddings = False
    base.config.tie_word_embeddings = False
