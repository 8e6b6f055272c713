"""Real files that nobody here wrote: Banking77 and GSM8K (skipped where they are not)."""

from __future__ import annotations

from pathlib import Path

from imbik.core.plugins import make
from imbik.recipe import Recipe, build
from imbik.tasks.inspect import inspect
from imbik.tasks.kinds import Kind
from imbik.tasks.likeness import likeness
from imbik.tasks.load import load_tasks
from imbik.tasks.split import divide


def recipe_of(base: Path, **tasks: object) -> Recipe:
    data = {
        "name": "r",
        "tasks": {"sensitivity": "public", "language": "en", **tasks},
        "student": {"architecture": "llama"},
    }
    return build({**data, "generate": {"from": "reference"}}, base=base)


def test_banking77(real_data: Path) -> None:
    recipe = recipe_of(
        real_data,
        source="banking77/train.csv",
        test_source="banking77/test.csv",
        kind="classification",
        split={"validation": 0.1, "test": 0.0},
    )
    kind: Kind = make("tasks/kinds", recipe.tasks.kind)
    loaded = load_tasks(recipe, kind)
    assert not loaded.quarantine
    assert not loaded.notes
    places = [task.source.file for task in loaded.tasks if task.source]
    assert (places.count("banking77/train.csv"), places.count("banking77/test.csv")) == (10_003, 3_080)
    division = divide(loaded.tasks, recipe.tasks.split)
    found = likeness((task, item.set) for task, item in zip(loaded.tasks, division.assignments, strict=True))
    assert {name: facts.rows for name, facts in found.sets.items()} == {
        "train": 9_003,
        "validation": 1_000,
        "test": 3_080,
    }
    assert len(found.sets["train"].classes) == 77
    assert not any(note for note in division.notes)
    overlap = next(item for item in found.overlaps if item.set == "test")
    assert (overlap.exact, overlap.spaces_collapsed, overlap.words_only) == (0, 7, 25)
    several_lines = [task for task in loaded.tasks if "\n" in task.text]
    raw = (real_data / "banking77" / "train.csv").read_text().split("\n")
    first = several_lines[0]
    assert first.source is not None
    assert raw[first.source.line - 1].lstrip('"').startswith(first.text.split("\n")[0])


def test_gsm8k(real_data: Path) -> None:
    recipe = recipe_of(real_data, source="gsm8k", kind="qa", rows="train[:1000]")
    tasks = load_tasks(recipe, make("tasks/kinds", recipe.tasks.kind)).tasks
    assert len(tasks) == 1000
    assert all(task.reference and task.reference.text.replace(",", "").lstrip("-").isdigit() for task in tasks)
    assert all(task.reference and task.reference.reasoning for task in tasks)


def test_recorded_solutions_of_four_models(real_data: Path) -> None:
    names = [f"{size}_{method}" for size in ("6b", "175b") for method in ("finetuning", "verification")]
    answers = {name: f"{name}.solution" for name in names}
    data = {
        "name": "r",
        "tasks": {
            "source": "gsm8k/model_solutions_660.jsonl",
            "kind": "math",
            "language": "en",
            "sensitivity": "public",
        },
        "teachers": {"r": {"use": "recorded", "answers": answers}},
        "student": {"architecture": "llama"},
    }
    recipe = build(data, base=real_data)
    tasks = load_tasks(recipe, make("tasks/kinds", recipe.tasks.kind)).tasks
    assert len(tasks) == 660
    assert sum(len(task.recorded) for task in tasks) == 2_640


def test_what_init_sees(real_data: Path) -> None:
    banking = inspect("banking77/train.csv", real_data)
    assert (banking.kind, len(banking.labels), banking.rows, banking.language) == (
        "classification",
        77,
        10_003,
        "en",
    )
    gsm = inspect("gsm8k/train.jsonl", real_data)
    assert (gsm.kind, gsm.rows, gsm.language) == ("math", 7_473, "en")
