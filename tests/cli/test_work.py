"""The working verbs on real small runs: own data in two commands, then chat, predict, show, diagnose, gc."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from cli.conftest import LABELS, Imbik
from imbik.core.errors import ExitCode


def test_own_data_in_two_commands(trained: Path, imbik: Imbik) -> None:
    report = trained / "runs" / "my-run" / "8_report"
    assert (report / "report.html").exists()
    scores = json.loads((report / "scores.json").read_text())
    assert {"student", "baseline", "tfidf"} <= set(scores["systems"])
    listed = imbik("ls", "--runs", trained / "runs").out
    assert "my-run" in listed
    assert "accuracy" in listed


def test_the_recipe_is_commented_and_confidential_by_default(trained: Path) -> None:
    text = (trained / "my-run" / "recipe.yaml").read_text()
    assert "# sensitivity: public" in text
    assert "# teachers:" in text
    assert 'columns: {prompt: "mesaj", label: "etiket"}' in text
    assert "language: tr" in text
    written = (trained / "runs" / "my-run" / "recipe.yaml").read_text()
    assert "sensitivity: confidential" in written


def test_init_overwrites_nothing(trained: Path, imbik: Imbik, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained)
    ended = imbik("init", "my-run", "--from", "messages.csv")
    assert ended.code == ExitCode.USAGE
    assert "is there already" in ended.err


def test_the_same_run_again_is_current(trained: Path, imbik: Imbik, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained)
    ended = imbik("run", "runs/my-run")
    assert ended.code == ExitCode.DONE
    assert "nothing changed, nothing was done" in ended.out
    assert "next: imbik chat runs/my-run" in ended.out


def test_a_dry_run_says_what_would_be_done(trained: Path, imbik: Imbik, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained)
    ended = imbik("run", "runs/my-run", "--dry-run", "--set", "train.steps=20")
    assert "refine    current" in ended.out
    assert "train     planned" in ended.out
    for word in ("time: about", "memory: about", "disk: about"):
        assert word in ended.out
    assert "would be done" in imbik("run", "runs/my-run", "--dry-run").out


def test_chat_answers_one_of_the_labels(trained: Path, imbik: Imbik) -> None:
    ended = imbik("chat", trained / "runs" / "my-run", "kargo nerede kaldı")
    assert ended.code == ExitCode.DONE
    assert ended.out.startswith("student (")
    assert any(label in ended.out for label in LABELS)


def test_chat_line_by_line(trained: Path, imbik: Imbik, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("kargo\n\niade \x1b[2J\n"))
    ended = imbik("chat", trained / "runs" / "my-run")
    assert ended.code == ExitCode.DONE
    assert ended.out.count("student (") == 2
    assert "\x1b" not in ended.out
    shown = [line.strip() for line in ended.err.splitlines() if line.startswith("  ")]
    rows = (trained / "messages.csv").read_text(encoding="cp1254")
    assert len(shown) == 2
    assert all(text in rows for text in shown)


def test_chat_with_a_teacher_that_is_not_there(trained: Path, imbik: Imbik) -> None:
    ended = imbik("chat", trained / "runs" / "my-run", "a", "--with", "teacher")
    assert ended.code == ExitCode.USAGE
    assert "run 'my-run' has no teacher" in ended.err


def test_predict_keeps_every_row_and_says_what_is_wrong(trained: Path, imbik: Imbik, tmp_path: Path) -> None:
    rows = "mesaj;not;answer\nİade istiyorum;1;x\n;2;\nkargo nerede;3;\n"
    (tmp_path / "in.csv").write_text(rows, encoding="utf-8")
    ended = imbik("predict", trained / "runs" / "my-run", "in.csv", "-o", "out.csv")
    assert ended.code == ExitCode.DONE
    assert "3 rows, 1 with a problem" in ended.out
    assert "confidential" in ended.out
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as stream:
        found = list(csv.DictReader(stream))
    assert [row["mesaj"] for row in found] == ["İade istiyorum", "", "kargo nerede"]
    assert [row["answer"] for row in found] == ["x", "", ""]
    assert [row["student_answer"] in LABELS for row in found] == [True, False, True]
    assert "the question is empty" in found[1]["problem"]
    assert 0 < float(found[0]["confidence"]) <= 1
    assert oct((tmp_path / "out.csv").stat().st_mode & 0o777) == "0o600"


def test_predict_says_how_private_the_answers_are_and_why(trained: Path, imbik: Imbik, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("mesaj\nkargo\n", encoding="utf-8")
    ended = imbik("predict", trained / "runs" / "my-run", "in.csv", "-o", "out.csv", "-q", "--sensitivity", "special")
    assert "out.csv: 1 row; the answers are special (the student is " in ended.out
    assert "your rows are special" in ended.out


def test_predict_from_and_to_json_lines(trained: Path, imbik: Imbik, tmp_path: Path) -> None:
    lines = [{"mesaj": "ödeme", "extra": [1, 2]}, {"mesaj": "kargo"}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + "{broken\n")
    ended = imbik("predict", trained / "runs" / "my-run", "in.jsonl", "-o", "out.jsonl", "-q")
    assert ended.code == ExitCode.DONE
    found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert len(found) == 3
    assert found[0]["extra"] == [1, 2]
    assert found[1]["answer"] in LABELS
    assert found[2]["problem"]
    again = imbik("predict", trained / "runs" / "my-run", "in.jsonl", "-o", "out.csv", "-q")
    assert again.code == ExitCode.DONE
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as stream:
        assert [row["extra"] for row in csv.DictReader(stream)] == ["[1,2]", "", ""]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["in.csv", "-o", "out.xlsx"], "are written as .csv"),
        (["in.csv", "-o", "in.csv"], "would replace the rows"),
        (["absent.csv", "-o", "out.csv"], "there is no such file"),
    ],
)
def test_predict_refuses_what_it_cannot_do(
    trained: Path, imbik: Imbik, tmp_path: Path, words: list[str], said: str
) -> None:
    (tmp_path / "in.csv").write_text("mesaj\nkargo\n")
    ended = imbik("predict", trained / "runs" / "my-run", *words)
    assert ended.code == ExitCode.USAGE
    assert said in ended.err
    assert ended.out == "", "nothing is begun"
    assert (tmp_path / "in.csv").read_text() == "mesaj\nkargo\n"


def test_show_prints_the_funnel_and_rows(trained: Path, imbik: Imbik) -> None:
    out = imbik("show", trained / "runs" / "my-run", "-n", 1).out
    for stage in ("tasks", "generate", "refine", "train", "export", "evaluate"):
        assert stage in out
    assert "answer:" in out
    assert "known answer" in imbik("show", trained / "runs" / "my-run", "tasks", "-n", 1).out


def test_nothing_left_this_machine(trained: Path, imbik: Imbik) -> None:
    ended = imbik("privacy", "prove", trained / "runs" / "my-run")
    assert ended.code == ExitCode.DONE
    assert "Nothing left this machine" in ended.out


def test_diagnose_speaks_of_the_run(trained: Path, imbik: Imbik) -> None:
    ended = imbik("diagnose", trained / "runs" / "my-run")
    assert ended.code == ExitCode.DONE
    assert "--set" in ended.out or "nothing wrong" in ended.out


def test_gc_removes_what_was_replaced(trained: Path, imbik: Imbik, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained)
    ended = imbik("run", "runs/my-run", "-q", "--from", "evaluate")
    assert ended.code == ExitCode.DONE
    assert "1 old output," in imbik("gc", "--dry-run").out
    assert "freed" in imbik("gc", "my-run").out
    assert imbik("gc").out == "nothing to remove\n"


def test_review_needs_a_recipe_that_asks_experts(trained: Path, imbik: Imbik) -> None:
    ended = imbik("review", trained / "runs" / "my-run")
    assert ended.code == ExitCode.USAGE
    assert "review: {sample" in ended.err
