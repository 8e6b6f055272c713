"""docs/kinds.md: its table, settings, limits and recipes are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from imbik.core.plugins import available, load_plugin
from imbik.tasks.sandbox import Limits


@pytest.fixture(scope="module")
def text(root: Path) -> str:
    return (root / "docs" / "kinds.md").read_text(encoding="utf-8")


def section(text: str, anchor: str) -> str:
    """The words below the heading of an anchor."""
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    named = {title.lower().replace(" ", "-"): body for title, body in zip(parts[1::2], parts[2::2], strict=True)}
    return named[anchor]


def rows(text: str) -> dict[str, tuple[str, list[str], list[str]]]:
    """Kind -> anchor, checks and metrics of the table."""
    found = re.findall(r"^\| \[(\w+)\]\(#([\w-]+)\) \|.*\| ([^|]*) \| ([^|]*) \|$", text, re.MULTILINE)
    return {
        name: (anchor, re.findall(r"`(\w+)`", checks), re.findall(r"`(\w+)`", metrics))
        for name, anchor, checks, metrics in found
    }


def test_the_table_says_the_checks_and_metrics_of_every_kind(text: str) -> None:
    told = rows(text)
    assert set(told) == set(available("tasks/kinds"))
    assert len(told) == 10
    for name, (_, checks, metrics) in told.items():
        kind = load_plugin("tasks/kinds", name)
        assert (checks, metrics) == (list(kind.checks), list(kind.metrics)), name


def test_every_setting_is_told_with_its_default(text: str) -> None:
    compared = 0
    for name, (anchor, _, _) in rows(text).items():
        told = dict(reversed(re.findall(r"`(\w+): ([^`]+)`", section(text, anchor))))  # the first time it is named
        for setting, field in load_plugin("tasks/kinds", name).Settings.model_fields.items():
            default = field.get_default(call_default_factory=True)
            assert setting in told, f"{name}: {setting}"
            assert yaml.safe_load(told[setting]) == default, f"{name}: {setting}"
            compared += 1
    assert compared >= 11


def test_the_limits_of_programs_are_those_that_hold(text: str) -> None:
    told, limits = section(text, "code"), Limits()
    runs = load_plugin("refine/checks", "runs").Settings.model_fields
    assert f"`seconds: {limits.seconds:g}`" in told
    assert f"`memory_mb: {limits.memory_mb}`" in told
    assert (runs["seconds"].default, runs["memory_mb"].default) == (limits.seconds, limits.memory_mb)
    written = f"{limits.file_mb} MB a file, {limits.folder_mb} MB in its folder, {limits.output >> 20} MB of output"
    assert written in told


def test_every_recipe_stands_in_the_table_of_results(text: str, root: Path) -> None:
    recipes = sorted(path.stem for path in (root / "recipes" / "kinds").glob("*.yaml"))
    assert sorted(re.findall(r"^\| `([\w-]+)` \| \d", text, re.MULTILINE)) == recipes
