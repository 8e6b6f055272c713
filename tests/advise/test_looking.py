"""Listing, showing and clearing runs: nothing is changed but `old/`, and what cannot be read is said."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
from tokenizers import Tokenizer

from imbik.advise.gc import collect
from imbik.advise.runs import FOLDERS, find_run, listing, run_paths
from imbik.advise.show import funnel, newest_rows, sample_rows, stage_folder
from imbik.core.errors import LockedError, RunFolderError, UsageError
from imbik.core.files import remove, write_lines
from imbik.core.locks import writer_lock
from imbik.core.runfolder import RunFolder
from imbik.core.types import Completion, Message, Sample, Sensitivity, Task, Verdict
from imbik.evaluate.answers import Answer, Ran, keep
from imbik.evaluate.scores import SystemScores
from imbik.export.stage import ExportStage
from imbik.models.folder import tokenizer_hash
from imbik.models.logit_writer import LogitWriter
from imbik.models.logits import LogitRow, LogitSettings
from imbik.pipeline import STAGES
from small_runs import SmallRun


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SmallRun:
    """A finished small run without a report."""
    return SmallRun(tmp_path_factory.mktemp("looking"), rows=40)


def test_the_folders_are_the_pipelines_own() -> None:
    assert {stage.name: stage.folder for stage in STAGES} == FOLDERS


def test_a_run_is_found_by_path_name_and_recipe(made: SmallRun, monkeypatch: pytest.MonkeyPatch) -> None:
    home = made.run.path.parent
    recipe = home.parent / "recipe.yaml"
    for text in (str(made.run.path), "kucuk", str(recipe), str(recipe.parent)):
        assert find_run(text, home).path == made.run.path.resolve()
    monkeypatch.setenv("IMBIK_RUNS", str(home))
    assert find_run("kucuk").name == "kucuk"


def test_a_misspelt_run_names_the_one_that_was_meant(made: SmallRun, tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="did you mean 'kucuk'"):
        find_run("kucukk", made.run.path.parent)
    with pytest.raises(RunFolderError, match="there are no runs under"):
        find_run("kucuk", tmp_path)


def test_listing_says_what_cannot_be_read(made: SmallRun, tmp_path: Path) -> None:
    good = RunFolder(tmp_path / "yeni")
    good.create()
    newer = RunFolder(tmp_path / "newer")
    newer.create()
    (newer.path / ".imbik").write_text(json.dumps({"format": 99}))
    (tmp_path / "no-run").mkdir()
    found = {line.name: line for line in listing(tmp_path)}
    assert set(found) == {"yeni", "newer"}
    assert "newer imbik" in found["newer"].problem
    assert (found["yeni"].last_stage, found["yeni"].problem) == ("", "")
    done = listing(made.run.path.parent)
    assert [line.last_stage for line in done] == ["train"]
    assert list(run_paths(tmp_path / "absent")) == []


def test_the_funnel_balances(made: SmallRun) -> None:
    lines = funnel(made.run)
    assert [line.stage for line in lines] == ["tasks", "generate", "refine", "train"]
    assert all(line.books.balanced for line in lines)


def test_rows_of_each_stage(made: SmallRun) -> None:
    tasks = sample_rows(made.run, "tasks", 2)
    assert len(tasks) == 2
    assert "elma" in tasks[0].texts["user"]
    assert tasks[0].texts["known answer"]
    assert [row.id for row in newest_rows(made.run, 1)] == [sample_rows(made.run, "refine", 1)[0].id]
    assert stage_folder("3") == stage_folder("refine") == stage_folder("3_refined") == "3_refined"
    with pytest.raises(UsageError, match="did you mean 'refine'"):
        stage_folder("refin")
    with pytest.raises(RunFolderError, match="has not run"):
        sample_rows(made.run, "evaluate", 1)


def test_train_shows_every_variant_and_seed_with_steps_and_losses(made: SmallRun) -> None:
    (student,) = sample_rows(made.run, "train", 1)
    assert student.id == "student seed 1"
    assert student.texts["steps"] == "20"
    assert student.texts["last losses"] == "training 3.5000"


def test_capture_shows_rows_and_the_likeliest_tokens_of_the_first(made: SmallRun) -> None:
    weights = made.run.path / "6_student" / "student" / "seed-1" / "weights"
    settings = LogitSettings(teacher="t", tokenizer_hash=tokenizer_hash(weights), top_k=2)
    logprobs = np.log(np.array([[0.75, 0.25], [0.9, 0.1]], dtype=np.float32))
    ids = np.array([[65, 66], [67, 68]], dtype=np.uint32)
    try:
        LogitWriter(made.run.stage("5_logits"), settings).append([LogitRow(n, "h", ids, logprobs) for n in "ab"])
        first, second = sample_rows(made.run, "capture", 2)
    finally:
        remove(made.run.stage("5_logits"))
    tokens = Tokenizer.from_file(str(weights / "tokenizer.json"))
    assert first.texts["captured"] == second.texts["captured"] == "2 tokens at each of 2 positions"
    assert first.texts["position 1"] == f"{tokens.decode([65])!r} 75.0%, {tokens.decode([66])!r} 25.0%"
    assert "position 2" in first.texts
    assert "position 1" not in second.texts


def test_export_shows_size_hash_and_parity(tmp_path: Path) -> None:
    small = SmallRun(tmp_path, rows=40)
    small.stage(ExportStage())
    (shown,) = sample_rows(small.run, "export", 1)
    manifest = small.run.manifest("7_export")
    assert manifest is not None
    assert (shown.id, shown.texts["sha256"]) == ("safetensors", manifest.artifacts[0].sha256)
    assert "bytes" in shown.texts["size"]
    assert "the same first token at 100.0%" in shown.texts["parity"]


def test_evaluate_shows_every_systems_answer_and_wrong_ones_first(made: SmallRun) -> None:
    folder = made.run.stage("8_report")
    rows = [task.id for task, _ in made.tasks[:3]]
    ran = Ran(cost_to_run=SystemScores(), sensitivity=Sensitivity.PUBLIC)
    right = [Answer(id=row, set="test", seed=1, answer="9", scores={"accuracy": 1.0}) for row in rows]
    wrong = msgspec.structs.replace(right[2], answer="7", scores={"accuracy": 0.0})
    try:
        keep(folder, "student", [*right[:2], wrong], ran)
        keep(folder, "export:safetensors", right, ran)
        first, second = sample_rows(made.run, "evaluate", 2)
    finally:
        remove(folder)
    assert (first.id, first.mark, second.id, second.mark) == (rows[2], "test wrong", rows[0], "test right")
    assert "elma" in first.texts["asked"]
    assert first.texts["known answer"] == made.teacher.known[rows[2]]
    assert first.texts["student"] == "7 (wrong)"
    assert first.texts["export:safetensors"] == "9"


def test_at_least_one_of_each_reason_is_shown(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "r")
    run.create()
    folder = run.begin("3_refined", "h")
    write_lines(folder / "part-00000.jsonl", [])
    write_lines(
        folder / "rejected-00000.jsonl",
        [
            Sample(
                task=Task(id=f"{by}{n}", kind="qa", messages=()), teacher="t", number=0,
                completion=Completion(answer="5"), verdicts=(Verdict(by=by, keep=False, reason="no"),),
            )
            for by, count in (("answer", 6), ("leakage", 2), ("shape", 1), ("duplicates", 1))
            for n in range(count)
        ],
    )  # fmt: skip
    assert [row.id.partition("#")[0] for row in sample_rows(run, "refine", 3)] == [
        "answer0",
        "leakage0",
        "shape0",
        "duplicates0",
    ]
    six = [row.id.partition("#")[0] for row in sample_rows(run, "refine", 6)]
    assert six == ["answer0", "leakage0", "shape0", "duplicates0", "answer1", "leakage1"]
    assert sample_rows(run, "refine", 0) == []


def test_rejected_rows_come_with_their_reason_and_without_escapes(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "r")
    run.create()
    folder = run.begin("3_refined", "h")
    task = Task(id="1\x1b[2J", kind="qa", messages=(Message(role="user", content="soru \u202e\x1b[31m?"),))
    no = Verdict(by="answer", keep=False, reason="5 is not 7")
    sample = Sample(task=task, teacher="t", number=0, completion=Completion(answer="5"), verdicts=(no,))
    write_lines(folder / "part-00000.jsonl", [])
    write_lines(folder / "rejected-00000.jsonl", [sample])
    (shown,) = sample_rows(run, "refine", 5)
    assert shown.mark == "rejected"
    assert shown.texts["reason"] == "answer: 5 is not 7"
    text = shown.id + "".join(shown.texts.values())
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_gc_takes_old_and_nothing_else(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "r")
    run.create()
    for stage_hash in ("a", "b", "c"):
        (run.begin("2_answers", stage_hash) / "rows").write_text("x" * 100)
    kept = sorted(path for path in run.path.rglob("*") if path.is_file() and "old" not in path.parts)
    (said,) = collect([run], only_say=True)
    assert (run.path / "old").exists()
    (done,) = collect([run])
    assert said == done
    assert done.outputs == 2
    assert done.bytes >= 200
    assert not (run.path / "old").exists()
    assert [path for path in kept if not path.exists()] == []
    assert collect([run]) == []


def test_gc_waits_for_no_writer_and_follows_no_link(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "r")
    run.create()
    (tmp_path / "precious").mkdir()
    (run.path / "old").symlink_to(tmp_path / "precious")
    assert collect([run]) == []
    (run.path / "old").unlink()
    (run.path / "old").mkdir()
    with writer_lock(run.path), pytest.raises(LockedError):
        collect([run])
