"""What docs/growing.md shows can be used as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from imbik.recipe import build
from imbik.tasks.growth.named import strategies_of
from imbik.tasks.strategies.templates import read_templates
from imbik.tasks.taxonomy import read_taxonomy
from tasks.growth.test_templates import opened


@pytest.fixture(scope="module")
def blocks(root: Path) -> list[str]:
    text = (root / "docs" / "growing.md").read_text(encoding="utf-8")
    return re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)


def test_the_recipe_loads_and_its_strategies_are_there(blocks: list[str]) -> None:
    data = {"name": "belge", "student": {"architecture": "llama"}, **yaml.safe_load(blocks[0])}
    recipe = build(data)
    assert [item.name for item in strategies_of(recipe)] == [
        "self_instruct", "evolve", "grid", "documents", "templates",
    ]  # fmt: skip
    assert recipe.growing_teachers() == ["buyuk"]


def test_the_templates_make_rows(blocks: list[str], tmp_path: Path) -> None:
    made = opened(tmp_path, blocks[1])
    found, lines = read_templates(tmp_path / "k.yaml")
    assert list(lines) == [template.name for template in found.templates]
    for template in found.templates:
        idea = made.idea(template.category, 0)
        assert idea is not None
        assert len(idea.rows) == 20
        assert all(row["answer"] for row in idea.rows)


def test_the_taxonomy_reads(blocks: list[str], tmp_path: Path) -> None:
    (tmp_path / "k.yaml").write_text(blocks[2], encoding="utf-8")
    found = read_taxonomy("k.yaml", tmp_path)
    assert [branch.name for branch in found.topics] == ["hukuk › borçlar › temerrüt", "tarih"]
    assert all(branch.rubric for branch in found.topics)
