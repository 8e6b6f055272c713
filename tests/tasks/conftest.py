"""What tests of tasks share: recipes over files in a temporary folder, and the stage run on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from imbik.core.plugins import PluginBlock, make
from imbik.core.types import Message, Task
from imbik.recipe import Recipe, build
from imbik.tasks.kinds import Kind
from imbik.tasks.load import Loaded, load_tasks
from imbik.tasks.rows import Quarantined, Row
from imbik.tasks.sources import RowSource

MakeRecipe = Callable[..., Recipe]
Load = Callable[..., Loaded]


@pytest.fixture
def recipe(tmp_path: Path) -> MakeRecipe:
    """`recipe("rows.csv", kind="qa", …)`: a recipe whose relative paths start in the test's folder."""

    def make_recipe(source: Any, kind: Any = "qa", teachers: dict[str, Any] | None = None, **tasks: Any) -> Recipe:
        section = {"source": source, "kind": kind, "sensitivity": "public", **tasks}
        data = {
            "name": "deneme",
            "tasks": section,
            "generate": {"from": "reference"},
            "student": {"architecture": "llama"},
        }
        return build({**data, "teachers": teachers or {}}, base=tmp_path)

    return make_recipe


@pytest.fixture
def load(recipe: MakeRecipe) -> Load:
    """Load a recipe's tasks: `load("rows.csv", kind="qa", …)`."""

    def load_source(source: Any, kind: Any = "qa", **more: Any) -> Loaded:
        made = recipe(source, kind, **more)
        plugin: Kind = make("tasks/kinds", made.tasks.kind)
        return load_tasks(made, plugin)

    return load_source


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., tuple[list[Row], list[Quarantined], Sequence[str]]]:
    """Rows, bad rows and notes of one source: `read("csv", path="x.csv")`."""

    def read_source(use: str, split: str = "", **settings: Any) -> tuple[list[Row], list[Quarantined], Sequence[str]]:
        source: RowSource = make("tasks/sources", PluginBlock(use=use, raw=settings))
        items = list(source.rows(tmp_path, split))
        rows = [item for item in items if isinstance(item, Row)]
        return rows, [item for item in items if isinstance(item, Quarantined)], source.notes

    return read_source


def question(text: str, **more: Any) -> Task:
    """A task that asks `text`."""
    return Task(**{"id": text, "kind": "qa", "messages": (Message(role="user", content=text),), **more})
