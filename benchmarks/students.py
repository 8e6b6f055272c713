"""What benchmarks of students share: a recipe on the embedded problems, running it, and reading what it scored."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import yaml

Scores = np.ndarray[Any, np.dtype[np.float64]]
MUON: dict[str, Any] = {"batch_size": 32, "optimizer": "muon", "schedule": "warmup_stable_decay", "validate_every": 100}


def embedded(*, rows: int, test: int, student: Mapping[str, Any], train: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe on the embedded word problems and their teacher `t`, of which only the student is scored."""
    return {
        "tasks": {"source": {"use": "embedded", "pool": rows, "test": test}, "kind": "math", "sensitivity": "public"},
        "teachers": {"t": {"use": "in_process", "model": "embedded:teacher"}},
        "generate": {"teacher": "t", "instruction": "", "max_tokens": 80},
        "refine": [{"use": "shape"}, {"use": "answer"}, {"use": "leakage"}],
        "student": dict(student),
        "train": dict(train),
        "export": [],
        "evaluate": {"against": []},
    }


def plain(name: str) -> str:
    """A name that may be a folder's."""
    return "".join(sign if sign.isalnum() else "-" for sign in name)


def run(recipe: Mapping[str, Any], name: str, folder: Path, places: Mapping[str, str] | None = None) -> Path:
    """`imbik run` of a recipe written into a folder; gives the run's folder."""
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({**recipe, "name": name}, allow_unicode=True), encoding="utf-8")
    command = [sys.executable, "-m", "imbik", "run", str(path), "--runs", str(folder / "runs")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, **(places or {})})
    return folder / "runs" / name


def scores(run: Path, variant: str = "student") -> Scores:
    """(seeds, tasks) of 0 and 1, in the order of task ids."""
    found: dict[int, dict[str, float]] = {}
    for line in map(msgspec.json.decode, (run / "8_report" / "answers" / f"{variant}.jsonl").read_bytes().splitlines()):
        found.setdefault(line.get("seed", -1), {})[line["id"]] = next(iter(line["scores"].values()))
    names = sorted(next(iter(found.values())))
    return np.array([[found[seed][name] for name in names] for seed in sorted(found)])


def trainings(run: Path, variant: str = "student") -> list[dict[str, Any]]:
    """What each seed's training wrote of itself, in the order of seeds."""
    files = sorted((run / "6_student" / variant).glob("seed-*/training.json"))
    return [msgspec.json.decode(path.read_bytes()) for path in files]
