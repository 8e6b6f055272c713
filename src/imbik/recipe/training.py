"""The recipe's sections on the student: what learns, from which signals of the teacher, and how it is trained.

Enters: plain data from YAML. Leaves: frozen pydantic models; the description of a field is what `imbik explain KEY` and
editors show.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from imbik.core.plugins import PluginBlock, RecipePath
from imbik.core.types import Sensitivity
from imbik.recipe.blocks import Block, Section


class Vocabulary(Section):
    """Which tokens of a loaded model's vocabulary the student keeps; `used` and a number are short for it."""

    size: int = Field(0, ge=0, description="at most so many tokens, the most frequent (0: all that the texts have)")
    texts: list[RecipePath] = Field([], description="text files beside the run's own rows that the vocabulary is for")
    sensitivity: Sensitivity = Field(Sensitivity.CONFIDENTIAL, description="how private these text files are")

    @model_validator(mode="before")
    @classmethod
    def _short(cls, given: Any) -> Any:
        if given == "used":
            return {}
        return {"size": given} if isinstance(given, int) and not isinstance(given, bool) else given


class Keep(Section):
    """What of a loaded model the student begins with."""

    layers: int | list[int] = Field(0, description="how many layers, evenly spread, or a list of them from 0 (0: all)")
    mlp: float = Field(1.0, gt=0, le=1, description="share of the channels of each MLP, the weightiest")
    heads: float = Field(1.0, gt=0, le=1, description="share of the heads of each layer, in groups, the weightiest")
    hidden: float = Field(1.0, gt=0, le=1, description="share of the channels between layers, the weightiest")
    vocabulary: Vocabulary | None = Field(None, description="tokens: used, a number, or {size, texts, sensitivity}")

    @model_validator(mode="after")
    def _some(self) -> Keep:
        none = self.layers == [] or (isinstance(self.layers, int) and self.layers < 0)
        if none or (not self.layers and {self.mlp, self.heads, self.hidden} == {1.0} and self.vocabulary is None):
            raise ValueError("say what is kept: {layers: 6}, {mlp: 0.5}, {heads: 0.5}, {vocabulary: used} …")
        return self


class Student(Section):
    """The model that learns: loaded (`model`) or made from a config (`architecture`, sizes)."""

    model: RecipePath = Field("", description="hub id, folder, or embedded:base")
    architecture: str = Field("", description="llama, qwen2, qwen3, mistral, gemma2, gpt2 …: make a new model")
    hidden_size: int = Field(128, ge=8, description="width, for a model made here")
    intermediate_size: int = Field(0, ge=0, description="width of the MLP (0: about 8/3 of hidden_size)")
    layers: int = Field(4, ge=1, description="number of layers, for a model made here")
    heads: int = Field(4, ge=1, description="attention heads, for a model made here")
    key_value_heads: int = Field(0, ge=0, description="key/value heads (0: as many as heads)")
    context: int = Field(512, ge=16, description="longest sequence, for a model made here")
    tie_embeddings: bool = Field(True, description="share input and output embeddings, for a model made here")
    tokenizer: Literal["", "own", "teacher", "train"] = Field(
        "", description="own, the teacher's, or trained on the run's text (default: own for a loaded model)"
    )
    vocabulary: int = Field(2048, ge=64, description="size of a tokenizer trained here")
    seed: int = Field(0, description="seed of the initial weights of a model made here")
    keep: Keep | None = Field(
        None, description="begin with a part of a loaded model: {layers: 6, mlp: 0.5}; name the teacher as model"
    )

    @model_validator(mode="after")
    def _one_way(self) -> Student:
        if bool(self.model) == bool(self.architecture):
            raise ValueError("give either `model` (load one) or `architecture` (make one)")
        if self.keep is not None and not self.model:
            raise ValueError("`keep` takes a part of a loaded model: name it as `model`")
        return self


class Capture(Section):
    """The teacher's distributions over the next token, written down once."""

    teacher: str = Field("", description="an in_process or run teacher; empty: the one that answered")
    top_k: int = Field(20, ge=1, description="probabilities kept for each token")
    form: Literal["exact", "compressed", "sampled"] = Field(
        "exact",
        description="top_k as they are; two thirds of them in fewer than half of the bytes; or unbiased samples",
    )
    source: Literal["teacher", "answers"] = Field(
        "teacher", description="teacher: it reads every row; answers: the log-probabilities that its answers came with"
    )
    samples: int = Field(50, ge=1, le=255, description="tokens drawn at each position, where samples are kept")


