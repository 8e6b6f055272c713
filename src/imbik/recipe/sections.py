"""The recipe's typed sections: what a person may write, with the default of everything.

Enters: plain data from YAML. Leaves: frozen pydantic models; a plug-in's block stays `{use, raw, where}` until
preflight types it. The description of a field is what `imbik explain KEY` and editors show.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from pydantic import (
    Field,
    PrivateAttr,
    model_validator,
)

from imbik.core.plugins import PluginBlock, RecipePath, closest
from imbik.core.types import Sensitivity
from imbik.recipe.asking import Budget, Generate, Privacy, Repair, each_of
from imbik.recipe.blocks import Block, MisplacedError, Part, Section, Share, SourceBlock
from imbik.recipe.growing import Grow, asks, named_for_growth

_ROUTES = [*(level.value for level in Sensitivity), "otherwise"]


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


class Clean(Section):
    """What is cleaned in the texts of rows, before anything else is done with them; changes are counted and shown."""

    nfc: bool = Field(True, description="letters and their marks put together (NFC)")
    control: bool = Field(True, description="characters that show nothing taken out, ends of lines made one kind")
    html: bool = Field(True, description="tags taken out, entities read; turn it off for rows about HTML")
    mojibake: bool = Field(True, description="text that was read in a wrong encoding mended")


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
    clean: Clean | bool = Field(False, description="texts of rows are cleaned first: true, or what of it is not wanted")
    split: Split = Field(default_factory=Split, description="how rows are divided into train, validation and test")
    grow: Grow | None = Field(None, description="more tasks, made of these: {to: 10000, teacher: NAME}")
    augment: list[Block] = Field([], description="training tasks once more in other words or with typing errors")

    @model_validator(mode="after")
    def _grows_rows_of_its_kind(self) -> Tasks:
        if (self.grow or self.augment) and self.text_template:
            raise ValueError("rows of a text_template cannot be grown or augmented: take one of the two out")
        return self

    @model_validator(mode="after")
    def _prompt_is_learned(self) -> Tasks:
        if self.prompt_weight != 1.0 and self.loss_on != "all":
            raise ValueError("prompt_weight counts only where the prompt is learned: set loss_on: all, or leave it out")
        return self

    @property
    def cleaning(self) -> Clean | None:
        """What is cleaned, if anything."""
        return (Clean() if self.clean else None) if isinstance(self.clean, bool) else self.clean

    @property
    def level(self) -> Sensitivity | None:
        """The one sensitivity of all rows, or None when `sensitivity` names a column."""
        try:
            return Sensitivity(self.sensitivity)
        except ValueError:
            return None


class Review(Section):
    """What experts are asked to look at."""

    sample: float = Field(0.05, ge=0, le=1, description="share of kept rows shown to experts, picked at random")
    doubtful: float = Field(
        0.05, ge=0, le=1, description="share of kept rows at most that are shown first: checks or samples disagree"
    )
    experts: int = Field(1, ge=1, description="verdicts wanted for each row shown")
    double: Part = Field(
        0.0, description="share of the rows shown that two people judge, neither seeing the other's verdict (20%)"
    )
    disagreement: Literal["third", "pending", "reject"] = Field(
        "third",
        description="where as many experts reject a row as keep it: ask one more, let the row wait, or reject it",
    )
    wait: bool = Field(False, description="stop with exit code 4 until every verdict asked for is there")
    blind: bool = Field(False, description="experts see neither who answered nor what checks and judges say")
    rubric: list[str] = Field([], description="what experts score from 1 to 5 beside their verdict (doğruluk, açıklık)")


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
    repair: Repair | None = Field(None, description="ask the teacher again with the reason of a rejection")
    review: Review | None = Field(None, description="experts' review in the browser")
    student: Student = Field(description="the model that learns")
    capture: Capture | None = Field(None, description="the teacher's logits, captured once")
    train: Train = Field(default_factory=Train, description="how the student is trained")
    export: list[Block] = Field([PluginBlock(use="safetensors")], description="formats handed over")
    evaluate: Evaluate = Field(default_factory=Evaluate, description="what is compared")
    base: Path = Field(Path(), exclude=True, description="folder that relative paths start from (set by loading)")
    _places: dict[str, str] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _teachers_exist(self) -> Recipe:
        named = self.generate.teacher
        for level in named if isinstance(named, dict) else ():
            if level not in _ROUTES:
                said = f"'{level}' is no sensitivity, so no row would ever go there; {closest(level, _ROUTES)}"
                raise MisplacedError(said, ("generate", "teacher", level))
        for path, name in self._named_teachers():
            if name not in self.teachers:
                have = ", ".join(self.teachers) or "none"
                raise MisplacedError(f"teacher '{name}' is not under `teachers:` (there: {have})", path)
            if path[0] == "teachers" and self.teachers[name].use == "ensemble":
                said = f"teacher '{path[1]}' is made of '{name}', which is itself made of several"
                raise MisplacedError(said, path)
        if self.generate.source == "teacher" and not self.teachers:
            raise ValueError(
                "no `teachers:`; for plain fine-tuning on the rows' own answers: generate: {from: reference}"
            )
        return self

    def _named_teachers(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """Every key that names a teacher, with the name."""
        named = self.generate.teacher
        for level, names in named.items() if isinstance(named, dict) else [("", named)] if named else []:
            yield from ((("generate", "teacher", level), name) for name in each_of(names))
        if self.capture and self.capture.teacher:
            yield ("capture", "teacher"), self.capture.teacher
        yield from named_for_growth(self.tasks.grow, self.tasks.augment)
        for made, block in self.teachers.items():
            if block.use == "ensemble":
                for number, name in enumerate(self.members(made)):
                    yield ("teachers", made, "teachers", str(number)), name

    def note_places(self, places: Mapping[tuple[str, ...], str]) -> None:
        """Loading says where each key was written."""
        self._places.update({".".join(path): place for path, place in places.items()})

    def place(self, key: str) -> str:
        """Where a dotted key is written, as errors name it: `recipe.yaml:3 tasks.answer_schema`."""
        found = self._places.get(key, "")
        return found if found.startswith("--set ") else f"{found} {key}".strip()

    @property
    def longest_answer(self) -> int:
        """Tokens of the longest answer that a student is given room for."""
        return self.evaluate.max_tokens or self.generate.max_tokens

    def path(self, text: str) -> Path:
        """A path of the recipe, relative to the recipe's folder."""
        return (self.base / Path(text).expanduser()).resolve()

    def teachers_for(self, sensitivity: Sensitivity) -> list[str]:
        """Which teachers a row of this sensitivity is asked of, each for answers of its own; [""] where none is."""
        if self.generate.source == "reference":
            return [""]
        named = self.generate.teacher or next(iter(self.teachers))
        if isinstance(named, dict):
            named = named.get(sensitivity.value) or named.get("otherwise", "")
        return each_of(named)

    @property
    def most_teachers(self) -> int:
        """How many teachers answer one task at most."""
        return max(len(self.teachers_for(level)) for level in Sensitivity)

    def teacher_for(self, sensitivity: Sensitivity) -> str:
        """The teacher of a row of this sensitivity (the first of several; empty when answers come from references)."""
        return self.teachers_for(sensitivity)[0]

    def members(self, teacher: str) -> list[str]:
        """The teachers that one made of several asks; any other teacher alone."""
        block = self.teachers.get(teacher)
        if block is None or block.use != "ensemble":
            return [teacher]
        named = block.raw.get("teachers")
        return [str(name) for name in named] if isinstance(named, list) else []

    def asked_teachers(self) -> list[str]:
        """As `answering_teachers` and `growing_teachers`, with the members of those that are made of several in their
        place."""
        names = [*self.answering_teachers(), *self.growing_teachers()]
        return list(dict.fromkeys(member for name in names for member in self.members(name)))

    def growing_teacher(self, block: PluginBlock) -> str:
        """Who is asked by a strategy or an augmentation: its own teacher, else that of `grow`, else the first."""
        grow = self.tasks.grow
        return str(block.raw.get("teacher") or (grow.teacher if grow else "") or next(iter(self.teachers), ""))

    def growing_teachers(self) -> list[str]:
        """Names of the teachers that tasks are grown or augmented by, in the order written, without repeats."""
        grow = self.tasks.grow
        blocks = [("tasks/strategies", block) for block in (grow.strategies if grow else ())]
        blocks += [("tasks/augmentations", block) for block in self.tasks.augment]
        found = [self.growing_teacher(block) for group, block in blocks if asks(group, block)]
        return [name for name in dict.fromkeys(found) if name]

    def answering_teachers(self) -> list[str]:
        """Names of the teachers that answer tasks, in the order written, without repeats."""
        if self.generate.source == "reference":
            return []
        named = self.generate.teacher or next(iter(self.teachers))
        routes = list(named.values()) if isinstance(named, dict) else [named]
        return list(dict.fromkeys(name for route in routes for name in each_of(route)))
