"""peft: the trained adapter apart, beside its base as it was held in training. PEFT loads it, without imbik.

Enters: a student trained by lora, qlora, ia3 or prefix. Leaves: `adapter/` in PEFT's files and `base/`: in full, or, of
qlora, in the four bits that the adapter was trained over. Nothing is merged and so nothing is rounded anew; whoever has
the base needs the adapter alone, and one base in memory serves many.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imbik.core.errors import ModelError
from imbik.core.files import read_json, remove, write_json
from imbik.core.plugins import PluginSettings
from imbik.models.bottleneck import has_bottlenecks
from imbik.models.folder import ADAPTER, read_base

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from imbik.models.model import LanguageModel

USAGE = """```python
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

base = AutoModelForCausalLM.from_pretrained("PATH/TO/THIS/FOLDER/base")  # in four bits: pip install bitsandbytes
model = PeftModel.from_pretrained(base, "PATH/TO/THIS/FOLDER/adapter")
tokenizer = AutoTokenizer.from_pretrained("PATH/TO/THIS/FOLDER")
prompt = tokenizer.apply_chat_template(
    [{"role": "user", "content": "..."}], add_generation_prompt=True, return_tensors="pt", return_dict=True
)
answer = model.generate(**prompt, max_new_tokens=256, do_sample=False)
print(tokenizer.decode(answer[0, prompt["input_ids"].shape[1] :], skip_special_tokens=True))
```"""
UNDER, _CONFIG = "base", "adapter_config.json"


class PeftFormat:
    """The adapter and its base, unmerged."""

    class Settings(PluginSettings):
        """Nothing to be told."""

    version = 1
    usage = USAGE
    name = "peft"
    tolerance = 1e-4

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def write(self, model: LanguageModel, folder: Path, lineage: dict[str, str]) -> None:
        """Save adapter, tokenizer and base.

        Raises: ModelError for a student without an adapter that PEFT knows.
        """
        from imbik.models.load import load, resolve
        from imbik.models.save import save

        named = read_base(model.folder) if model.folder is not None else None
        if named is None or model.folder is None or has_bottlenecks(model.network):
            raise ModelError(
                "this student has no adapter that PEFT could load", where="export", next="--set export=[safetensors]"
            )
        try:
            save(replace(model, four_bit=None), folder, base=UNDER, lineage=lineage)
            base = load(resolve(named, model.folder), four_bit=model.four_bit)
            save(base, folder / UNDER)
            config = folder / ADAPTER / _CONFIG
            write_json(config, {**read_json(config, dict[str, Any]), "base_model_name_or_path": f"../{UNDER}"})
        except BaseException:
            remove(folder)
            raise

    def logits(self, folder: Path, prompts: Sequence[Sequence[int]]) -> list[NDArray[np.float32]]:
        """As a foreign program would get them, from transformers and PEFT."""
        import torch
        from peft import PeftModel
        from transformers import AutoModelForCausalLM

        from imbik.models.quantised import hold_still

        base = AutoModelForCausalLM.from_pretrained(folder / UNDER, local_files_only=True)
        hold_still(base)  # what is proved are the files, not how bitsandbytes packs them on this processor
        with warnings.catch_warnings(action="ignore"):  # PEFT asks transformers by an old name
            network = PeftModel.from_pretrained(base, str(folder / ADAPTER)).eval()
        with torch.inference_mode():
            return [network(input_ids=torch.tensor([list(ids)])).logits[0].float().numpy() for ids in prompts]
