"""An audition of students: who is right before training and after a little of it, and what each takes."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from imbik.advise.students import StudentCandidate, _licence, _ranked, audition_students
from imbik.cli.main import run_command
from imbik.core.errors import InputError, UsageError
from imbik.core.files import file_digest
from imbik.core.results import Score
from imbik.core.runfolder import RunFolder
from imbik.models.load import load_tokenizer
from imbik.pipeline import run
from imbik.tasks.read import read_tasks
from imbik.testing.tiny_models import make_model

RECIPE = """
name: hangisi
tasks:
  source: rows.csv
  kind: {use: classification, answer_as: text}
  sensitivity: public
  split: {validation: 0.3, test: 0.2}
teachers: {usta: {use: in_process, model: büyük}}
generate: {teacher: usta, max_tokens: 8, instruction: ''}
student: {model: küçük}
capture: {teacher: usta}
train: {losses: [forward_kl], learning_rate: 0.01, controls: [text_only], precision: fp32, threads: 1, batch_size: 8}
export: []
"""


def written(folder: Path, *, answers: bool = True, split: str = "") -> Path:
    with (folder / "rows.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["text", "label"])
        for number in range(80):
            colour = ("kırmızı", "mavi")[number % 2]
            writer.writerow([f"{number}. kutudaki {colour} top nerede?", colour if answers else ""])
    path = folder / "recipe.yaml"
    path.write_text(RECIPE.replace("validation: 0.3, ", split or "validation: 0.3, "), encoding="utf-8")
    make_model(folder / "küçük", hidden_size=16)
    make_model(folder / "büyük", hidden_size=64, heads=4, seed=3)
    (folder / "küçük" / "README.md").write_text("---\nlicense: apache-2.0\n---\n", encoding="utf-8")
    return path


def test_each_is_measured_before_and_after_and_what_cannot_be_says_why(tmp_path: Path) -> None:
    recipe, runs = written(tmp_path), tmp_path / "runs"
    (tmp_path / "boş").mkdir()
    names = ["küçük", "büyük", "boş", "yok-burada"]
    found = audition_students(recipe, names, rows=20, steps=30, runs=runs)
    assert (found.metric, found.rows, found.steps) == ("accuracy", 20, 30)
    assert not (runs / "answers.sqlite").exists(), "nobody was asked anything"
    assert found.learned_from == "the rows' own known answers"
    lines = {one.name: one for one in found.candidates}
    assert [one.name for one in found.candidates[2:]] == ["boş", "yok-burada"]
    for name in names[:2]:
        one = lines[name]
        assert one.zero_shot is not None
        assert one.tuned is not None
        assert one.zero_shot.low <= one.zero_shot.value <= one.zero_shot.high
        assert one.tuned.n == 20
        assert one.tokens_per_second
        assert one.latency_ms
        assert one.training_bytes
        assert one.training_bytes > (one.use_bytes or 0) > 0
        assert one.note == ""
    assert (lines["küçük"].parameters or 0) < (lines["büyük"].parameters or 0)
    assert (lines["küçük"].licence, lines["büyük"].licence) == ("apache-2.0", "")
    assert "no config.json" in lines["boş"].note
    assert "neither a folder" in lines["yok-burada"].note
    _words(found.candidates, tmp_path, runs)
    _again(recipe, names[:2], runs)


def _words(candidates: list[StudentCandidate], folder: Path, runs: Path) -> None:
    texts = [task.text for task, _ in read_tasks(RunFolder(runs / "hangisi"))]
    for one in candidates[:2]:
        tokens = sum(len(load_tokenizer(folder / one.name).encode(text, add_special_tokens=False)) for text in texts)
        assert one.tokens_per_word == pytest.approx(tokens / sum(len(text.split()) for text in texts))


def _again(recipe: Path, names: list[str], runs: Path) -> None:
    """The same audition trains nothing again; another number of steps trains anew."""
    weights = sorted((runs / "hangisi" / "trials").glob("*/6_student/student/seed-1/weights/model.safetensors"))
    assert len(weights) == 2
    before = [(path.stat().st_mtime_ns, file_digest(path)) for path in weights]
    audition_students(recipe, names, rows=20, steps=30, runs=runs)
    assert [(path.stat().st_mtime_ns, file_digest(path)) for path in weights] == before
    audition_students(recipe, names, rows=20, steps=5, runs=runs)
    assert all(file_digest(path) != sha for path, (_, sha) in zip(weights, before, strict=True))


def test_without_answers_or_validation_rows_it_says_what_to_do(tmp_path: Path) -> None:
    recipe = written(tmp_path, answers=False)
    with pytest.raises(InputError, match="nothing to learn from") as error:
        audition_students(recipe, ["küçük"], runs=tmp_path / "runs")
    assert "--until refine" in error.value.next
    (tmp_path / "b").mkdir()
    recipe = written(tmp_path / "b", split="validation: 0, ")
    with pytest.raises(InputError, match="validation rows"):
        audition_students(recipe, ["küçük"], runs=tmp_path / "b" / "runs")
    with pytest.raises(UsageError):
        audition_students(recipe, [], runs=tmp_path / "b" / "runs")


def test_kept_answers_are_learned_where_they_are_current(tmp_path: Path) -> None:
    recipe, runs = written(tmp_path), tmp_path / "runs"
    text = recipe.read_text(encoding="utf-8").replace("capture: {teacher: usta}\n", "")
    text = text.replace("generate: {teacher: usta, max_tokens: 8, instruction: ''}", "generate: {from: reference}")
    recipe.write_text(text.replace("forward_kl", "cross_entropy"), encoding="utf-8")
    run(recipe, runs=runs, until="refine")
    found = audition_students(recipe, ["küçük"], rows=10, steps=2, runs=runs)
    assert found.learned_from == "the run's kept answers"
    assert found.why == "nothing else was measured"


def test_of_those_that_cannot_be_told_apart_the_smallest_is_taken() -> None:
    draw = np.random.default_rng(1)
    good, alike, bad = (draw.random((1, 300)) < share for share in (0.82, 0.80, 0.2))
    scores = {"large": good.astype(float), "small": alike.astype(float), "tiny": bad.astype(float)}
    lines = [
        StudentCandidate(
            name=name,
            tuned=Score(value=float(values.mean()), low=0, high=1, n=300),
            use_bytes={"large": 30, "small": 20, "tiny": 10}[name],
        )
        for name, values in scores.items()
    ]
    ranked, chosen, why = _ranked(lines, scores)
    assert chosen == "small"
    assert "the smallest" in why
    assert [one.name for one in ranked][2] == "tiny"
    assert ranked[2].behind is not None
    assert ranked[2].behind.low > 0.5
    nothing = [StudentCandidate(name="a", tuned=Score(value=0, low=0, high=0.1, n=9))]
    assert _ranked(nothing, {"a": np.zeros((1, 9))})[1] == ""


def test_the_command_prints_a_table_or_json_and_wants_one_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path)
    monkeypatch.chdir(tmp_path)
    words = ["imbik", "audition", "recipe.yaml", "--students", "küçük", "-n", "10", "--steps", "2", "--quiet"]
    monkeypatch.setattr(sys, "argv", words)
    assert run_command() == 0
    out = capsys.readouterr().out
    assert "zero-shot" in out
    assert "apache-2.0" in out
    assert "10 validation rows" in out
    monkeypatch.setattr(sys, "argv", [*words, "--json"])
    assert run_command() == 0
    assert json.loads(capsys.readouterr().out)["candidates"][0]["name"] == "küçük"
    for wrong in (words[:3], [*words, "--teachers", "usta,usta"]):
        monkeypatch.setattr(sys, "argv", wrong)
        assert run_command() != 0
        assert "teachers, or students" in capsys.readouterr().err


def test_whose_licence_it_is_is_known_of_imbiks_own_and_of_famous_ones(tmp_path: Path) -> None:
    assert _licence("embedded:base", tmp_path) == "apache-2.0"
    assert _licence("microsoft/Phi-4-mini-instruct", tmp_path) == "mit"
    assert _licence("somebody/something", tmp_path) == ""