Metric = Literal["loss", "token_accuracy", "exact_match"]


class EarlyStopping(Section):
    """When to stop before the last step."""

    patience: int = Field(3, ge=1, description="validations without improvement before training stops")
    minimum: float = Field(0.0, ge=0, description="improvement of validation loss that counts")


class OnPolicy(Section):
    """The student's own attempts, read by `train.teacher`, in place of some rows (GKD)."""

    share: float = Field(0.5, gt=0, le=1, description="share of rows learned at the student's own attempt (lambda)")
    temperature: float = Field(1.0, ge=0, description="how freely the student writes; 0 takes the likeliest token")
    top_p: float = Field(1.0, gt=0, le=1, description="tokens are drawn from the smallest set that reaches this")
    max_tokens: int = Field(256, ge=1, description="longest attempt in tokens")
    every: int = Field(1, ge=1, description="steps whose attempts are written at once, by the student as it is then")


PAIRS_OF_TASKS = ("rewordings", "categories")


class PairSource(Section):
    """Pairs of texts that mean the same or not, for losses that compare two texts (margin, custom)."""

    origin: str = Field(
        alias="from", description="rewordings or categories (of the run's own tasks), or a file of pairs (JSON lines)"
    )
    batch: int = Field(8, ge=1, description="pairs in one optimiser step")
    sensitivity: Sensitivity = Field(Sensitivity.CONFIDENTIAL, description="how private a file of pairs is")


class LossSchedule(Section):
    """How a number of a loss changes while a student is trained; it begins at what the loss says."""

    to: float = Field(description="what it ends at")
    shape: Literal["linear", "cosine", "step"] = Field("linear", description="how it gets there (step: at once)")
    begin: float = Field(0.0, ge=0, le=1, description="share of the training that passes before")
    until: float = Field(1.0, ge=0, le=1, description="share of the training at which it is there")


class TeacherShare(Section):
    """What one of several teachers beside the student decides."""

    weight: float = Field(1.0, gt=0, description="how much it counts among those that read a row")
    tags: list[str] = Field([], description="rows with one of these tags are its own (none: rows that no tag claims)")


class AdapterRows(Section):
    """Which rows one of several adapters is for: of these tags or categories (neither: rows that no other takes)."""

    tags: list[str] = Field([], description="rows with one of these tags (tasks.columns: {tags: COLUMN})")
    categories: list[str] = Field([], description="rows of one of these categories")


Combine = Literal["distributions", "losses"]


