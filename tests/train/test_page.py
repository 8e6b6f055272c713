"""The page on training: it names every key, and its defaults are the recipe's."""

from __future__ import annotations

import re
from pathlib import Path

from imbik.recipe.training import OnPolicy, Train

PAGE = Path(__file__).resolve().parents[2] / "docs" / "training.md"


def test_every_key_stands_in_a_table() -> None:
    cells = [line.split("|")[1] for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    named = {name for cell in cells for name in re.findall(r"`([a-z_]+)`", cell)}
    assert named == set(Train.model_fields) | set(OnPolicy.model_fields)
