"""A sound run in facts, its parts to plant a trouble with, and the lines of a problem tried on the recipe."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import Any

from imbik.advise.facts import Facts, Lengths
from imbik.advise.mends import Problem
from imbik.core.results import Books
from imbik.core.runfolder import Manifest
from imbik.core.types import Sensitivity
from imbik.evaluate.scores import Interval, MetricScore, Scores, SystemScores
from imbik.pipeline.rows import Rows
from imbik.pipeline.sizes import Size
from imbik.recipe import build
from imbik.train.course import Point, TrainingRecord

GB = 1_000_000_000
DATA: dict[str, Any] = {
    "name": "a",
    "tasks": {"source": "rows.csv", "kind": "qa"},
    "teachers": {"t": {"use": "in_process", "model": "m"}},
    "student": {"architecture": "llama", "hidden_size": 64},
    "train": {"learning_rate": 3e-3, "epochs": 8, "batch_size": 16},
}


def training(losses: list[tuple[float, float]], **changes: Any) -> TrainingRecord:
    """A record with a point every 100 steps: (training loss, validation loss)."""
    points = tuple(Point(step=100 * (i + 1), train_loss=t, validation_loss=v) for i, (t, v) in enumerate(losses))
    steps = 100 * len(losses)
    plain: dict[str, Any] = {
        "variant": "student",
        "seed": 1,
        "steps": steps,
        "planned_steps": steps,
        "tokens": steps * 16 * 40,
        "rows": 2000,
        "validation_rows": 200,
        "losses": points,
        "kept_step": steps,
        "kept_loss": None,
        "stopped_early": False,
        "seconds": 60.0,
        "tokens_per_second": 8000.0,
        "precision": "fp32",
        "threads": 1,
        "layout": "packed",
        "micro_batch": 16,
        "padding": 0.1,
        "parameters": 900_000,
        "trainable": 900_000,
        "sha256": "",
    }
    return TrainingRecord(**{**plain, **changes})


GOOD = [(3.0, 3.1), (2.0, 2.1), (1.0, 1.20), (0.9, 1.195), (0.85, 1.19)]


def scores(student: float, retention: float | None = None, **others: float) -> Scores:
    """Figures of a few systems."""

    def system(value: float) -> SystemScores:
        return SystemScores(metrics={"accuracy": MetricScore(value=value, low=value, high=value, n=1000)})

    kept = {"accuracy": Interval(value=retention, low=retention, high=retention, n=1000)} if retention else {}
    return Scores(systems={name: system(v) for name, v in {"student": student, **others}.items()}, retention=kept)


def facts(*overrides: str, **changes: Any) -> Facts:
    """A sound run, with changes."""
    sound = Facts(
        recipe=build(DATA, overrides=overrides),
        size=Size(900_000, False, 64, 4, 2048),
        training=training(GOOD),
        scores=scores(0.9, 0.95, teacher=0.95),
        rows=Rows(2000, 200, 1000, 60, 40, known=True),
        lengths=Lengths(150, 260, 300),
        learned=2000,
        memory=16 * GB,
        needed=1 * GB,
    )
    return replace(sound, **changes)


def lines(problem: Problem | None, *before: str) -> str:
    """All `--set` lines, each accepted by the recipe it mends."""
    assert problem is not None
    found = " ".join(mend.line for mend in problem.mends)
    for mend in problem.mends:
        parts = shlex.split(mend.line)
        assert parts[::2] == ["--set"] * (len(parts) // 2)
        if "OWNER/" not in mend.line:
            build(DATA, overrides=[*before, *parts[1::2]])
    return found


def manifest(stage: str, books: Books) -> Manifest:
    """A finished stage."""
    return Manifest(
        stage=stage, version=1, hash="h", inputs={}, root="r", books=books, sensitivity=Sensitivity.PUBLIC,
        seconds=1.0, imbik="0", finished="2026-01-01T00:00:00+00:00",
    )  # fmt: skip
