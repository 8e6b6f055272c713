"""What comes of people's comparisons: figures, where they are told, and files."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from comparekit import PAIR, prefer, said_by_all
from imbik.advise.comparing import close_comparisons, hand_out_preferences, results, told_comparisons
from imbik.core.errors import RunFolderError, UsageError
from imbik.core.runfolder import RunFolder
from imbik.evaluate.findings import Preferred
from imbik.evaluate.pages import write_report
from imbik.evaluate.report import html_page, markdown_page
from imbik.evaluate.words import notes
from imbik.pipeline.people import judged_pairs
from imbik.review.contest import contests, sign_test, told_contests
from imbik.review.duels import duels
from imbik.review.preferences import preferences_of
from imbik.review.store import add_verdicts, close, reviews_path
from made_findings import made_findings
from reviewkit import answer, compare_run


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return compare_run(tmp_path, said_by_all(12))


def test_figures_by_hand(run: RunFolder) -> None:
    """9 wins, 2 losses, a tie: 9.5 / 12; Wilson by the formula; sign test 2 (C(11,0) + C(11,1) + C(11,2)) / 2^11."""
    found = duels(run, PAIR)
    close(run)
    prefer(run, found, "teacher")
    prefer(run, found, "", rows=10)
    prefer(run, found, "student", rows=9)
    (item,) = contests(found, preferences_of(run))
    assert (item.one, item.other, item.wins, item.losses, item.ties, item.rows, item.people) == (*PAIR, 9, 2, 1, 12, 1)
    assert item.rate is not None
    assert item.rate.value == pytest.approx(9.5 / 12)
    assert (item.rate.low, item.rate.high) == (pytest.approx(0.5088, abs=1e-4), pytest.approx(0.9331, abs=1e-4))
    assert item.chance == pytest.approx(2 * (1 + 11 + 55) / 2**11)
    assert item.preferred == ""  # p = 0.065
    assert item.on_left is not None
    assert item.on_left.n == 11
    (line,) = told_contests([item])
    assert "79% of the time (95%: 51% to 93%, a tie counting half; sign test p = 0.065): no difference is shown" in line
    assert "12 verdicts of 1 people on 12 of 12 rows: 9 for student, 2 for teacher, 1 ties" in line


def test_the_sign_test_is_that_of_the_tables() -> None:
    assert sign_test(0, 0) is None
    assert sign_test(5, 5) == 1.0
    assert sign_test(6, 0) == pytest.approx(0.03125)
    assert sign_test(1, 9) == sign_test(9, 1) == pytest.approx(0.021484, abs=1e-6)
    assert sign_test(600, 400) == pytest.approx(2.7e-10, rel=0.1)


def test_rows_count_and_not_verdicts(run: RunFolder) -> None:
    """Three people who say the same of four rows are four rows, and the two sides of a split row cancel out."""
    found = duels(run, PAIR)
    close(run)
    for by in ("ayşe", "mehmet", "can"):
        prefer(run, found, "student", by=by, rows=4)
    (item,) = contests(found, preferences_of(run))
    assert item.rate is not None
    assert (item.wins, item.rows, item.rate.n, item.chance) == (12, 4, 4, pytest.approx(2 / 16))
    assert item.preferred == ""
    prefer(run, found, "teacher", by="can", rows=4)
    prefer(run, found, "", by="mehmet", rows=4)
    (item,) = contests(found, preferences_of(run))
    assert item.rate is not None
    assert (item.rate.value, item.chance) == (0.5, None)
    assert item.agreement is not None


def test_people_who_choose_places_are_found_out(run: RunFolder) -> None:
    found = duels(run, PAIR)
    close(run)
    prefer(run, found, "student", left="student")
    lines = list(told_contests(contests(found, preferences_of(run))))
    assert "people prefer student" in lines[0]
    assert lines[1] == "! 100% of 12 choices fell on the left: people chose places too"


def test_the_order_of_the_names_and_of_a_later_comparison_changes_nothing(run: RunFolder) -> None:
    close(run)
    prefer(run, duels(run, PAIR), "student")
    (item,) = contests(duels(run, PAIR[::-1]), preferences_of(run))
    assert (item.one, item.wins, item.losses) == ("teacher", 0, 12)
    assert item.preferred == "student"
    assert [(pair.one, pair.rows) for pair in judged_pairs(run)] == [("student", 12)]
    assert "nobody has compared any of 12 rows yet" in results(run, ["student", "baseline"], 100)[0]
    assert results(run, PAIR, 5)[0].startswith("student and teacher: student is preferred 100%")


def test_what_people_prefer_stands_in_the_report_and_goes_with_the_answers(run: RunFolder) -> None:
    close(run)
    assert told_comparisons(run) == []
    prefer(run, duels(run, PAIR), "student")
    with pytest.raises(RunFolderError, match="no report"):
        close_comparisons(run)
    write_report(run.stage("8_report"), made_findings())
    assert close_comparisons(run).startswith("1 comparison of people")
    page = (run.stage("8_report") / "report.md").read_text()
    assert "## What people prefer" in page
    assert "| student, teacher | 100.0% (75.8 to 100.0%) | 12, 0, 0 | 1 | 12 | 0 | people prefer student (sign" in page
    html = (run.stage("8_report") / "report.html").read_text()
    assert "What people prefer is not retention" in html
    assert "ayşe" not in html + page
    assert "people prefer student" in told_comparisons(run)[0]
    answer(run, [(task, {**said, "student": "başka"}) for task, said in said_by_all(12)])
    assert told_comparisons(run) == []
    write_report(run.stage("8_report"), made_findings())
    assert close_comparisons(run).startswith("0 comparisons")
    assert "What people prefer" not in (run.stage("8_report") / "report.md").read_text()


def test_a_hostile_name_of_a_system_is_text_in_the_report() -> None:
    score = contests_rate()
    item = Preferred("<b>x</b>|", "teacher", 12, 2, score, 12, 0, 0, on_left=score)
    found = made_findings()
    found = type(found)(**{**vars(found), "people": [item]})
    assert "<b>x</b>" not in html_page(found, [])
    assert "\\<b>x\\</b>\\|" in markdown_page(found)
    assert any("fell on the answer on the left" in note for note in notes(found))


def contests_rate() -> Any:
    from imbik.judge.calibration import wilson

    return wilson(12, 12)


def test_preferences_go_into_a_file_once(run: RunFolder, tmp_path: Path) -> None:
    close(run)
    prefer(run, duels(run, PAIR), "student", rows=2)
    prefer(run, duels(run, PAIR), "", by="mehmet", rows=1)
    path = tmp_path / "tercih.jsonl"
    assert hand_out_preferences(run, PAIR, 100, path) == f"3 preferences written to {path}"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert Counter((line["by"], line["prefers"]) for line in lines) == {("ayşe", "student"): 2, ("mehmet", "tie"): 1}
    assert {tuple(line["systems"]) for line in lines} == {PAIR}
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(UsageError, match="there already"):
        hand_out_preferences(run, PAIR, 100, path)


def test_a_file_of_verdicts_from_before_comparisons_is_taken_along(run: RunFolder) -> None:
    close(run)
    with sqlite3.connect(reviews_path(run)) as base:
        base.execute("DROP TABLE preferences")
        base.execute("PRAGMA user_version = 1")
    assert preferences_of(run) == {}
    add_verdicts(run, [])
    prefer(run, duels(run, PAIR), "student")
    assert len(preferences_of(run)) == 12
