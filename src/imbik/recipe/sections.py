"""The recipe's typed sections: what a person may write, with the default of everything.

Enters: plain data from YAML. Leaves: frozen pydantic models; a plug-in's block stays `{use, raw, where}` until
preflight types it. The description of a field is what `imbik explain KEY` and editors show.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from imbik.core.money import parse_share, parse_usd
from imbik.core.plugins import PluginBlock, RecipePath
from imbik.core.types import Sensitivity

WHERE = "__where__"


class Section(BaseModel):
    """Base of all sections: frozen, and a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def as_block(value: Any) -> Any:
    """`name`, `{use: name, key: …}` or a block already made, as a PluginBlock."""
    if isinstance(value, str):
        return PluginBlock(use=value)
    if isinstance(value, dict):
        if set(value) == {"use", "raw", "where"}:
            return PluginBlock(**value)
        raw = {key: item for key, item in value.items() if key not in {"use", WHERE}}
        if not isinstance(value.get("use"), str):
            raise ValueError("a plug-in is written as {use: NAME, …}; 'use' is missing")
        return PluginBlock(use=value["use"], raw=_strip(raw), where=str(value.get(WHERE, "")))
    return value


def _strip(value: Any) -> Any:
    """Take the place marks out of nested settings."""
    if isinstance(value, dict):
        return {key: _strip(item) for key, item in value.items() if key != WHERE}
    return [_strip(item) for item in value] if isinstance(value, list) else value


Block = Annotated[PluginBlock, BeforeValidator(as_block)]


def _as_source(value: Any) -> Any:
    """A path or hub id is written plainly; its plug-in is found by tasks from what the path is."""
    return PluginBlock(use="auto", raw={"path": value}) if isinstance(value, str) else as_block(value)


SourceBlock = Annotated[PluginBlock, BeforeValidator(_as_source)]
Share = Annotated[float, Field(ge=0, lt=1)]
Usd = Annotated[
    Decimal,
    BeforeValidator(parse_usd),
    PlainSerializer(lambda amount: f"{amount} USD", return_type=str),
    WithJsonSchema({"type": ["number", "string"], "examples": [50, "50 USD"]}),
]
ExactShare = Annotated[
    Decimal,
    BeforeValidator(parse_share),
    PlainSerializer(lambda share: str(share), return_type=str),
    WithJsonSchema({"type": ["number", "string"], "examples": ["15%", 0.15]}),
]


class Split(Section):
    """How rows are divided. A row's set is a keyed hash of its group or text: adding rows moves no old row."""

    validation: Share = Field(0.1, description="share of rows for validation (10-20% is usual)")
    test: Share = Field(0.1, description="share of rows held out for the report")
    stratify: bool = Field(True, description="balance sets within each class or category")
    by: str = Field("", description="column whose equal values stay together in one set (family, customer, dialogue)")
    seed: int = Field(0, description="key of the hash that decides a row's set")

    @model_validator(mode="after")
    def _leaves_training_rows(self) -> Split:
        if self.validation + self.test >= 1:
            raise ValueError("validation and test together must leave rows for training")
        return self


class Tasks(Section):
    """Where the tasks come from and what they are."""

    source: SourceBlock = Field(description="file, folder, hub id, or {use: SOURCE, …}")
    validation_source: SourceBlock | None = Field(None, description="a separate file of validation rows")
    test_source: SourceBlock | None = Field(None, description="a separate file of test rows")
    kind: Block = Field(description="math, qa, classification, conversation, or {use: KIND, …}")
    rows: str = Field("", description="which rows: 'train[:4096]', '[100:200]', 'train[10%:20%]'")
    columns: dict[str, str] = Field({}, description="field: column, where imbik's own guess is not right")
    answer_schema: RecipePath = Field("", description="file of a JSON schema that every answer has to fit")
    text_template: str = Field("", description="text with {column} fields; the last field, or `learn`, is learned")
    learn: str = Field("", description="the column of text_template that is learned")
    loss_on: Literal["answer", "all"] = Field("answer", description="learn the answer only, or all of the text")
    prompt_weight: float = Field(
        1.0, gt=0, le=1, description="how much a token that is not the answer's counts, with loss_on: all"
    )
    turns: Literal["all", "last"] = Field("all", description="which assistant turns of a conversation are learned")
    language: str = Field("tr", description="language of the tasks (ISO 639-1), or a column name")
    sensitivity: str = Field(
        "confidential",
        description="public, internal, confidential, special, or a column; without it every row is confidential",
    )
    split: Split = Field(default_factory=Split, description="how rows are divided into train, validation and test")

    @model_validator(mode="after")
    def _prompt_is_learned(self) -> Tasks:
        if self.prompt_weight != 1.0 and self.loss_on != "all":
            raise ValueError("prompt_weight counts only where the prompt is learned: set loss_on: all, or leave it out")
        return self

    @property
    def level(self) -> Sensitivity | None:
        """The one sensitivity of all rows, or None when `sensitivity` names a column."""
        try:
            return Sensitivity(self.sensitivity)
        except ValueError:
            return None


