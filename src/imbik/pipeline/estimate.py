"""What a run will take, said before it starts: teacher calls, tokens, money, seconds a stage, memory, disk.

Enters: a recipe, what is known of its rows, the sizes of its models, this machine's speed. Leaves: an Estimate.
Seconds are a forecast, never a budget. The constants are fits to runs on two machines (docs/log.md), scaled by a short
measurement of this one; expect a factor of two, and see the table after a run for how far off it was.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from functools import cache, cached_property
from pathlib import Path

from imbik.ask.underway import questions_in, under_way
from imbik.core.runfolder import RunFolder
from imbik.pipeline.growth import growth_asks
from imbik.pipeline.judging import Asked, refine_asks
from imbik.pipeline.money import Cost, cost, together
from imbik.pipeline.rows import Rows
from imbik.pipeline.sizes import Size, folder_here, student_size, teacher_size
from imbik.recipe import Recipe
from imbik.tasks.questions import voices_of

REFERENCE_GFLOPS = 90.0
TRAIN_FLOPS, TRAIN_FLOOR = 69e9, 18e-6  # useful FLOP/s, and seconds a token that no size avoids
READ_FLOPS, READ_FLOOR = 62e9, 8e-6  # the same for reading alone, as capture does
ASK_SECONDS, ASK_FLOOR = 110e-6, 30e-6  # seconds a generated token for each million parameters, and the floor
SERVED_SECONDS, SERVED_AT_ONCE = 4.0, 32  # an API's answer, and how many are open at once
OPTIMIZER_BYTES = 16  # weights, gradients and two moments in fp32
GROW_SECONDS = 0.5e-3  # to have, read and compare one grown task
STARTUP = 6.0  # seconds until torch and transformers are loaded, in the first stage that needs them
REASONING = 80.0  # tokens of a chain of thought and its answer, where the rows show none
_UNKNOWN = Size(1_000_000, True)
Sizes = Mapping[str, Size]


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
    teachers = {name: teacher_size(recipe, name, runs) or _UNKNOWN for name in recipe.answering_teachers()}
    run = runs / recipe.name if runs else None
    batches = questions_in(under_way(RunFolder(run).store, recipe.name)) if run else Counter[str]()
    for_report = max(0, _evaluation_calls(recipe, rows) - batches["evaluation"])
    calls = max(0, teacher_calls(recipe, rows) - _evaluation_calls(recipe, rows) - batches["generation"]) + for_report
    inputs, outputs = round(calls * (rows.prompt_tokens + 60)), round(calls * _asked_tokens(recipe, rows))
    refining = refine_asks(recipe, rows, _answers(recipe, rows), _answer_tokens(recipe, rows), run)
    growing = growth_asks(recipe, rows)
    return Estimate(
        rows=rows.total,
        teacher_calls=calls,
        input_tokens=inputs,
        output_tokens=outputs,
        answering=cost(recipe, calls, inputs, outputs, run),
        beside={name: asked for name, asked in (("tasks", growing), ("refine", refining)) if asked.calls},
        forecast=lambda: (
            _seconds(recipe, rows, student, teachers, refining.calls) | {"tasks": _tasks_seconds(rows, growing.calls)}
        ),
        memory_bytes=memory_bytes(recipe, student, rows),
        disk_bytes=disk_bytes(recipe, student, rows),
        evaluation_calls=for_report,
        under_way=batches.total(),
        held_back=round(rows.total * rows.held_back),
        recorded_answers=_answers(recipe, rows) if only_recorded(recipe) else 0,
        guessed=_guessed(recipe, student, teachers),
    )


def _guessed(recipe: Recipe, student: Size, teachers: Sizes) -> dict[str, int]:
    """Models that this machine would have to fetch first: what they are taken for, by the key that names them."""
    named = {"student.model": (recipe.student.model, student)} if recipe.student.model else {}
    for name, size in teachers.items():
        if recipe.teachers[name].use == "in_process":
            named[f"teachers.{name}.model"] = (str(recipe.teachers[name].raw.get("model", "")), size)
    return {key: size.parameters for key, (model, size) in named.items() if folder_here(model, recipe.base) is None}


def only_recorded(recipe: Recipe) -> bool:
    """Whether every answer is there already, so that nobody is asked anything."""
    names = recipe.answering_teachers()
    return bool(names) and all(recipe.teachers[name].use == "recorded" for name in names)


def samples(recipe: Recipe) -> int:
    """Answers to a task at most: as many as are asked for, or as somebody recorded."""
    if recipe.generate.source == "reference":
        return 1
    several = recipe.most_teachers
    if not only_recorded(recipe):
        return recipe.generate.samples.max * several
    found = [voices_of(recipe, name) for name in recipe.answering_teachers()]
    return several * max(len(voices.names) if voices and voices.names else 1 for voices in found)


def _answers(recipe: Recipe, rows: Rows) -> int:
    """Answers to training and validation tasks at most: rows that no teacher may see get none."""
    return round((rows.train + rows.validation) * samples(recipe) * (1 - rows.held_back))


def teacher_calls(recipe: Recipe, rows: Rows) -> int:
    """Questions to teachers at most: tasks times samples, and the test rows once for the report.

    Recorded answers are no calls.
    """
    if recipe.generate.source == "reference" or only_recorded(recipe):
        return 0
    return _answers(recipe, rows) + _evaluation_calls(recipe, rows)


def _evaluation_calls(recipe: Recipe, rows: Rows) -> int:
    """Questions that only the report asks: the test rows, where the teacher is compared."""
    asks = recipe.generate.source == "teacher" and "teacher" in recipe.evaluate.against and not only_recorded(recipe)
    return round(_test_rows(recipe, rows) * (1 - rows.held_back)) if asks else 0


def variants(recipe: Recipe) -> int:
    """Students trained: seeds times (student and controls)."""
    return len(recipe.train.seeds) * (1 + len(recipe.train.controls))


def training_tokens(recipe: Recipe, rows: Rows) -> float:
    """Non-padding tokens that one variant sees."""
    train = recipe.train
    kept = rows.train * samples(recipe) * (1 - rows.held_back)
    seen = train.steps * train.batch_size if train.steps else kept * train.epochs
    return seen * (rows.prompt_tokens + _answer_tokens(recipe, rows))


def memory_bytes(recipe: Recipe, student: Size, rows: Rows) -> int:
    """Peak while training: weights and optimiser, activations of a micro-batch, and Python with its libraries."""
    lora = recipe.train.method.use != "full"
    weights = student.parameters * (4 + 1 if lora else OPTIMIZER_BYTES)
    length = min(recipe.train.max_length or 4096, rows.prompt_tokens + _answer_tokens(recipe, rows))
    micro = recipe.train.micro_batch or min(recipe.train.batch_size, 32)
    a_token = (8 if recipe.train.gradient_checkpointing else 40) * max(student.layers, 1) * student.hidden_size
    return round(700e6 + weights + 4 * micro * length * (a_token + 2 * min(student.vocabulary, 4096)))


def disk_bytes(recipe: Recipe, student: Size, rows: Rows) -> int:
    """Weights, two checkpoints with optimiser and the export for every variant; rows and logits."""
    saved = student.parameters * (0.1 * 4 if recipe.train.method.use != "full" else 4 + 2 * 12) * variants(recipe)
    exported = student.parameters * 4 * max(len(recipe.export), 1)
    tokens = rows.train * (rows.prompt_tokens + _answer_tokens(recipe, rows)) * samples(recipe)
    logits = tokens * recipe.capture.top_k * 8 if recipe.capture else 0
    return round(saved + exported + logits + 12 * tokens + 5e6)


def _seconds(recipe: Recipe, rows: Rows, student: Size, teachers: Sizes, judged: int) -> dict[str, float]:
    """Forecast by stage; a stage the recipe has not is left out."""
    slow = 1 / machine_speed()
    kept = _answers(recipe, rows)
    here = any(recipe.teachers[name].use in {"in_process", "run"} for name in teachers)
    found = {
        "tasks": 0.0,
        "generate": 0.3 + (STARTUP if here else 0.0) * slow + _asking(recipe, rows, kept, teachers) * slow,
        "refine": 0.3 + 250e-6 * kept * slow + math.ceil(judged / SERVED_AT_ONCE) * SERVED_SECONDS,
        "train": 2.0 + (0.0 if here else STARTUP) * slow + _training(recipe, rows, student) * slow,
        "export": 1.0 + student.parameters * 4 / 200e6,
        "evaluate": 1.0 + _evaluating(recipe, rows, student, teachers) * slow,
    }
    if recipe.capture:
        parameters = max((size.parameters for size in teachers.values()), default=_UNKNOWN.parameters)
        length = rows.prompt_tokens + _answer_tokens(recipe, rows)
        found["capture"] = 1.0 + kept * length * (2 * parameters / READ_FLOPS + READ_FLOOR) * slow
    return found


def _tasks_seconds(rows: Rows, questions: int) -> float:
    """Reading rows, and growing more of them: new tasks are compared as they appear, teachers are waited for."""
    slow = 1 / machine_speed()
    grown = max(0, rows.total - rows.seeds) if rows.seeds else 0
    asked = math.ceil(questions / SERVED_AT_ONCE) * SERVED_SECONDS
    return 0.5 + (60e-6 * rows.total + GROW_SECONDS * grown) * slow + asked


def _training(recipe: Recipe, rows: Rows, student: Size) -> float:
    work = 6 if recipe.train.method.use == "full" else 4
    a_token = work * student.parameters / TRAIN_FLOPS + TRAIN_FLOOR
    losses = 1 + 0.15 * (len(recipe.train.losses) - 1)
    return training_tokens(recipe, rows) * a_token * losses * variants(recipe)


def _asking(recipe: Recipe, rows: Rows, calls: int, teachers: Sizes) -> float:
    """Seconds of generation: by tokens for a model here, by answers for a served one."""
    total = 0.0
    for name, size in teachers.items():
        use, share = recipe.teachers[name].use, calls / len(teachers)
        if use in {"in_process", "run"}:
            total += share * _answering(size, _answer_tokens(recipe, rows))
        elif use == "recorded":
            total += share * 40e-6
        else:
            total += math.ceil(share / SERVED_AT_ONCE) * SERVED_SECONDS
    return total + (0 if teachers else calls * 40e-6)


def _evaluating(recipe: Recipe, rows: Rows, student: Size, teachers: Sizes) -> float:
    """Every system answers the test rows; a teacher was asked already where its answers are stored."""
    test, tokens = _test_rows(recipe, rows), _answer_tokens(recipe, rows)
    systems = 1 + sum(name in recipe.evaluate.against for name in ("baseline", *recipe.train.controls))
    own = test * systems * len(recipe.train.seeds) * _answering(student, tokens)
    alone = 2 * recipe.evaluate.latency_rows * (tokens + 1) * 2.5e-3
    asked = _asking(recipe, rows, round(test * (1 - rows.held_back)), teachers)
    asked *= "teacher" in recipe.evaluate.against
    return own + alone + asked + 3.0


def _answering(size: Size, tokens: float) -> float:
    """Seconds to write one answer in a large batch on one core."""
    return tokens * (ASK_FLOOR + ASK_SECONDS * size.parameters / 1e6)


def _answer_tokens(recipe: Recipe, rows: Rows) -> float:
    """Tokens of an answer: as the rows' own answers are, with room for reasoning a teacher adds."""
    longest = float(recipe.generate.max_tokens)
    if recipe.generate.source == "reference" or rows.answer_tokens >= 20 or recipe.tasks.kind.use == "classification":
        return min(max(rows.answer_tokens, 1.0), longest)
    return min(REASONING if recipe.generate.reasoning == "steps" else rows.answer_tokens or 20.0, longest)


