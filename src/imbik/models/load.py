"""Loading a model: from a folder, the hub's cache or the package itself, and never anything that could run code.

Enters: a name as a recipe writes it. Leaves: a folder, its identity, a LanguageModel, or a ModelError that says what to
do. A local folder never touches the network.
"""

from __future__ import annotations

import json
import logging as logs
import os
import re
import warnings
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from imbik.core.errors import ModelError
from imbik.core.files import digest
from imbik.core.types import Sensitivity
from imbik.models.content import class_tokens_of
from imbik.models.folder import (
    ADAPTER,
    FourBit,
    check_folder,
    files_fingerprint,
    marked_level,
    read_about,
    read_base,
    read_four_bit,
    read_object,
    vocabulary_hash,
)
from imbik.models.folder import tokenizer_hash as tokenizer_hash
from imbik.models.gguf import gguf_fingerprint, gguf_sensitivity, is_gguf
from imbik.models.inlays import inlay_saved
from imbik.models.model import LanguageModel
from imbik.models.quantised import hold_still, quantised_places
from imbik.privacy.sensitivity import highest

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from imbik.models.spread import Spread

EMBEDDED = "embedded:"
_HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*/[\w.-]+$")
_HUB_FILES = ["*.json", "*.safetensors", "*.jinja", "tokenizer.model", "README.md", "LICENSE*"]


def resolve(name: str, base: Path) -> Path:
    """The folder behind a model's name: `embedded:teacher`, a folder (relative to `base`), or a hub id; or a GGUF file.

    Raises: ModelError when there is no such thing, or the hub cannot be reached and its cache has no copy.
    """
    if name.startswith(EMBEDDED):
        return embedded_folder(name.removeprefix(EMBEDDED))
    folder = (base / Path(name).expanduser()).resolve()
    if folder.is_dir():
        return folder
    if is_gguf(folder) and folder.exists():
        return folder
    if folder.exists():
        raise ModelError(
            "a model is a folder, not a file (a .gguf file apart)",
            where=str(folder),
            next=f"name its folder: {folder.parent}",
        )
    if may_be_on_hub(name):
        return _from_hub(name)
    raise ModelError(
        f"there is no model '{name}': neither a folder {folder} nor a hub id (OWNER/NAME)",
        next="give the model's folder, a hub id, embedded:teacher or embedded:base",
    )


def may_be_on_hub(name: str) -> bool:
    """Whether a name has the form of a hub id (OWNER/NAME)."""
    return bool(_HUB_ID.match(name))


def embedded_folder(name: str) -> Path:
    """The folder of a model that ships with the package."""
    data = Path(str(files("imbik"))) / "embedded" / "data"
    known = sorted(path.name for path in data.iterdir() if (path / "config.json").exists()) if data.is_dir() else []
    if name not in known:
        have = ", ".join(EMBEDDED + item for item in known) or "none in this installation"
        raise ModelError(f"there is no embedded model '{EMBEDDED}{name}' (there: {have})", next="pip install -U imbik")
    return data / name


def _from_hub(name: str) -> Path:
    """The snapshot of a hub model: from the cache, else downloaded (weights as safetensors only)."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=_HUB_FILES, local_files_only=True))
    except (LocalEntryNotFoundError, ValueError):
        pass
    offline = os.environ.get("HF_HUB_OFFLINE", "") not in ("", "0")
    try:
        return Path(snapshot_download(name, allow_patterns=_HUB_FILES, local_files_only=offline))
    except Exception as error:  # the hub's client raises errors of several libraries
        reason = str(error).split("\n")[0] or type(error).__name__
        raise ModelError(
            f"the hub model '{name}' is not in the cache and could not be fetched ({reason})",
            next=f"where there is a network: hf download {name}; then name the folder it was put in",
        ) from None


def fingerprint(folder: Path) -> str:
    """A model's identity: a hash of the files that shape its answers (an adapter's includes its base's)."""
    if is_gguf(folder):
        return gguf_fingerprint(folder)
    base = read_base(folder)
    if base is None:
        return files_fingerprint(folder)
    return digest(files_fingerprint(folder), fingerprint(resolve(base, folder)))


def sensitivity_of(folder: Path) -> tuple[Sensitivity, str]:
    """A model's sensitivity, and a note where it had to be assumed.

    A folder without `imbik.json`, and without the mark that imbik leaves in `config.json` (an adapter's in
    `base.json`), comes from elsewhere: it is taken as public, as a published model is. Of several marks the highest
    holds, and an adapter is at least what its base is.
    """
    if is_gguf(folder):
        return gguf_sensitivity(folder)
    about, base = read_about(folder), read_base(folder)
    levels = [level for level in (about.sensitivity if about else None, marked_level(folder)) if level is not None]
    under = sensitivity_of(resolve(base, folder))[0] if base is not None else Sensitivity.PUBLIC
    if levels:
        return highest([*levels, under]), ""
    shipped = Path(str(files("imbik"))) in folder.parents
    note = "" if shipped else f"{folder} has no imbik.json: the model is taken as trained on public data"
    return under, note


