"""What would be erased is counted first: an everyday word that is also a name takes nobody's rows unasked."""

from __future__ import annotations

from pathlib import Path

import pytest

from erasekit import lay
from imbik.advise.forget import told
from imbik.advise.forget.matches import MANY, matches
from imbik.advise.forget.plan import look
from imbik.cli.main import run_command
from imbik.core.errors import ExitCode
from imbik.core.runfolder import RunFolder, read_parts, write_parts
from imbik.core.types import Message, Task, TextReference
from imbik.privacy.person import Person


def row(number: int, text: str, answer: str = "tamam", **fields: str) -> Task:
    return Task(
        id=f"r{number}",
        kind="qa",
        messages=(Message(role="user", content=text),),
        reference=TextReference(text=answer),
        fields=fields,
    )


APPLES = [row(n, f"{n} elma kaç lira?", "Elma 5 lira" if n < 3 else "5 lira") for n in range(40)]
HERS = [row(50, "Elma Yılmaz aradı", müşteri="Elma"), row(51, "Yılmaz Elma'nın siparişi")]


def test_rows_are_counted_by_name_and_by_field() -> None:
    found = matches(Person(["Elma", "Elma Yılmaz"]), [*APPLES, *HERS], further=2)
    assert [(item.text, item.rows, item.word, item.doubtful) for item in found.given] == [
        ("Elma", 42, True, True),
        ("Elma Yılmaz", 2, False, False),
    ]
    assert found.fields == (("question", 42), ("known answer", 3), ("column 'müşteri'", 1))
    assert [item.places for item in found.doubtful] == [44]


@pytest.mark.parametrize("count", [MANY, MANY + 1])
def test_a_single_word_is_doubted_where_it_stands_in_many_rows(count: int) -> None:
    found = matches(Person(["ELMA"]), APPLES[:count], further=0)
    assert bool(found.doubtful) == (count > MANY)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run with apples in many of its rows."""
    laid = lay(tmp_path / "runs")
    rows = [*read_parts(laid.stage("1_tasks"), Task), *APPLES]
    write_parts(laid.stage("1_tasks"), iter(rows))
    return laid


@pytest.mark.parametrize(("typed", "gone"), [("y", False), ("evet", False), ("", False), ("41", False), ("40", True)])
def test_at_a_terminal_the_number_must_be_typed(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], typed: str, gone: bool
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda question: print(question) or typed)
    monkeypatch.setattr(
        "sys.argv", ["imbik", "privacy", "forget", "destek", "--person", "Elma", "--runs", str(run.path.parent)]
    )
    run_command()
    said = capsys.readouterr().out
    assert "found in question (40 rows), known answer (3 rows)" in said
    assert "'Elma' is a single word and stands in 40 rows and answers" in said
    assert "type the number of rows and answers (40)" in said
    left = [task.id for task in read_parts(run.stage("1_tasks"), Task)]
    assert ("r0" not in left) == gone
    assert ("nothing was erased" in said) != gone


def test_scripts_are_not_asked_and_their_logs_hold_no_name(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["imbik", "privacy", "forget", "destek", "--person", "Elma", "--yes", "--runs", str(run.path.parent)]
    monkeypatch.setattr("sys.argv", words)
    assert run_command() == ExitCode.DONE
    said = capsys.readouterr().out
    assert "--person number 1 is a single word and stands in 40 rows and answers" in said
    assert "elma" not in said.lower()
    assert "r0" not in [task.id for task in read_parts(run.stage("1_tasks"), Task)]


def test_an_exact_name_is_asked_as_before(run: RunFolder) -> None:
    plan = look(run, Person(["Ayşe Yılmaz"]), frozenset())
    assert not plan.matches.doubtful
    assert told.question(plan)[1] >= {"y", "evet"}
    assert not any(line.startswith("!") for line in told.of_plan(plan, excerpts=True))
