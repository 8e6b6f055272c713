"""Several adapters over one base in one run: each with its rows, its scores, and a way to talk to it."""

from __future__ import annotations

import csv
import json
import sys
from io import StringIO
from pathlib import Path

import pytest

from cli.conftest import Imbik
from imbik.core import students
from imbik.core.files import file_digest, read_json, read_lines
from imbik.core.runfolder import RunFolder
from imbik.evaluate.answers import Answer
from imbik.evaluate.scores import read_scores
from imbik.recipe import load_recipe
from imbik.tasks.adapters import adapters_of
from imbik.tasks.read import read_tasks
from imbik.train.course import TrainingRecord

RECIPE = """
name: apart
tasks:
  source: rows.csv
  kind: math
  sensitivity: public
  columns: {tags: etiketler}
  split: {validation: 0.1, test: 0.3}
generate: {from: reference, max_tokens: 4}
student: {model: "embedded:base"}
train:
  method: {use: lora, r: 2}
  steps: 12
  batch_size: 8
  precision: fp32
  threads: 1
  adapters: {toplama: {tags: [toplama]}, cikarma: {tags: [çıkarma]}, rest: {}}
export: []
evaluate: {against: [baseline], latency_rows: 1, resamples: 100}
"""


def write_rows(folder: Path) -> None:
    with (folder / "rows.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["question", "answer", "etiketler"])
        for number in range(120):
            left, right, sort = number // 10 + 2, number % 10 + 1, number % 3
            word, answer = [("artı", left + right), ("eksi", left - right), ("kere", left * right)][sort]
            writer.writerow([f"{left} {word} {right} kaç eder?", answer, ["toplama;kolay", "çıkarma", ""][sort]])


@pytest.fixture
def run(imbik: Imbik, tmp_path: Path) -> RunFolder:
    write_rows(tmp_path)
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    ended = imbik("run", "recipe.yaml")
    assert ended.code == 0, ended.err
    return RunFolder(tmp_path / "runs" / "apart")


def test_adapters_of_one_run(run: RunFolder, imbik: Imbik, monkeypatch: pytest.MonkeyPatch) -> None:
    """One run, looked at from all sides: making it costs seconds."""
    names = ["toplama", "cikarma", "rest"]
    assert students.adapters(run) == names
    records = {
        name: read_json(students.trained(run, students.variant_of(name), 1) / "training.json", TrainingRecord)
        for name in ["", *names]
    }
    assert sum(records[name].rows for name in names) == records[""].rows, "every row has one adapter here"
    for name in names:
        own = records[name]
        assert own.planned_steps == -(-round(12 * 8 * own.rows / records[""].rows) // 8), "as often as the student"
    bases = {students.best_weights(run, name) / "base.json" for name in ["", *names]}
    assert len({path.read_text(encoding="utf-8") for path in bases}) == 1, "one base under all of them"
    _scores(run)
    _used(run, imbik, monkeypatch)
    _changed(run, imbik)


def _scores(run: RunFolder) -> None:
    scores, tasks = read_scores(run), {task.id: task for task, name in read_tasks(run) if name == "test"}
    assert scores is not None
    claims = load_recipe(run.path / "recipe.yaml").train.adapters
    assert {task.tags for task in tasks.values()} == {("toplama", "kolay"), ("çıkarma",), ()}
    answered = 0
    for name in ("toplama", "cikarma", "rest"):
        rows = list(read_lines(run.path / "8_report" / "answers" / f"adapter_{name}.jsonl", Answer))
        assert {row.id for row in rows} == {key for key, task in tasks.items() if name in adapters_of(claims, task)}
        metric = scores.systems[f"adapter:{name}"].metrics["accuracy"]
        assert metric.n == len(rows)
        assert scores.paired[f"adapter:{name}-student"]["accuracy"].n == len(rows)
        answered += len(rows)
    assert answered == len(tasks)
    report = (run.path / "8_report" / "report.md").read_text(encoding="utf-8")
    assert "adapter:toplama − student" in report
    assert f"(adapter:toplama: {scores.systems['adapter:toplama'].metrics['accuracy'].n} of them" in report


def _used(run: RunFolder, imbik: Imbik, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = "3 artı 4 kaç eder?"
    typed = f"{asked}\n/adapter toplama\n{asked}\n/adapter yok\n/adapter\n{asked}\n"
    monkeypatch.setattr(sys, "stdin", StringIO(typed))
    said = imbik("chat", run.path)
    assert [part.split(" (")[0] for part in said.out.split("> ") if " (" in part] == [
        "student", "adapter:toplama", "student",
    ]  # fmt: skip
    assert "adapters: toplama, cikarma, rest" in said.err
    assert "no adapter 'yok'; known names: toplama, cikarma, rest" in said.err
    alone = imbik("chat", run.path, asked, "--adapter", "cikarma")
    assert alone.out.startswith("adapter:cikarma (")
    assert imbik("predict", run.path, "rows.csv", "-o", "auto.csv", "--adapter", "auto").code == 0
    for name, place in (("toplama", 0), ("cikarma", 1), ("rest", 2)):
        assert imbik("predict", run.path, "rows.csv", "-o", f"{name}.csv", "--adapter", name).code == 0
        mine, routed = _rows(Path(f"{name}.csv")), _rows(Path("auto.csv"))
        assert mine[place::3] == routed[place::3]
    wrong = imbik("predict", run.path, "rows.csv", "-o", "x.csv", "--adapter", "toplma")
    assert wrong.code != 0
    assert "did you mean 'toplama'?" in wrong.err
    assert "adapter-toplama seed 1" in imbik("show", run.path, "train").out


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _changed(run: RunFolder, imbik: Imbik) -> None:
    """An adapter taken out leaves the student and the other adapters as they were trained."""
    (run.path.parents[1] / "recipe.yaml").write_text(RECIPE.replace(", rest: {}", ""), encoding="utf-8")
    weights = file_digest(students.best_weights(run) / "adapter" / "adapter_model.safetensors")
    ended = imbik("run", "recipe.yaml")
    assert ended.code == 0, ended.err
    for name in ("student", "adapter-toplama", "adapter-cikarma"):
        assert f"{name} seed 1 was trained before" in ended.out
    assert students.adapters(run) == ["toplama", "cikarma"]
    assert file_digest(students.best_weights(run) / "adapter" / "adapter_model.safetensors") == weights
    told = json.loads((run.path / "8_report" / "scores.json").read_text(encoding="utf-8"))
    assert "adapter:rest" not in told["systems"]


def test_an_adapter_without_rows_says_so(imbik: Imbik, tmp_path: Path) -> None:
    write_rows(tmp_path)
    text = RECIPE.replace("tags: [toplama]", "tags: [toplma]")
    (tmp_path / "recipe.yaml").write_text(text, encoding="utf-8")
    ended = imbik("run", "recipe.yaml")
    assert ended.code != 0
    assert "no training row is for adapter 'toplama'" in ended.err
    assert "tasks.columns" in ended.err
    full = imbik("run", "recipe.yaml", "--set", "train.method=full")
    assert "there are no adapters beside it" in full.err
