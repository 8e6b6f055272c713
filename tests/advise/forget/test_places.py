"""Every file that the stages write has its place in the list, and a finished run is erased and goes on as it should."""

from __future__ import annotations

from pathlib import Path

import pytest

from advise.forget.conftest import HERS
from imbik.advise.forget import work
from imbik.advise.forget.lineage import roots_verify
from imbik.advise.forget.places import How, files_of, how_of
from imbik.advise.forget.sweep import sweep
from imbik.advise.runs import listing, manifests
from imbik.advise.show import newest_rows, sample_rows
from imbik.cli.main import run_command
from imbik.core.errors import ExitCode, ImbikError
from imbik.core.files import read_lines
from imbik.core.runfolder import RunFolder, read_parts
from imbik.core.tombstones import PENDING, learned_erased
from imbik.core.types import Task
from imbik.pipeline import run as run_recipe
from imbik.privacy.person import Person
from imbik.tasks.rows import Quarantined

WHO = Person(["Ayşe Yılmaz"])
STAGES = ("tasks", "generate", "refine", "review", "capture", "train", "export", "evaluate")


def run_of(folder: Path) -> RunFolder:
    return RunFolder(folder / "runs" / "destek")


def test_no_stage_writes_a_file_that_the_list_does_not_name(trained: Path) -> None:
    found = list(files_of(run_of(trained).path))
    assert [str(item.path) for item in found if item.how is How.UNKNOWN] == []
    assert {item.how for item in found} >= {
        How.TASKS, How.SAMPLES, How.IDS, How.LOGITS, How.WEIGHTS, How.TOKENIZER, How.ANSWERS, How.REPORT, How.MANIFEST,
        How.REVIEWS, How.RECIPE, How.KEYED, How.REDACT,
    }  # fmt: skip


def test_the_roots_of_a_real_run_verify(trained: Path) -> None:
    assert roots_verify(run_of(trained)) == dict.fromkeys(STAGES, True)


@pytest.mark.parametrize(
    ("place", "how"),
    [
        ("2_answers/.round-003.jsonl", How.TURNED_AWAY),
        ("3_refined/.part-00000.jsonl.77.tmp", How.SCRAP),
        ("6_student/student/.weights.77.tmp/tokenizer.json", How.SCRAP),
        ("6_student/student/seed-1/checkpoints/step-0000002/weights.safetensors", How.WEIGHTS),
        ("6_student/student/seed-1/weights/tokenizer.json", How.TOKENIZER),
        ("7_export/onnx/model.onnx", How.WEIGHTS),
        ("8_report/answers/teacher_usta.jsonl", How.ANSWERS),
        ("data/hf/train/data-00000-of-00001.arrow", How.EXPORT),
        ("data/.hf.77.tmp/train.jsonl", How.SCRAP),
        ("exports.jsonl", How.REDACT),
        ("notes.txt", How.UNKNOWN),
    ],
)
def test_places(place: str, how: How) -> None:
    assert how_of(place) is how


def test_a_finished_run_without_her_goes_on(made: Path) -> None:
    run = run_of(made)
    before = sweep(run, WHO)
    assert {path.parent.name for path in before.hits} >= {"1_tasks", "2_answers", "3_refined", "4_reviewed"}
    done = work.forget(run, ["Ayşe Yılmaz"])
    assert done.receipt is not None
    assert sweep(run, WHO).hits == ()
    assert roots_verify(run) == dict.fromkeys(STAGES, True)
    assert listing(run.path.parent)[0].problem == ""
    for stage in STAGES:
        assert sample_rows(run, stage, 2)
    assert newest_rows(run, 3)
    page = (run.stage("8_report") / "report.html").read_text()
    assert not WHO.in_text(page)
    again = run_recipe(made / "recipe.yaml", runs=made / "runs")
    assert not again.changed
    assert manifests(run)["train"].erased == learned_erased(run.stage("6_student") / "student" / "seed-1") > 0
    assert {"6_student", "7_export"} <= {item.path.split("/")[1] for item in done.receipt.remains}


def test_asked_for_again_from_the_same_file_she_stays_out(made: Path) -> None:
    run = run_of(made)
    work.forget(run, ["Ayşe Yılmaz"])
    run_recipe(made / "recipe.yaml", runs=made / "runs", from_stage="tasks", until="tasks")
    assert len(list(read_parts(run.stage("1_tasks"), Task))) == 60 - len(HERS)
    kept_out = list(read_lines(run.stage("1_tasks") / "quarantine.jsonl", Quarantined))
    assert {item.reason for item in kept_out} == {"erased on request (KVKK art. 7)"}
    assert sorted(item.line for item in kept_out) == [number + 2 for number in HERS]
    books = manifests(run)["tasks"].books
    assert books.balanced
    assert books.rejected == len(HERS)


def test_a_student_that_learned_erased_rows_is_not_taken_over(made: Path) -> None:
    """With another seed in the recipe both are trained: the old one had learned her."""
    run = run_of(made)
    work.forget(run, ["Ayşe Yılmaz"])
    path = made / "recipe.yaml"
    path.write_text(path.read_text().replace("train: {", "train: {seeds: [1, 2], "))
    run_recipe(path, runs=made / "runs", until="train")
    assert [learned_erased(folder) for folder in sorted(run.stage("6_student").glob("student/seed-*"))] == [0, 0]
    assert manifests(run)["train"].erased == 0


def test_a_half_erased_run_is_not_run(made: Path) -> None:
    run = run_of(made)
    (run.path / PENDING).write_text("{}")
    with pytest.raises(ImbikError, match="an erasure of this run was interrupted"):
        run_recipe(made / "recipe.yaml", runs=made / "runs")


def test_from_the_command_line(made: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def imbik(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["imbik", "privacy", "forget", *words, "--runs", str(made / "runs")])
        code = run_command()
        told = capsys.readouterr()
        return code, told.out, told.err

    run = run_of(made)
    code, out, _ = imbik("destek", "--person", "Ayşe Yılmaz", "--dry-run")
    assert code == ExitCode.DONE
    assert "4 rows with all that was made of them" in out
    assert "rows.csv:5" in out
    assert "Ben Ayşe Yılmaz, 3." in out
    code, _, told = imbik("destek", "--person", "Ayşe Yılmaz")
    assert code == ExitCode.USAGE
    assert "--yes" in told
    assert sweep(run, WHO).hits
    (run.path / "notes.txt").write_text("Ayşe Yılmaz aradı")
    code, out, _ = imbik("destek", "--person", "Ayşe Yılmaz", "--yes")
    assert code == ExitCode.FAILED
    assert "destek/notes.txt: still names the person" in out
    assert "siparişim" not in out
    (run.path / "notes.txt").unlink()
    assert imbik("destek", "--person", "Ayşe Yılmaz", "--yes")[:2] == (
        ExitCode.DONE, "destek: nothing of this is in the run or in the answer store\n"
    )  # fmt: skip
    assert imbik("destek")[0] == ExitCode.USAGE