def load(
    folder: Path, *, dtype: str = "float32", spread: Spread | None = None, four_bit: FourBit | None = None
) -> LanguageModel:
    """Load a model for inference or training (in eval mode, on the CPU); adapters stay unmerged.

    `dtype` is float32, bfloat16, float16 or auto (as stored). With `spread`, for inference only, its layers lie where
    there is room for them; with `four_bit` its linear layers are held in four bits. An adapter's base is held as it was
    in training.
    Raises: ModelError when the folder is not whole, not safe, or not a causal language model.
    """
    check_folder(folder)
    base = read_base(folder)
    if base is not None and spread is not None:
        raise ModelError(
            "an adapter over a base that is spread over devices cannot be run",
            where=str(folder),
            next="name the run's merged export (7_export/safetensors), or leave `memory` out",
        )
    four_bit = four_bit or read_four_bit(folder)
    network = (
        _load_network(folder, dtype, spread, four_bit) if base is None else _load_adapted(folder, base, dtype, four_bit)
    )
    tokenizer = load_tokenizer(folder)
    if (widest := max(tokenizer.get_vocab().values())) >= embeddings(network):
        raise ModelError(
            f"the tokenizer has token ids up to {widest}, more than the model has embeddings",
            where=str(folder),
            next="the tokenizer belongs to another model: copy the right one",
        )
    sensitivity, note = sensitivity_of(folder)
    return LanguageModel(
        network=network.eval(),
        tokenizer=tokenizer,
        identity=fingerprint(folder),
        tokenizer_hash=hash_of(tokenizer),
        sensitivity=sensitivity,
        folder=folder,
        class_tokens=class_tokens_of(tokenizer),
        notes=(note,) if note else (),
        four_bit=four_bit,
    )


def embeddings(network: PreTrainedModel) -> int:
    """How many token ids the network knows (it may be more than the tokenizer has)."""
    return int(cast(Any, network.get_input_embeddings()).weight.shape[0])


def load_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """The tokenizer of a folder; never code from it.

    AutoTokenizer replaces some tokenizers by the usual one of the model's architecture (a Qwen2 model gets Qwen2's);
    tokenizer.json has the last word here.
    """
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        if not tokenizer.is_fast or hash_of(tokenizer) != tokenizer_hash(folder):
            tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # the Rust tokenizer raises plain Exception
        raise ModelError(
            f"the tokenizer cannot be read ({str(error).splitlines()[0] if str(error) else type(error).__name__})",
            where=str(folder),
            next="copy or download tokenizer.json and tokenizer_config.json again",
        ) from None
    return cast("PreTrainedTokenizerFast", tokenizer)


def hash_of(tokenizer: PreTrainedTokenizerFast) -> str:
    """`tokenizer_hash` of a tokenizer in memory."""
    return vocabulary_hash(json.loads(tokenizer.backend_tokenizer.to_str()))


def quiet() -> None:
    """Keep the libraries' own progress bars and notes off the terminal: imbik shows its own."""
    logs.getLogger("bitsandbytes").setLevel(logs.ERROR)  # which of its faster kernels are not there
    from transformers.utils import logging

    logging.disable_progress_bar()


def _load_network(
    folder: Path, dtype: str, spread: Spread | None = None, four_bit: FourBit | None = None
) -> PreTrainedModel:
    from transformers import AutoModelForCausalLM

    quiet()
    places: dict[str, Any] = {} if spread is None else {"device_map": "auto", "max_memory": dict(spread.limits)}
    if four_bit is not None:
        places |= quantised_places(four_bit)
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=dtype,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
            **places,
        )
    except Exception as error:  # a damaged file fails in many libraries; the user gets one paragraph
        raise _explained(folder, error) from None
    network, info = loaded
    _refuse_incomplete(folder, info)
    if getattr(network, "is_loaded_in_4bit", False):
        hold_still(network)
    return cast("PreTrainedModel", network)


def _explained(folder: Path, error: Exception) -> ModelError:
    """Why a model did not load, in words."""
    kind = str(read_object(folder / "config.json").get("model_type", ""))
    reason = str(error).split("\n")[0][:200] or type(error).__name__
    if "Safetensor" in type(error).__name__ or "safetensor" in reason.lower():
        return ModelError(f"the weights are damaged ({reason})", where=str(folder), next="copy or download them again")
    return ModelError(
        f"this is no causal language model that can be loaded here (model_type '{kind}': {reason})",
        where=str(folder),
        next="use a causal language model whose architecture this transformers version knows",
    )


def _refuse_incomplete(folder: Path, info: dict[str, Any]) -> None:
    """Weights that are missing would be filled with random numbers; refuse instead."""
    wrong = sorted(str(key) for key in (*info["missing_keys"], *info.get("mismatched_keys", ())))
    if wrong:
        raise ModelError(
            f"the weights do not fit config.json: {len(wrong)} missing or of another shape, such as {wrong[0]}",
            where=str(folder),
            next="config.json and the weights come from different models, or the model is no causal language model",
        )


def _load_adapted(folder: Path, base: str, dtype: str, four_bit: FourBit | None) -> PreTrainedModel:
    """The base with the adapter of `folder` over it, unmerged."""
    quiet()  # PEFT imports libraries that speak up when they are
    from peft import PeftModel

    base_folder = resolve(base, folder)
    check_folder(base_folder)
    network = _load_network(base_folder, dtype, None, four_bit)
    if (inlay := inlay_saved(folder / ADAPTER)) is not None:
        inlay.load(network, folder / ADAPTER)
        return network
    try:
        # peft asks transformers by an old name, and speaks of patterns for experts' layers that became one weight
        with warnings.catch_warnings(action="ignore"):
            adapted = PeftModel.from_pretrained(network, str(folder / ADAPTER), is_trainable=False)
    except Exception as error:  # see _load_network
        reason = str(error).split("\n")[0][:200] or type(error).__name__
        raise ModelError(
            f"the adapter does not fit its base ({reason})",
            where=str(folder / ADAPTER),
            next=f"check {folder / 'base.json'}",
        ) from None
    return cast("PreTrainedModel", adapted)