class Train(Section):
    """How the student is trained; controls and seeds are variants of the same stage."""

    method: Block = Field(PluginBlock(use="full"), description="full, lora, or {use: METHOD, …}")
    losses: list[Block] = Field(
        [PluginBlock(use="cross_entropy")],
        min_length=1,
        description="a weighted sum: [{use: LOSS, weight: 0.5, temperature: 2}]",
    )
    epochs: float = Field(3.0, gt=0, description="passes over the training rows (2-5 for pretrained models)")
    steps: int = Field(0, ge=0, description="optimiser steps; 0: from epochs")
    learning_rate: float = Field(
        1e-4,
        gt=0,
        description="peak learning rate (usual: LoRA 1e-5 to 5e-4, full fine-tuning of pretrained models 1e-5 to 5e-5, "
        "models made from a config about 1e-3 to 1e-2)",
    )
    embedding_learning_rate: float = Field(
        0.0, ge=0, description="peak learning rate of embeddings and output head (0: learning_rate)"
    )
    learning_rates: dict[str, float] = Field(
        {},
        description="peak learning rates of modules of their own: {'*.layers.0.*': 1e-5}; the first pattern that fits",
    )
    layer_decay: float = Field(
        1.0, gt=0, le=1, description="each layer learns at this share of the layer above it (0.8 to 0.95; 1: all alike)"
    )
    schedule: Literal[
        "cosine", "cosine_with_restarts", "linear", "polynomial", "inverse_sqrt", "constant", "warmup_stable_decay"
    ] = Field("cosine", description="how the learning rate falls")
    schedule_cycles: int = Field(3, ge=1, description="falls of cosine_with_restarts")
    schedule_power: float = Field(2.0, gt=0, description="power of polynomial (1 is linear)")
    schedule_floor: float = Field(0.0, ge=0, lt=1, description="share of the peak learning rate that the fall ends at")
    warmup: float = Field(0.03, ge=0, lt=1, description="share of steps in which the learning rate rises")
    optimizer: Literal["adamw", "adamw_8bit", "muon", "adafactor", "sgd"] = Field(
        "adamw", description="the optimiser (adamw_8bit: a quarter of its memory, through bitsandbytes)"
    )
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = Field(
        (0.9, 0.98), description="memory of AdamW's means of gradients and of their squares"
    )
    epsilon: float = Field(1e-8, gt=0, description="what AdamW adds to the root of the squares")
    momentum: float = Field(0.9, ge=0, lt=1, description="momentum of sgd")
    weight_decay: float = Field(0.0, ge=0, description="pull towards zero, of weight matrices only")
    no_weight_decay: list[str] = Field(
        [], description="matrices without weight decay, as patterns of parameter names: ['*embed*']"
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="dropout inside the student, where it has any")
    batch_size: int = Field(16, ge=1, description="rows in one optimiser step")
    micro_batch: int = Field(0, ge=0, description="rows at a time within a step (0: as many as fit)")
    max_length: int = Field(0, ge=0, description="longest row in tokens (0: the model's own); longer rows are rejected")
    packing: bool = Field(True, description="several rows in one sequence, without seeing one another")
    length_bucketing: bool = Field(True, description="rows of like length in one step; false: a step's rows by chance")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field("auto", description="auto: measured before step 1")
    gradient_checkpointing: bool = Field(False, description="less memory for about a third more time")
    clip: float = Field(1.0, gt=0, description="largest gradient norm")
    seeds: list[int] = Field([1], min_length=1, description="one student for each seed")
    controls: list[Literal["answers_only", "text_only"]] = Field([], description="controls trained beside the student")
    validate_every: int = Field(0, ge=0, description="steps between validations (0: twenty times a run)")
    checkpoint_every: int = Field(0, ge=0, description="steps between checkpoints (0: as often as validations)")
    keep: Literal["best", "last"] = Field("best", description="whose weights: lowest validation loss, or last step")
    metric: Metric = Field(
        "loss", description="what says on validation rows which step is best, and when to stop early"
    )
    early_stopping: EarlyStopping | None = Field(None, description="stop when validation loss no longer falls")
    teacher: str = Field(
        "", description="a teacher that reads beside the student: a model in this process, or with on_policy a server"
    )
    teachers: dict[str, TeacherShare] = Field(
        {}, description="several teachers beside the student: {general: {}, law: {tags: [law], weight: 2}}"
    )
    combine: Combine = Field(
        "distributions", description="several teachers: the mean of their distributions, or of their losses"
    )
    adapters: dict[Annotated[str, Field(pattern=r"^[^\W_]\w*$")], AdapterRows] = Field(
        {}, description="adapters of their own beside the student: {iade: {tags: [iade]}, rest: {}}"
    )
    pairs: PairSource | None = Field(None, description="pairs of texts for losses that compare two: {from: rewordings}")
    loss_schedules: dict[str, dict[str, LossSchedule]] = Field(
        {}, description="numbers of losses that change: {reverse_kl: {weight: {to: 1.0, until: 0.5}}}"
    )
    top_k: int = Field(20, ge=1, description="probabilities asked of a served train.teacher where nothing is captured")
    on_policy: OnPolicy | None = Field(None, description="learn at the student's own attempts too: {share: 0.5}")
    accelerators: list[Block] = Field([], description="other kernels for the same arithmetic, on a card: [liger]")
    threads: int = Field(0, ge=0, description="torch threads (0: measured; 1 for tiny models)")
    workers: int = Field(
        0, ge=0, description="processes that read and lay out batches ahead of the loop (0: the loop does it)"
    )

    @model_validator(mode="after")
    def _one_or_several(self) -> Train:
        if self.teacher and self.teachers:
            raise ValueError("give either `teacher` or `teachers`")
        return self

    @property
    def beside(self) -> tuple[str, ...]:
        """The teachers beside the student, by name."""
        return (self.teacher,) if self.teacher else tuple(self.teachers)
