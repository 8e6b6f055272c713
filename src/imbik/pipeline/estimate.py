"""What a run will take, said before it starts: teacher calls, tokens, money, seconds a stage, memory, disk.

Enters: a recipe, what is known of its rows, the sizes of its models, this machine's speed. Leaves: an Estimate.
Counts come from `amounts`, seconds from `forecast`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from pathlib import Path

from imbik.ask.underway import questions_in, under_way
from imbik.core.runfolder import RunFolder
from imbik.pipeline.amounts import (
    answer_tokens,
    answers,
    asked_tokens,
    evaluation_calls,
    only_recorded,
    samples,
    teacher_calls,
    variants,
)
from imbik.pipeline.forecast import Sizes, stage_seconds
from imbik.pipeline.growth import growth_asks
from imbik.pipeline.judging import Asked, refine_asks
from imbik.pipeline.money import Cost, cost, together
from imbik.pipeline.rows import Rows
from imbik.pipeline.sizes import UNKNOWN, Size, folder_here, student_size, teacher_size
from imbik.recipe import Recipe

OPTIMIZER_BYTES = 16  # weights, gradients and two moments in fp32


@dataclass(frozen=True)
class Estimate:
    """The forecast of a run, or of some of its stages.

    `answering` is what the teachers' answers cost, None where a price is not known; `beside` is what other stages ask
    (judges, repairs), by stage; 0 rows means unknown.
    """

    rows: int = 0
    teacher_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    answering: Cost | None = None
    beside: Mapping[str, Asked] = field(default_factory=dict)
    forecast: Callable[[], Mapping[str, float]] = field(default=dict, compare=False, repr=False)
    memory_bytes: int = 0
    disk_bytes: int = 0
    evaluation_calls: int = 0  # those of teacher_calls that only the report needs
    under_way: int = 0  # questions in batches that are with a provider: none of teacher_calls
    held_back: int = 0  # those of the rows that no teacher may see
    recorded_answers: int = 0  # answers that are read for training and asked of nobody
    guessed: Mapping[str, int] = field(
        default_factory=dict
    )  # key of a model that is not here: parameters it is taken for

    def of(self, stages: Collection[str]) -> Estimate:
        """The calls, tokens, money and seconds of these stages alone."""
        asked = {"generate": self.teacher_calls - self.evaluation_calls, "evaluate": self.evaluation_calls}
        calls = sum(count for name, count in asked.items() if name in stages)
        share = Fraction(calls, self.teacher_calls or 1)
        part = Decimal(share.numerator) / share.denominator
        return replace(
            self,
            teacher_calls=calls,
            evaluation_calls=asked["evaluate"] if "evaluate" in stages else 0,
            recorded_answers=self.recorded_answers if "generate" in stages else 0,
            input_tokens=round(self.input_tokens * share),
            output_tokens=round(self.output_tokens * share),
            answering=None if self.answering is None else self.answering.part(part),
            beside={name: asked for name, asked in self.beside.items() if name in stages},
            forecast=lambda: {name: seconds for name, seconds in self.seconds.items() if name in stages},
        )

    @property
    def money(self) -> Cost | None:
        """What all questions cost together; None where a price is not known."""
        return together([self.answering, *(asked.money for asked in self.beside.values())])

    @property
    def questions(self) -> int:
        """Questions of all stages."""
        return self.teacher_calls + sum(asked.calls for asked in self.beside.values())

    @cached_property
    def seconds(self) -> Mapping[str, float]:
        """By stage; worked out when somebody asks, for it measures this machine, which a current run does without."""
        return self.forecast()

    @property
    def total_seconds(self) -> float:
        """All its stages together."""
        return sum(self.seconds.values())


def estimate(recipe: Recipe, rows: Rows, runs: Path | None = None) -> Estimate:
    """The forecast for a recipe whose rows are known (or guessed) as `rows`; `runs` is where runs that teach lie."""
    student = student_size(recipe, runs) or Size(1_000_000_000, True, 2048, 16, 128_000)
    teachers = {name: teacher_size(recipe, name, runs) or UNKNOWN for name in recipe.answering_teachers()}
    run = runs / recipe.name if runs else None
    batches = questions_in(under_way(RunFolder(run).store, recipe.name)) if run else Counter[str]()
    for_report = max(0, evaluation_calls(recipe, rows) - batches["evaluation"])
    calls = max(0, teacher_calls(recipe, rows) - evaluation_calls(recipe, rows) - batches["generation"]) + for_report
    inputs, outputs = round(calls * (rows.prompt_tokens + 60)), round(calls * asked_tokens(recipe, rows))
    refining = refine_asks(recipe, rows, answers(recipe, rows), answer_tokens(recipe, rows), run)
    growing = growth_asks(recipe, rows)
    return Estimate(
        rows=rows.total,
        teacher_calls=calls,
        input_tokens=inputs,
        output_tokens=outputs,
        answering=cost(recipe, calls, inputs, outputs, run),
        beside={name: asked for name, asked in (("tasks", growing), ("refine", refining)) if asked.calls},
        forecast=lambda: stage_seconds(recipe, rows, student, teachers, growing=growing.calls, judged=refining.calls),
        memory_bytes=memory_bytes(recipe, student, rows) + beside_bytes(recipe, runs),
        disk_bytes=disk_bytes(recipe, student, rows),
        evaluation_calls=for_report,
        under_way=batches.total(),
        held_back=round(rows.total * rows.held_back),
        recorded_answers=answers(recipe, rows) if only_recorded(recipe) else 0,
        guessed=_guessed(recipe, student, teachers),
    )


def _guessed(recipe: Recipe, student: Size, teachers: Sizes) -> dict[str, int]:
    """Models that this machine would have to fetch first: what they are taken for, by the key that names them."""
    named = {"student.model": (recipe.student.model, student)} if recipe.student.model else {}
    for name, size in teachers.items():
        if recipe.teachers[name].use == "in_process":
            named[f"teachers.{name}.model"] = (str(recipe.teachers[name].raw.get("model", "")), size)
    return {key: size.parameters for key, (model, size) in named.items() if folder_here(model, recipe.base) is None}


def memory_bytes(recipe: Recipe, student: Size, rows: Rows) -> int:
    """Peak while training: weights and optimiser, activations of a micro-batch, and Python with its libraries."""
    few = recipe.train.method.use not in ("full", "frozen")
    weights = _base_bytes(recipe, student) + student.parameters if few else student.parameters * OPTIMIZER_BYTES
    length = min(recipe.train.max_length or 4096, rows.prompt_tokens + answer_tokens(recipe, rows))
    micro = recipe.train.micro_batch or min(recipe.train.batch_size, 32)
    a_token = (8 if recipe.train.gradient_checkpointing else 40) * max(student.layers, 1) * student.hidden_size
    return round(700e6 + weights + 4 * micro * length * (a_token + 2 * min(student.vocabulary, 4096)))


def _base_bytes(recipe: Recipe, student: Size) -> float:
    """The frozen base of an adapter: in four bits, or in what it is computed in, embeddings and head in full."""
    if recipe.train.method.use == "qlora":
        return 0.6 * student.parameters
    if recipe.train.precision not in ("bf16", "fp16") or recipe.train.method.raw.get("dora"):
        return 4.0 * student.parameters
    ends = min(student.parameters, 2 * student.vocabulary * student.hidden_size)
    return 2.0 * (student.parameters + ends)


def beside_bytes(recipe: Recipe, runs: Path | None) -> int:
    """Weights of the teachers that read beside the student, in their own precision; a served one has them elsewhere."""
    total = 0
    for name in recipe.train.beside:
        block = recipe.teachers.get(name)
        if block is None or block.use not in ("in_process", "run"):
            continue
        size = teacher_size(recipe, name, runs) or UNKNOWN
        total += size.parameters * (4 if str(block.raw.get("dtype", "float32")) == "float32" else 2)
    return total


def _bytes_of_a_token(recipe: Recipe) -> float:
    """What captured logits take on disk, by form: ids of 17 bits and a float16 each; less by far for the others."""
    if recipe.capture is None:
        return 0
    own = recipe.capture
    return {"exact": 4.2 * own.top_k, "compressed": 1.8 * own.top_k, "sampled": 3.2 * own.samples}[own.form]


def disk_bytes(recipe: Recipe, student: Size, rows: Rows) -> int:
    """Weights, two checkpoints with optimiser and the export for every variant; rows and logits."""
    saved = student.parameters * (0.1 * 4 if recipe.train.method.use != "full" else 4 + 2 * 12) * variants(recipe)
    exported = student.parameters * 4 * max(len(recipe.export), 1)
    tokens = rows.train * (rows.prompt_tokens + answer_tokens(recipe, rows)) * samples(recipe)
    logits = tokens * _bytes_of_a_token(recipe)
    return round(saved + exported + logits + 12 * tokens + 5e6)
