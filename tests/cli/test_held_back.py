"""Rows that a column marks confidential stay here: forecast, run, show and exit code all say so."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.conftest import Imbik
from imbik.core.errors import ExitCode
from imbik.testing import FakeTeacher

RECIPE = """
name: karma
tasks: {{source: rows.csv, kind: math, sensitivity: gizlilik}}
teachers: {{uzak: {{use: openai, model: m, base_url: {url}}}}}
generate: {{max_tokens: 64}}
refine: [shape]
student: {{architecture: llama, hidden_size: 16, layers: 1, heads: 2, context: 128, vocabulary: 300}}
"""


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """120 sums, every other one marked confidential, for a teacher that nobody declared local."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("IMBIK_OPERATOR", raising=False)
    with (tmp_path / "rows.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["question", "answer", "gizlilik"])
        for n in range(120):
            writer.writerow([f"{n} elma ile 2 armut kaç eder?", n + 2, "public" if n % 2 else "confidential"])
    with FakeTeacher(lambda messages: "Topladım, bir daha topladım.\nCevap: 5") as teacher:
        path = tmp_path / "recipe.yaml"
        path.write_text(RECIPE.format(url=teacher.base_url), encoding="utf-8")
        yield path


def test_a_dry_run_counts_the_rows_that_no_teacher_may_see(imbik: Imbik, recipe: Path) -> None:
    ended = imbik("run", recipe, "--dry-run")
    assert ended.code == ExitCode.DONE
    assert "teacher calls: at most 60 " in ended.out
    assert "held back: about 60 of the rows" in ended.out
    assert "about 60 of 120 rows will be held back: column 'gizlilik' makes them confidential" in ended.out
    assert "in_process" in ended.out
    assert "sensitivity: public" not in ended.out
    imbik("run", recipe, "-q", "--until", "tasks")
    assert "teacher calls: at most 60 " in imbik("run", recipe, "--dry-run").out


def test_some_rows_held_back_end_with_their_own_code_after_all_is_done(imbik: Imbik, recipe: Path) -> None:
    ended = imbik("run", recipe, "--until", "refine")
    assert ended.code == ExitCode.BLOCKED
    counted = re.search(r"(\d+) of (\d+) were held back \((\d+) confidential by column 'gizlilik'\)", ended.out)
    assert counted is not None
    assert counted[1] == counted[3]
    assert f"held {counted[1]} answers back" in ended.err
    assert "imbik show runs/karma generate" in ended.err
    assert "may not go to http://127.0.0.1" in ended.out
    assert "(in_process, run)" in ended.out
    assert "operator's file" in ended.out
    assert "sensitivity: public" not in ended.out + ended.err
    again = imbik("run", recipe, "--until", "refine")
    assert "nothing changed" in again.out
    assert again.code == ExitCode.BLOCKED
    assert imbik("run", recipe, "--until", "tasks").code == ExitCode.DONE


def test_rows_held_back_are_shown_with_their_reason(imbik: Imbik, recipe: Path) -> None:
    imbik("run", recipe, "-q", "--until", "refine")
    shown = imbik("show", "karma", "generate").out
    assert "[answered]" in shown
    assert "[blocked]" in shown
    assert "confidential rows may not go to" in shown
    assert "Column 'gizlilik' marks them so" in shown
    assert "sensitivity: public" not in shown


def test_all_rows_held_back_by_a_column_are_not_to_be_made_public(imbik: Imbik, recipe: Path) -> None:
    rows = recipe.parent / "rows.csv"
    rows.write_text(rows.read_text(encoding="utf-8").replace(",public", ",special"), encoding="utf-8")
    ended = imbik("run", recipe, "--until", "refine")
    assert ended.code == ExitCode.BLOCKED
    assert "sensitivity: public" not in ended.out + ended.err
    assert "(in_process, run)" in ended.err
