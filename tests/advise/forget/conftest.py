"""A recipe run for real, small, with a person in its rows."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest

from imbik.core.types import Sensitivity
from imbik.pipeline import run as run_recipe
from imbik.testing.tiny_models import make_model

LABELS = ("iade", "kargo", "ödeme")
HERS = {3: "Ben Ayşe Yılmaz, ", 11: "AYŞE YILMAZ'ın ", 40: "ayse yilmaz adına ", 55: "Ays\u0327e Yılmaz, "}
RECIPE = """
name: destek
tasks: {source: rows.csv, kind: classification, sensitivity: internal, split: {validation: 0.1, test: 0.3}}
teachers: {usta: {use: in_process, model: ./usta}}
generate: {max_tokens: 8}
refine: [{use: shape}]
review: {sample: 0.5}
capture: {teacher: usta, top_k: 4}
student: {architecture: llama, hidden_size: 16, layers: 1, heads: 2, context: 256, tokenizer: teacher}
train: {steps: 4, threads: 1, precision: fp32, batch_size: 4, losses: [{use: forward_kl}], checkpoint_every: 2}
evaluate: {resamples: 100, latency_rows: 1, against: [teacher]}
"""


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with rows, a recipe and its finished run."""
    folder = tmp_path_factory.mktemp("erase")
    with (folder / "rows.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["text", "label"])
        for number in range(60):
            label = LABELS[number % 3]
            writer.writerow([f"{HERS.get(number, '')}{number}. siparişim için {label} hakkında yardım", label])
    texts = [(folder / "rows.csv").read_text(encoding="utf-8")]
    make_model(folder / "usta", texts=texts, vocabulary=400, sensitivity=Sensitivity.INTERNAL)
    (folder / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    run_recipe(folder / "recipe.yaml", runs=folder / "runs")
    return folder


@pytest.fixture
def made(trained: Path, tmp_path: Path) -> Path:
    """A copy of it to erase from."""
    folder = tmp_path / "copy"
    shutil.copytree(trained, folder)
    return folder
