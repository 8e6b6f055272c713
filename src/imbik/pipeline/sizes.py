"""How large a model is, without loading it: from a recipe's sizes, a config.json, or the headers of safetensors files.

Enters: the student's section, a teacher's block, a folder. Leaves: parameter counts for the rules and estimates of
preflight. No torch: a header is 8 bytes of length and a JSON table of shapes (safetensors format).
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from imbik.core.errors import ImbikError
from imbik.core.plugins import PluginBlock
from imbik.core.runfolder import runs_folder
from imbik.models.folder import read_base, read_object
from imbik.models.gguf import is_gguf
from imbik.models.init import intermediate_size
from imbik.models.load import EMBEDDED, resolve
from imbik.recipe import Recipe, load_recipe
from imbik.recipe.training import Keep, Student
from imbik.teachers.catalogue.hardware import shape_of

_IN_NAME = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)\s*([bm])(?![a-z0-9])", re.IGNORECASE)
_HEADER_LIMIT = 100_000_000


@dataclass(frozen=True)
class Size:
    """A model's size: parameters, width, layers, vocabulary, and whether it was trained before this recipe."""

    parameters: int
    pretrained: bool
    hidden_size: int = 0
    layers: int = 0
    vocabulary: int = 0


UNKNOWN = Size(1_000_000, True)  # what a teacher is taken for whose size cannot be known here


def student_size(recipe: Recipe, runs: Path | None = None) -> Size | None:
    """The size of the recipe's student, or None when it cannot be known here (a hub model not yet downloaded).

    `runs` is where teachers that are runs lie (None: where `runs_folder` says).
    """
    student = recipe.student
    if student.model:
        whole = model_size(student.model, recipe.base)
        return whole if whole is None or student.keep is None else _part(whole, student.keep)
    return size_of_config(_config(student, _vocabulary(recipe, runs)), pretrained=False)


def _part(whole: Size, keep: Keep) -> Size:
    """What is left of a model: of a layer about two thirds are its MLP."""
    layers = len(keep.layers) if isinstance(keep.layers, list) else keep.layers or whole.layers
    outside = min(whole.parameters, whole.vocabulary * whole.hidden_size)
    share = layers / max(whole.layers, 1) * (1 / 3 * keep.heads + 2 / 3 * keep.mlp) * keep.hidden
    inside = (whole.parameters - outside) * min(share, 1)
    most = keep.vocabulary.size if keep.vocabulary is not None else 0
    tokens = min(most or whole.vocabulary, whole.vocabulary)
    rows, width = outside * tokens / max(whole.vocabulary, 1) * keep.hidden, round(whole.hidden_size * keep.hidden)
    return replace(whole, parameters=round(rows + inside), layers=layers, vocabulary=tokens, hidden_size=width)


def teacher_size(recipe: Recipe, name: str, runs: Path | None = None) -> Size | None:
    """The size of a teacher: its folder's, its recipe's student's, or a guess from a name such as `llama-3-70b`."""
    block = recipe.teachers[name]
    if block.use == "run":
        return _run_size(recipe, block, runs_folder(runs))
    model = str(block.raw.get("model", ""))
    if block.use == "in_process":
        return model_size(model, recipe.base)
    return _published(model) or size_in_name(model)


def model_size(name: str, base: Path) -> Size | None:
    """The size of a folder, `embedded:NAME` or hub id in the cache; else of a published model, or as its name says."""
    folder = folder_here(name, base)
    return (size_of_folder(folder) if folder else None) or _published(name) or size_in_name(name)


def _published(name: str) -> Size | None:
    """A published model that is not here, by what is known of it."""
    shape = shape_of(name)
    if shape is None:
        return None
    return Size(round(shape.parameters * 1e9), True, shape.hidden_size, shape.layers, shape.vocabulary)


def folder_here(name: str, base: Path) -> Path | None:
    """The folder of a model that is on this machine already; nothing is downloaded."""
    if name.startswith(EMBEDDED) or (base / Path(name).expanduser()).is_dir():
        return resolve(name, base)
    if is_gguf(Path(name)):
        file = base / Path(name).expanduser()
        return file if file.is_file() else None
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    cache = Path(os.environ.get("HF_HUB_CACHE") or home / "hub")
    snapshots = cache / f"models--{name.replace('/', '--')}" / "snapshots"
    return max(snapshots.iterdir(), default=None) if snapshots.is_dir() else None


