"""The page on training: it names every key, and its defaults are the recipe's."""

from __future__ import annotations

import re
from pathlib import Path

from imbik.recipe.training import AdapterRows, LossSchedule, OnPolicy, PairSource, Train

PAGE = Path(__file__).resolve().parents[2] / "docs" / "training.md"


def test_every_key_stands_in_a_table() -> None:
    cells = [line.split("|")[1] for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    named = {name for cell in cells for name in re.findall(r"`([a-z_]+)`", cell)}
    sections = (Train, OnPolicy, PairSource, LossSchedule, AdapterRows)
    wanted = {field.alias or name for kind in sections for name, field in kind.model_fields.items()}
    assert named == wanted