class Budget(Section):
    """What a run may spend on teachers and judges: growth, answers, retries, judges and evaluation together.

    It is no part of what shapes a stage: raising it redoes nothing.
    """

    total: Usd = Field(description="most that all questions of this run may cost, as in 50 or '50 USD'")
    reserve_for_evaluation: ExactShare = Field(
        Decimal("0.15"), description="share kept for the report's own questions, as in 15% or 0.15"
    )
    pilot: int = Field(20, ge=0, le=1000, description="rows asked first, from which the whole is estimated (0: none)")

    @model_validator(mode="before")
    @classmethod
    def _names_no_command(cls, value: Any) -> Any:
        if not isinstance(value, dict | Budget):
            raise ValueError(f"write budget: {{total: {value}}}")
        if isinstance(value, dict) and "at_end" in value:
            raise ValueError(
                "a recipe may come from elsewhere, so it names no command to call; yours goes on the command line: "
                "imbik run RECIPE --notify 'COMMAND', or into the environment as IMBIK_NOTIFY"
            )
        return value

    @field_validator("pilot")
    @classmethod
    def _pilot_says_something(cls, value: int) -> int:
        if 0 < value < 5:
            raise ValueError("fewer than 5 rows say nothing about the others; write 5 or more, or 0 for none")
        return value


class Samples(Section):
    """How many answers to ask for each task."""

    min: int = Field(1, ge=1, description="answers always asked for")
    max: int = Field(1, ge=1, description="answers at most")
    until: Literal["", "agreement"] = Field("", description="ask beyond `min` only while answers disagree")

    @model_validator(mode="before")
    @classmethod
    def _plain_number(cls, value: Any) -> Any:
        return {"min": value, "max": value} if isinstance(value, int) else value

    @model_validator(mode="after")
    def _ordered(self) -> Samples:
        if self.max < self.min:
            raise ValueError("max is smaller than min")
        return self


class Longer(Section):
    """What becomes of an answer that the length limit cut off: its row alone is asked again with a larger limit."""

    times: int = Field(1, ge=0, le=4, description="how often a cut-off answer is asked again (0: never)")
    factor: float = Field(2.0, gt=1, le=16, description="each time the limit grows by this factor")

    def limits(self, max_tokens: int) -> tuple[int, ...]:
        """The larger limits in tokens, one after another."""
        return tuple(int(max_tokens * self.factor**time) for time in range(1, self.times + 1))


class Generate(Section):
    """How answers are obtained."""

    source: Literal["teacher", "reference"] = Field(
        "teacher", alias="from", description="teacher, or reference: the rows' own answers (plain fine-tuning)"
    )
    teacher: str | dict[str, str] = Field(
        "", description="a name under teachers, or {public: A, otherwise: B} by sensitivity; empty: the only teacher"
    )
    samples: Samples = Field(default_factory=Samples, description="a number, or {min, max, until: agreement}")
    reasoning: Literal["steps", "none"] = Field("steps", description="ask for reasoning step by step, or not")
    instruction: str | None = Field(
        None, description="replaces the kind's own instruction to the teacher; '' asks the bare task"
    )
    temperature: float = Field(0.0, ge=0, description="sampling temperature (0: greedy)")
    top_p: float = Field(1.0, gt=0, le=1, description="nucleus sampling")
    max_tokens: int = Field(1024, ge=1, description="longest answer; raising it asks only truncated rows again")
    longer: Longer = Field(default_factory=Longer, description="cut-off answers are asked again with a larger limit")
    seed: int = Field(0, description="sampling seed; each row and sample derives its own")

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Review(Section):
    """What experts are asked to look at."""

    sample: float = Field(0.05, ge=0, le=1, description="share of kept rows shown to experts")
    experts: int = Field(1, ge=1, description="verdicts wanted for each row shown")
    wait: bool = Field(False, description="stop with exit code 4 until every verdict asked for is there")


