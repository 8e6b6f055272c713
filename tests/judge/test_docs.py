"""What docs/judge.md shows and says can be used and is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from imbik.core.plugins import PluginBlock, make
from imbik.judge.attacks import attacks
from imbik.judge.calibration import Bar
from imbik.judge.rubric import shipped
from imbik.pipeline import judging
from imbik.recipe import build
from imbik.recipe.blocks import as_block


@pytest.fixture(scope="module")
def text(root: Path) -> str:
    return (root / "docs" / "judge.md").read_text(encoding="utf-8")


def blocks(text: str) -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)


def test_the_recipe_loads_and_its_judge_may_judge(text: str) -> None:
    recipe = build(yaml.safe_load(blocks(text)[0]))
    judging.refuse(recipe)
    assert judging.judges(recipe) == ["yerel"]
    assert recipe.repair is not None


def test_ones_own_anchors_read(text: str) -> None:
    block = as_block(yaml.safe_load(blocks(text)[1])["refine"][0])
    assert isinstance(block, PluginBlock)
    rubric = make("refine/checks", block).rubric(Path())
    assert rubric.names == ("doğruluk", "kısalık")
    assert rubric.of("tr")[1].anchors[3] == "üç cümle"


def test_figures_and_names_are_those_of_the_package(text: str) -> None:
    assert f"each of {len(attacks())} attempts" in text
    named = re.findall(r"`([^`]+)`", text[text.index("in Turkish and English:") : text.index("(and their English")])
    assert len(named) == 11
    assert set(named) <= set(shipped())
    bar = Bar()
    said = (
        f"calibrated: {{kappa: {bar.kappa:g}, true_positive: {bar.true_positive:g}, "
        f"true_negative: {bar.true_negative:g}, n: {bar.n}}}"
    )
    assert said in text
