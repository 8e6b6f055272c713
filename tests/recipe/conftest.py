"""A recipe without fault, to make one mistake in."""

from __future__ import annotations

from pathlib import Path

import pytest

GOOD = """name: destek
tasks:
  source: rows.jsonl
  kind: classification
generate: {from: reference}
student: {architecture: llama}
train:
  learning_rate: 1e-6
  losses:
    - {use: forward_kl, weight: 0.5, temperature: 2}
    - cross_entropy
"""


def write(folder: Path, text: str) -> Path:
    """A recipe file."""
    path = folder / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A recipe without fault."""
    return write(tmp_path, GOOD)
