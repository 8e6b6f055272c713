"""Making a new model from a config: sizes from the recipe, random weights from a seed.

Enters: the recipe's student section and a tokenizer's folder. Leaves: an untrained LanguageModel. The weights depend on
the seed alone; the process's own random state is as it was before.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from imbik.core.errors import ModelError
from imbik.core.files import digest_value
from imbik.core.misspelt import closest
from imbik.core.types import Sensitivity
from imbik.models.content import class_tokens_of
from imbik.models.folder import read_about
from imbik.models.load import hash_of, load_tokenizer
from imbik.models.model import LanguageModel
from imbik.models.train_tokenizer import rules_kept
from imbik.recipe.training import Student

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

Special = Callable[[Student], dict[str, Any]]


def _head_dim(student: Student) -> dict[str, Any]:
    return {"head_dim": student.hidden_size // student.heads}


def _gemma(student: Student) -> dict[str, Any]:
    size = student.hidden_size // student.heads
    return {"head_dim": size, "query_pre_attn_scalar": size}


def _gpt2(student: Student) -> dict[str, Any]:
    inner = intermediate_size(student)
    return {"n_inner": inner, "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}


def _plain(_student: Student) -> dict[str, Any]:
    return {}


ARCHITECTURES: dict[str, Special] = {
    "llama": _plain,
    "mistral": _head_dim,
    "qwen2": _plain,
    "qwen3": _head_dim,
    "gemma2": _gemma,
    "gpt2": _gpt2,
    "phi3": _plain,
    "smollm3": _plain,
    "granite": _plain,
    "olmo2": _plain,
}
_ONE_KEY_VALUE_HEAD_EACH = {"gpt2"}


def intermediate_size(student: Student) -> int:
    """Width of the MLP: as given, else 8/3 of the hidden size, rounded up to a multiple of 8."""
    return student.intermediate_size or -(-student.hidden_size * 8 // 3 // 8) * 8


def make(student: Student, tokenizer_folder: Path) -> LanguageModel:
    """An untrained model of the student's architecture and sizes, for that tokenizer.

    Raises: ModelError for an unknown architecture or sizes that do not fit together.
    """
    _check_sizes(student)
    tokenizer = load_tokenizer(tokenizer_folder)
    if not rules_kept(tokenizer, student.architecture):
        raise ModelError(
            f"transformers gives every {student.architecture} model that architecture's own tokenizer rules, "
            "so one with this tokenizer would be misread by others",
            where=str(tokenizer_folder),
            next="--set student.architecture=llama (or qwen3), or student.tokenizer=train",
        )
    hashed = hash_of(tokenizer)
    about = read_about(tokenizer_folder)
    return LanguageModel(
        network=_network(student, tokenizer),
        tokenizer=tokenizer,
        identity=digest_value({"made": student.model_dump(mode="json", exclude={"keep"}), "tokenizer": hashed}),
        tokenizer_hash=hashed,
        sensitivity=about.sensitivity if about else Sensitivity.PUBLIC,
        class_tokens=class_tokens_of(tokenizer),
    )


def _check_sizes(student: Student) -> None:
    if student.architecture not in ARCHITECTURES:
        raise ModelError(
            f"no model of architecture '{student.architecture}' can be made here; "
            f"{closest(student.architecture, list(ARCHITECTURES))}",
            where="student.architecture",
            next="or load a model of that architecture: student.model",
        )
    pairs = student.key_value_heads or student.heads
    if student.architecture in _ONE_KEY_VALUE_HEAD_EACH and pairs != student.heads:
        raise ModelError(
            f"{student.architecture} has as many key/value heads as heads", where="student.key_value_heads"
        )
    for name, whole, part in (("heads", student.hidden_size, student.heads), ("key_value_heads", student.heads, pairs)):
        if whole % part:
            raise ModelError(
                f"{part} does not divide {whole}",
                where=f"student.{name}",
                next=f"--set student.{name}={_divisor(whole, part)}",
            )
    if student.hidden_size // student.heads % 2:
        raise ModelError(
            f"a head of odd width ({student.hidden_size}/{student.heads}) cannot carry positions",
            where="student.heads",
            next="choose hidden_size and heads so that their quotient is even",
        )


def _divisor(whole: int, near: int) -> int:
    return max(number for number in range(1, near + 1) if whole % number == 0)


def _network(student: Student, tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(
        student.architecture,
        vocab_size=len(tokenizer),
        hidden_size=student.hidden_size,
        num_hidden_layers=student.layers,
        num_attention_heads=student.heads,
        max_position_embeddings=student.context,
        tie_word_embeddings=student.tie_embeddings,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **_widths(student),
        **ARCHITECTURES[student.architecture](student),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(student.seed)
        network = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    return cast("PreTrainedModel", network.eval())


def _widths(student: Student) -> dict[str, Any]:
    if student.architecture in _ONE_KEY_VALUE_HEAD_EACH:
        return {}
    return {
        "intermediate_size": intermediate_size(student),
        "num_key_value_heads": student.key_value_heads or student.heads,
    }