def size_of_folder(folder: Path) -> Size | None:
    """Exact from safetensors headers, else from the config's formula; an adapter folder counts its base.

    A GGUF file is taken for one of about five bits a weight, as the usual quantisations have.
    """
    if is_gguf(folder):
        return Size(folder.stat().st_size * 8 // 5, True)
    adapted = read_base(folder)
    if adapted is not None:
        inner = folder_here(adapted, folder)
        return size_of_folder(inner) if inner else size_in_name(adapted)
    config = read_object(folder / "config.json") if (folder / "config.json").exists() else None
    formula = size_of_config(config, pretrained=True) if config else None
    exact = sum(_header_parameters(path) for path in sorted(folder.glob("*.safetensors")))
    if exact and formula:
        return Size(exact, True, formula.hidden_size, formula.layers, formula.vocabulary)
    return Size(exact, True) if exact else formula


def size_of_config(config: Mapping[str, Any], *, pretrained: bool) -> Size:
    """Parameters by the formula of the architecture: GPT-2, or the Llama family with grouped heads and experts."""
    hidden = int(config.get("hidden_size") or config.get("n_embd") or 0)
    layers = int(config.get("num_hidden_layers") or config.get("n_layer") or 0)
    vocabulary = int(config.get("vocab_size") or 0)
    if config.get("model_type") == "gpt2":
        context = int(config.get("n_positions") or config.get("max_position_embeddings") or 1024)
        inner = int(config.get("n_inner") or config.get("intermediate_size") or 4 * hidden)
        block = 4 * hidden**2 + 2 * hidden * inner + inner + 9 * hidden
        count = (vocabulary + context) * hidden + layers * block + 2 * hidden
        return Size(count, pretrained, hidden, layers, vocabulary)
    heads = int(config.get("num_attention_heads") or 1)
    width = int(config.get("head_dim") or hidden // max(heads, 1))
    key_value = int(config.get("num_key_value_heads") or heads) * width
    attention = 2 * hidden * heads * width + 2 * hidden * key_value
    inner = int(config.get("intermediate_size") or 8 * hidden // 3)
    experts = int(config.get("num_local_experts") or config.get("num_experts") or 1)
    router = hidden * experts if experts > 1 else 0
    mlp = experts * 3 * hidden * int(config.get("moe_intermediate_size") or inner) + router
    embeddings = vocabulary * hidden * (1 if config.get("tie_word_embeddings", True) else 2)
    count = embeddings + layers * (attention + mlp + 2 * hidden) + hidden
    return Size(count, pretrained, hidden, layers, vocabulary)


def size_in_name(name: str) -> Size | None:
    """`Llama-3.2-1B-Instruct` says one billion; a name that says nothing gives None."""
    found = _IN_NAME.search(name.replace("_", "-").replace("/", " "))
    if not found:
        return None
    return Size(round(float(found.group(1)) * (1e9 if found.group(2).lower() == "b" else 1e6)), True)


def with_shape(size: Size) -> Size:
    """A size of which only the weights are known, with the width and depth that models of it usually have (about 100
    times as wide as deep, 12 squares of the width a layer)."""
    if size.hidden_size or not size.parameters:
        return size
    layers = max(1, round((size.parameters / 120_000) ** (1 / 3)))
    return replace(size, layers=layers, hidden_size=100 * layers, vocabulary=size.vocabulary or 64_000)


def _config(student: Student, vocabulary: int) -> dict[str, Any]:
    """The student's section in the words of a config.json."""
    return {
        "model_type": student.architecture,
        "hidden_size": student.hidden_size,
        "num_hidden_layers": student.layers,
        "num_attention_heads": student.heads,
        "num_key_value_heads": student.key_value_heads,
        "intermediate_size": intermediate_size(student),
        "n_positions": student.context,
        "vocab_size": vocabulary,
        "tie_word_embeddings": student.tie_embeddings,
    }


def _vocabulary(recipe: Recipe, runs: Path | None) -> int:
    """Rows of the embedding: what is trained here, or the teacher's where its tokenizer is taken."""
    if recipe.student.tokenizer != "teacher" or not recipe.teachers:
        return recipe.student.vocabulary
    size = teacher_size(recipe, tokenizer_teacher(recipe), runs)
    return size.vocabulary if size and size.vocabulary else recipe.student.vocabulary


def tokenizer_teacher(recipe: Recipe) -> str:
    """The teacher whose tokenizer and logits a student may share: the captured one, else that beside the student where
    it is a model here, else the first that answers."""
    if recipe.capture and recipe.capture.teacher:
        return recipe.capture.teacher
    for name in recipe.train.beside:
        if name in recipe.teachers and recipe.teachers[name].use in ("in_process", "run"):
            return name
    return next(iter(recipe.answering_teachers() or recipe.teachers))


def _run_size(recipe: Recipe, block: PluginBlock, runs: Path) -> Size | None:
    """The student of another recipe or run."""
    named = str(block.raw.get("recipe") or block.raw.get("run") or "")
    try:
        path = next(path for path in (recipe.path(named), runs / named) if path.exists())
        size = student_size(load_recipe(path), runs)
    except (ImbikError, StopIteration):
        return None
    return Size(size.parameters, True, size.hidden_size, size.layers, size.vocabulary) if size else None


def _header_parameters(path: Path) -> int:
    """Elements of all tensors named in a safetensors header; 0 for a file that is none."""
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if not 0 < length < _HEADER_LIMIT:
            return 0
        try:
            header = json.loads(stream.read(length))
        except ValueError:
            return 0
    return sum(math.prod(item["shape"]) for name, item in header.items() if name != "__metadata__")
