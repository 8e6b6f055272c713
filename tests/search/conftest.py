"""A recipe whose learning rate is searched: sums for a model of a few thousand weights, no teacher."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

RECIPE = """
name: toplama
tasks: {{source: toplama.csv, kind: math, sensitivity: public, split: {{validation: 0.2, test: 0.2}}}}
generate: {{from: reference}}
student: {{architecture: llama, hidden_size: 16, layers: 1, heads: 2, context: 128, tokenizer: train, vocabulary: 300}}
train:
  steps: 4
  batch_size: 8
  learning_rate: {{low: 1e-3, high: 1e-1, log: true}}
  precision: fp32
  threads: 1
  validate_every: 2
evaluate: {{against: [baseline], latency_rows: 1, resamples: 100, max_tokens: 8}}
search: {{num_trials: 2, objectives: [{objective}], seed: 1}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Path]:
    """Makes a folder with data and recipe; returns the recipe's path."""

    def make(objective: str = "validation_loss") -> Path:
        with (tmp_path / "toplama.csv").open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["question", "answer"])
            for index in range(60):
                a, b = index % 17, index // 3
                writer.writerow([f"{a} elma ile {b} armut toplam kaç meyve eder? ({index})", str(a + b)])
        path = tmp_path / "recipe.yaml"
        path.write_text(RECIPE.format(objective=objective), encoding="utf-8")
        return path

    return make
