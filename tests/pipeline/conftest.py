"""A recipe small enough to run whole in a few seconds: sums in Turkish for a model of a few thousand weights."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

RECIPE = """
name: toplama
tasks:
  source: toplama.csv
  kind: math
  sensitivity: public
  split: {{validation: 0.1, test: 0.2}}
generate: {{from: reference}}
student: {{architecture: llama, hidden_size: 16, layers: 1, heads: 2, context: 128, tokenizer: train, vocabulary: 300}}
train:
  {{steps: 8, batch_size: 8, learning_rate: 1e-2, precision: fp32, threads: 1, checkpoint_every: 2, validate_every: 4}}
evaluate: {{against: [baseline], latency_rows: 1, resamples: 100, max_tokens: 8}}
{extra}
"""


def write_sums(path: Path, rows: int = 120, start: int = 0) -> None:
    """A CSV of sums, every row different."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["question", "answer"])
        for index in range(start, start + rows):
            a, b = index % 37, index // 3
            writer.writerow([f"{a} elma ile {b} armut toplam kaç meyve eder? ({index})", str(a + b)])


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Path]:
    """Makes a folder with data and recipe; returns the recipe's path. `extra` is more YAML."""

    def make(extra: str = "", rows: int = 120) -> Path:
        write_sums(tmp_path / "toplama.csv", rows)
        recipe = tmp_path / "recipe.yaml"
        recipe.write_text(RECIPE.format(extra=extra), encoding="utf-8")
        return recipe

    return make
