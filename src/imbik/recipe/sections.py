"""The recipe as a whole: its sections, what has to hold between them, and which teachers answer which rows.

The larger sections stand beside it: `tasks`, `growing`, `asking`, `training`.

Enters: plain data from YAML. Leaves: frozen pydantic models; a plug-in's block stays `{use, raw, where}` until
preflight types it. The description of a field is what `imbik explain KEY` and editors show.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, PrivateAttr, model_validator

from imbik.core.misspelt import closest
from imbik.core.plugins import PluginBlock
from imbik.core.types import Sensitivity
from imbik.recipe.asking import Budget, Generate, Privacy, Repair, each_of
from imbik.recipe.blocks import Block, MisplacedError, Part, Section
from imbik.recipe.growing import asks, named_for_growth
from imbik.recipe.searching import Search
from imbik.recipe.tasks import Tasks
from imbik.recipe.training import PAIRS_OF_TASKS, Capture, Student, Train

_ROUTES = [*(level.value for level in Sensitivity), "otherwise"]


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


class Evaluate(Section):
    """What is compared on the held-out rows."""

    on: Literal["test", "validation"] = Field(
        "test", description="the rows; validation is for choosing between runs, so that the test rows stay unseen"
    )
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
    search: Search | None = Field(None, description="how `imbik search` varies values; no part of a single run")
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

    def pair_file(self) -> Path | None:
        """The file of pairs that `train.pairs` names; None where they are the run's own tasks', or there are none."""
        source = self.train.pairs
        return None if source is None or source.origin in PAIRS_OF_TASKS else self.path(source.origin)

    def answering_teachers(self) -> list[str]:
        """Names of the teachers that answer tasks, in the order written, without repeats."""
        if self.generate.source == "reference":
            return []
        named = self.generate.teacher or next(iter(self.teachers))
        routes = list(named.values()) if isinstance(named, dict) else [named]
        return list(dict.fromkeys(name for route in routes for name in each_of(route)))