def _asked_tokens(recipe: Recipe, rows: Rows) -> float:
    """Tokens that a teacher writes: as `_answer_tokens`, but a served one also writes how it came to a class.

    A model in this process chooses among the classes at once, and the student learns the class alone.
    """
    told = _answer_tokens(recipe, rows)
    here = all(recipe.teachers[name].use in {"in_process", "run", "recorded"} for name in recipe.answering_teachers())
    if here or recipe.tasks.kind.use != "classification" or recipe.generate.reasoning != "steps":
        return told
    return min(max(told, REASONING), float(recipe.generate.max_tokens))


def _test_rows(recipe: Recipe, rows: Rows) -> int:
    return min(rows.test, recipe.evaluate.rows) if recipe.evaluate.rows else rows.test


@cache
def machine_speed() -> float:
    """How fast this machine multiplies matrices, 1 being the machine the constants were fitted on; about 2 ms."""
    import numpy as np

    matrix = np.full((64, 64), 1.0001, dtype=np.float32)  # small enough that BLAS keeps it on one thread
    target = np.empty_like(matrix)
    best = math.inf
    for _ in range(200):
        started = time.perf_counter()
        np.dot(matrix, matrix, out=target)
        best = min(best, time.perf_counter() - started)
    gflops = 2 * 64**3 / best / 1e9
    return min(max(gflops / REFERENCE_GFLOPS, 0.1), 4.0)
