"""A teacher that must be mended keeps only its own rows waiting, and the same command finishes them."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

import imbik
from imbik.advise.unfinished import unfinished
from imbik.core.errors import ExitCode, TeacherUnreachableError
from imbik.core.runfolder import RunFolder, read_parts
from imbik.core.types import Outcome, Sample
from imbik.evaluate.scores import read_scores
from imbik.testing import FakeTeacher, Rule

RECIPE = """
name: bekleyen
tasks: {{source: rows.csv, kind: math, sensitivity: gizlilik, split: {{validation: 0.1, test: 0.1}}}}
teachers:
  buyuk: {{use: openai, model: b, base_url: "{public}", concurrency: 4}}
  yerel: {{use: openai, model: y, base_url: "{other}", concurrency: 4}}
generate: {{teacher: {{public: buyuk, otherwise: yerel}}{more}}}
student: {{architecture: llama, hidden_size: 16, layers: 1, heads: 2}}
"""


def seven(_: Sequence[Mapping[str, str]]) -> str:
    return "3 + 4 = 7\nCevap: 7"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Rows of two sensitivities, and a word of the operator for the local teacher."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with (tmp_path / "rows.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["question", "answer", "gizlilik"])
        for number in range(80):
            level = "public" if number % 2 else "internal"
            writer.writerow([f"{number} numaralı kutuda 3 elma ile 4 armut var, kaç meyve eder?", "7", level])
    return tmp_path


def allow(folder: Path, port: int) -> None:
    """The operator's word for a teacher on this machine."""
    file = folder / "config" / "imbik" / "operator.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    entry = f"local: [{{host: 127.0.0.1, ports: [{port}], attestation: the test's own server}}]\n"
    file.write_text(entry, encoding="utf-8")


def run(folder: Path) -> object:
    return imbik.run(folder / "recipe.yaml", runs=folder / "runs", until="generate")


def outcomes(folder: Path) -> Counter[tuple[str, Outcome]]:
    samples = read_parts(folder / "runs" / "bekleyen" / "2_answers", Sample)
    return Counter((sample.teacher, sample.completion.outcome) for sample in samples)


@pytest.mark.parametrize("more", ["", ", temperature: 0.7, samples: {min: 1, max: 3, until: agreement, lead: 1}"])
def test_a_revoked_key_pauses_its_teacher_only_and_the_same_command_goes_on(folder: Path, more: str) -> None:
    revoked = [Rule("none", times=10), Rule("401")]
    with FakeTeacher(seven, rules=revoked) as public, FakeTeacher(seven) as other:
        allow(folder, other.port)
        text = RECIPE.format(public=public.base_url, other=other.base_url, more=more)
        (folder / "recipe.yaml").write_text(text, encoding="utf-8")
        with pytest.raises(TeacherUnreachableError, match="teacher 'buyuk' refuses") as error:
            run(folder)
        assert error.value.exit_code is ExitCode.UNREACHABLE
        found = outcomes(folder)
        local = found["yerel", Outcome.ANSWERED]
        assert found["buyuk", Outcome.ANSWERED] == 10
        assert found["buyuk", Outcome.PENDING] > 15
        assert local > 25
        assert RunFolder(folder / "runs" / "bekleyen").manifest("2_answers") is None
        lines = (folder / "runs" / "bekleyen" / "events.jsonl").read_text(encoding="utf-8").splitlines()
        events = [json.loads(line) for line in lines]
        (told,) = [event for event in events if event.get("status") == "pending"]
        assert told["pending"] == found["buyuk", Outcome.PENDING]
        assert told["rows_in"] == found.total()
        stopped = unfinished(RunFolder(folder / "runs" / "bekleyen"))
        assert stopped is not None
        assert (stopped.stage, stopped.books.pending) == ("generate", found["buyuk", Outcome.PENDING])
        assert (stopped.books.rows_out, stopped.books.rows_in) == (10 + local, found.total())
        assert f"{10 + local} of {found.total()} are answered, {told['pending']} are pending" in stopped.said
        assert f"imbik run {folder / 'runs' / 'bekleyen'}" in stopped.said
        public.set_rules()
        public.reset()
        other.reset()
        run(folder)
        assert unfinished(RunFolder(folder / "runs" / "bekleyen")) is None
        assert public.count == found["buyuk", Outcome.PENDING]
        assert other.count == 0
        assert set(outcomes(folder)) == {("buyuk", Outcome.ANSWERED), ("yerel", Outcome.ANSWERED)}


def test_a_key_that_never_worked_is_said_at_once_where_there_is_nobody_else(folder: Path) -> None:
    with FakeTeacher(rules=[Rule("401")]) as teacher:
        text = RECIPE.format(public=teacher.base_url, other=teacher.base_url, more="")
        text = text.replace("{public: buyuk, otherwise: yerel}", "buyuk").replace(
            "sensitivity: gizlilik", "sensitivity: public"
        )
        (folder / "recipe.yaml").write_text(text, encoding="utf-8")
        with pytest.raises(TeacherUnreachableError, match="teacher 'buyuk' refuses"):
            run(folder)
    assert teacher.count <= 8
    assert outcomes(folder).total() == 0


def test_answers_behind_a_pending_row_are_counted_where_there_is_nobody_else(folder: Path) -> None:
    """The key dies while the first row is still under way: later ones are stored, and 0 of N would be wrong."""
    rules = [Rule("500", times=1), Rule("none", times=6), Rule("401")]
    with FakeTeacher(seven, rules=rules) as teacher:
        text = RECIPE.format(public=teacher.base_url, other=teacher.base_url, more="")
        text = text.replace("{public: buyuk, otherwise: yerel}", "buyuk").replace(
            "sensitivity: gizlilik", "sensitivity: public"
        )
        (folder / "recipe.yaml").write_text(text, encoding="utf-8")
        with pytest.raises(TeacherUnreachableError, match="teacher 'buyuk' refuses"):
            run(folder)
        assert outcomes(folder)["buyuk", Outcome.ANSWERED] == 6
        stopped = unfinished(RunFolder(folder / "runs" / "bekleyen"))
        assert stopped is not None
        assert (stopped.books.rows_out, stopped.books.pending) == (6, 66)


def test_a_key_revoked_while_the_teacher_is_measured_does_not_lose_the_students_evaluation(folder: Path) -> None:
    with FakeTeacher(seven) as teacher:
        text = RECIPE.format(public=teacher.base_url, other=teacher.base_url, more=", max_tokens: 32")
        text = text.replace("{public: buyuk, otherwise: yerel}", "buyuk").replace(
            "sensitivity: gizlilik", "sensitivity: public"
        )
        quick = "refine: []\ntrain: {epochs: 1}\nexport: []\n"
        measured = "evaluate: {latency_rows: 0, resamples: 100, against: [teacher]}\n"
        (folder / "recipe.yaml").write_text(text + quick + measured, encoding="utf-8")
        imbik.run(folder / "recipe.yaml", runs=folder / "runs", until="train")
        teacher.reset()
        teacher.set_rules(Rule("none", times=3), Rule("401"))
        with pytest.raises(TeacherUnreachableError, match="teacher 'buyuk' refuses") as error:
            imbik.run(folder / "recipe.yaml", runs=folder / "runs")
        assert error.value.exit_code is ExitCode.UNREACHABLE
        made = RunFolder(folder / "runs" / "bekleyen")
        assert made.manifest("8_report") is None
        for name in ("report.md", "report.html"):
            page = (made.path / "8_report" / name).read_text(encoding="utf-8")
            assert "score is pending: 5 of 8 held-out rows are still to be put to it" in page
            assert "refuses" in page
            assert "The student reaches" in page
            assert "kept of the teacher" not in page.lower()
        scores = read_scores(made)
        assert scores is not None
        assert scores.systems["student"].metrics["accuracy"].n == 8
        assert not scores.systems["teacher"].metrics, "three answers are no score of the teacher"
        before = (made.path / "8_report" / "answers" / "student.json").stat().st_mtime_ns
        teacher.set_rules()
        teacher.reset()
        imbik.run(folder / "recipe.yaml", runs=folder / "runs")
    assert teacher.count == 5, "only what was pending is asked"
    assert (made.path / "8_report" / "answers" / "student.json").stat().st_mtime_ns == before
    assert made.manifest("8_report") is not None
    scores = read_scores(made)
    assert scores is not None
    assert scores.systems["teacher"].metrics["accuracy"].n == 8
    assert "pending:" not in (made.path / "8_report" / "report.md").read_text(encoding="utf-8")
