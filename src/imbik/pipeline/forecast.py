"""Seconds a stage, said before a run starts: a forecast, never a budget.

Enters: a recipe, its rows, the sizes of its models. Leaves: seconds by stage. The constants are fits to runs on two
machines (docs/log.md), scaled by a short measurement of this one; expect a factor of two, and see the table after a run
for how far off it was.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from functools import cache

from imbik.pipeline.amounts import answer_tokens, answers, tested_rows, training_tokens, variants
from imbik.pipeline.rows import Rows
from imbik.pipeline.sizes import UNKNOWN, Size
from imbik.recipe import Recipe

REFERENCE_GFLOPS = 90.0
TRAIN_FLOPS, TRAIN_FLOOR = 69e9, 18e-6  # useful FLOP/s, and seconds a token that no size avoids
READ_FLOPS, READ_FLOOR = 62e9, 8e-6  # the same for reading alone, as capture does
ASK_SECONDS, ASK_FLOOR = 110e-6, 30e-6  # seconds a generated token for each million parameters, and the floor
SERVED_SECONDS, SERVED_AT_ONCE = 4.0, 32  # an API's answer, and how many are open at once
GROW_SECONDS = 0.5e-3  # to have, read and compare one grown task
STARTUP = 6.0  # seconds until torch and transformers are loaded, in the first stage that needs them
Sizes = Mapping[str, Size]


def stage_seconds(
    recipe: Recipe, rows: Rows, student: Size, teachers: Sizes, *, growing: int, judged: int
) -> dict[str, float]:
    """Forecast by stage; a stage the recipe has not is left out. `growing` and `judged` are questions asked there."""
    slow = 1 / machine_speed()
    kept = answers(recipe, rows)
    here = any(recipe.teachers[name].use in {"in_process", "run"} for name in teachers)
    found = {
        "tasks": _tasks_seconds(rows, growing),
        "generate": 0.3 + (STARTUP if here else 0.0) * slow + _asking(recipe, rows, kept, teachers) * slow,
        "refine": 0.3 + 250e-6 * kept * slow + math.ceil(judged / SERVED_AT_ONCE) * SERVED_SECONDS,
        "train": 2.0 + (0.0 if here else STARTUP) * slow + _training(recipe, rows, student) * slow,
        "export": 1.0 + student.parameters * 4 / 200e6,
        "evaluate": 1.0 + _evaluating(recipe, rows, student, teachers) * slow,
    }
    if recipe.capture:
        parameters = max((size.parameters for size in teachers.values()), default=UNKNOWN.parameters)
        length = rows.prompt_tokens + answer_tokens(recipe, rows)
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
            total += share * _answering(size, answer_tokens(recipe, rows))
        elif use == "recorded":
            total += share * 40e-6
        else:
            total += math.ceil(share / SERVED_AT_ONCE) * SERVED_SECONDS
    return total + (0 if teachers else calls * 40e-6)


def _evaluating(recipe: Recipe, rows: Rows, student: Size, teachers: Sizes) -> float:
    """Every system answers the test rows; a teacher was asked already where its answers are stored."""
    test, tokens = tested_rows(recipe, rows), answer_tokens(recipe, rows)
    systems = 1 + sum(name in recipe.evaluate.against for name in ("baseline", *recipe.train.controls))
    systems += bool(recipe.train.adapters)  # which share the rows among them
    own = test * systems * len(recipe.train.seeds) * _answering(student, tokens)
    alone = 2 * recipe.evaluate.latency_rows * (tokens + 1) * 2.5e-3
    asked = _asking(recipe, rows, round(test * (1 - rows.held_back)), teachers)
    asked *= "teacher" in recipe.evaluate.against
    return own + alone + asked + 3.0


def _answering(size: Size, tokens: float) -> float:
    """Seconds to write one answer in a large batch on one core."""
    return tokens * (ASK_FLOOR + ASK_SECONDS * size.parameters / 1e6)


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