class Privacy(Section):
    """What is done with rows that may not go to their teacher as they are."""

    clean: Literal["none", "pseudonymise", "redact"] = Field(
        "none",
        description="take personal data out of such rows where the operator's accepts_cleaned lets them leave then: "
        "pseudonymise ([TCKN_3F2A], put back in the answer), redact ([TCKN], for good), or none: they stay here",
    )


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

    @model_validator(mode="after")
    def _one_way(self) -> Student:
        if bool(self.model) == bool(self.architecture):
            raise ValueError("give either `model` (load one) or `architecture` (make one)")
        return self


class Capture(Section):
    """The teacher's distributions over the next token, written down once."""

    teacher: str = Field("", description="an in_process or run teacher; empty: the one that answered")
    top_k: int = Field(20, ge=1, description="probabilities kept for each token")


class EarlyStopping(Section):
    """When to stop before the last step."""

    patience: int = Field(3, ge=1, description="validations without improvement before training stops")
    minimum: float = Field(0.0, ge=0, description="improvement of validation loss that counts")


class Train(Section):
    """How the student is trained; controls and seeds are variants of the same stage."""

    method: Block = Field(PluginBlock(use="full"), description="full, lora, or {use: METHOD, …}")
    losses: list[Block] = Field(
        [PluginBlock(use="cross_entropy")], description="a weighted sum: [{use: LOSS, weight: 0.5, temperature: 2}]"
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
    schedule: Literal["cosine", "linear", "constant", "warmup_stable_decay"] = Field(
        "cosine", description="how the learning rate falls"
    )
    warmup: float = Field(0.03, ge=0, lt=1, description="share of steps in which the learning rate rises")
    optimizer: Literal["adamw", "muon", "adafactor", "sgd"] = Field("adamw", description="the optimiser")
    weight_decay: float = Field(0.0, ge=0, description="pull towards zero, of weight matrices only")
    dropout: float = Field(0.0, ge=0, lt=1, description="dropout inside the student, where it has any")
    batch_size: int = Field(16, ge=1, description="rows in one optimiser step")
    micro_batch: int = Field(0, ge=0, description="rows at a time within a step (0: as many as fit)")
    max_length: int = Field(0, ge=0, description="longest row in tokens (0: the model's own); longer rows are rejected")
    packing: bool = Field(True, description="several rows in one sequence, without seeing one another")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field("auto", description="auto: measured before step 1")
    gradient_checkpointing: bool = Field(False, description="less memory for about a third more time")
    clip: float = Field(1.0, gt=0, description="largest gradient norm")
    seeds: list[int] = Field([1], min_length=1, description="one student for each seed")
    controls: list[Literal["answers_only", "text_only"]] = Field([], description="controls trained beside the student")
    validate_every: int = Field(0, ge=0, description="steps between validations (0: twenty times a run)")
    checkpoint_every: int = Field(0, ge=0, description="steps between checkpoints (0: as often as validations)")
    keep: Literal["best", "last"] = Field("best", description="whose weights: lowest validation loss, or last step")
    early_stopping: EarlyStopping | None = Field(None, description="stop when validation loss no longer falls")
    threads: int = Field(0, ge=0, description="torch threads (0: measured; 1 for tiny models)")


class Evaluate(Section):
    """What is compared on the held-out rows."""

    against: list[str] = Field(
        ["teacher", "baseline", "answers_only", "text_only", "tfidf"],
        description="systems beside the student; those that a run does not have are left out by name",
    )
    metrics: list[Block] = Field([], description="metrics (default: the kind's own)")
    require: dict[str, str] = Field({}, description="bars such as {retention: '>= 0.95'}; not met: exit code 3")
    rows: int = Field(0, ge=0, description="test rows at most, the same for every system (0: all)")
    max_tokens: int = Field(0, ge=0, description="longest answer of a system (0: as generate.max_tokens)")
    batch_size: int = Field(128, ge=1, description="rows answered at a time")
    latency_rows: int = Field(20, ge=0, description="rows answered one by one to measure latency")
    resamples: int = Field(2000, ge=100, description="bootstrap resamples")


class Recipe(Section):
    """One recipe: everything imbik needs to know, and nothing secret."""

    name: str = Field(pattern=r"^[A-Za-z0-9çğıöşüÇĞİÖŞÜ][\w.-]{0,79}$", description="name of the run's folder")
    tasks: Tasks = Field(description="what is asked")
    teachers: dict[str, Block] = Field({}, description="who answers, by the names used elsewhere in the recipe")
    accept_terms: list[str] = Field(
        [], description="terms on training with a teacher's answers that somebody has read and accepts, by name"
    )
    budget: Budget | None = Field(None, description="the most that teachers and judges may cost, in USD")
    generate: Generate = Field(default_factory=Generate, description="how answers are obtained")
    privacy: Privacy = Field(default_factory=Privacy, description="rows that may not go to their teacher as they are")
    refine: list[Block] = Field([], description="checks, in order (default: the kind's own)")
    review: Review | None = Field(None, description="experts' review in the browser")
    student: Student = Field(description="the model that learns")
    capture: Capture | None = Field(None, description="the teacher's logits, captured once")
    train: Train = Field(default_factory=Train, description="how the student is trained")
    export: list[Block] = Field([PluginBlock(use="safetensors")], description="formats handed over")
    evaluate: Evaluate = Field(default_factory=Evaluate, description="what is compared")
    base: Path = Field(Path(), exclude=True, description="folder that relative paths start from (set by loading)")

    @model_validator(mode="after")
    def _teachers_exist(self) -> Recipe:
        named = self.generate.teacher
        wanted = list(named.values()) if isinstance(named, dict) else [named] if named else []
        wanted += [self.capture.teacher] if self.capture and self.capture.teacher else []
        several = [name for name, block in self.teachers.items() if block.use == "ensemble"]
        for made in several:
            if nested := [name for name in self.members(made) if name in several]:
                raise ValueError(f"teacher '{made}' is made of '{nested[0]}', which is itself made of several")
            wanted += self.members(made)
        for name in wanted:
            if name not in self.teachers:
                have = ", ".join(self.teachers) or "none"
                raise ValueError(f"teacher '{name}' is not under `teachers:` (there: {have})")
        if self.generate.source == "teacher" and not self.teachers:
            raise ValueError(
                "no `teachers:`; for plain fine-tuning on the rows' own answers: generate: {from: reference}"
            )
        return self

    @property
    def longest_answer(self) -> int:
        """Tokens of the longest answer that a student is given room for."""
        return self.evaluate.max_tokens or self.generate.max_tokens

    def path(self, text: str) -> Path:
        """A path of the recipe, relative to the recipe's folder."""
        return (self.base / Path(text).expanduser()).resolve()

    def teacher_for(self, sensitivity: Sensitivity) -> str:
        """Which teacher a row of this sensitivity is asked of (empty when answers come from references)."""
        if self.generate.source == "reference":
            return ""
        named = self.generate.teacher or next(iter(self.teachers))
        if isinstance(named, str):
            return named
        return named.get(sensitivity.value) or named.get("otherwise", "")

    def members(self, teacher: str) -> list[str]:
        """The teachers that one made of several asks; any other teacher alone."""
        block = self.teachers.get(teacher)
        if block is None or block.use != "ensemble":
            return [teacher]
        named = block.raw.get("teachers")
        return [str(name) for name in named] if isinstance(named, list) else []

    def asked_teachers(self) -> list[str]:
        """As `answering_teachers`, with the members of those that are made of several in their place."""
        return list(dict.fromkeys(member for name in self.answering_teachers() for member in self.members(name)))

    def answering_teachers(self) -> list[str]:
        """Names of the teachers that answer tasks, in the order written, without repeats."""
        if self.generate.source == "reference":
            return []
        named = self.generate.teacher or next(iter(self.teachers))
        return [named] if isinstance(named, str) else list(dict.fromkeys(named.values()))
