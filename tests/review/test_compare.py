"""People compare systems: which answers are put to them, blindness over HTTP, figures, and where they are told."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from imbik.advise.comparing import close_comparisons, hand_out_preferences, results, systems_of, told_comparisons
from imbik.core.errors import RunFolderError, UsageError
from imbik.core.files import write_text
from imbik.core.runfolder import RunFolder
from imbik.core.types import Sensitivity, Task, Verdict
from imbik.evaluate.findings import Preferred
from imbik.evaluate.pages import write_report
from imbik.evaluate.report import html_page, markdown_page
from imbik.evaluate.words import notes
from imbik.pipeline.people import judged_pairs
from imbik.privacy.audit import read_audit, verify
from imbik.privacy.trust import config_folder
from imbik.review.contest import contests, sign_test, told_contests
from imbik.review.duels import Duels, compared, duels
from imbik.review.preferences import PREFERENCES, Preference, preferences_of
from imbik.review.store import add_verdicts, close, insert, reading, reviews_path, verdicts_of
from made_findings import made_findings
from reviewkit import Caller, Served, answer, compare_run, served_comparison
from stagekit import make_task

PAIR = ("student", "teacher")
SYSTEMS = [*PAIR, "baseline"]


def said_by_all(count: int, *, same: int = 0, **more: Any) -> list[tuple[Task, dict[str, str]]]:
    """Rows with three answers, on the first `same` of which student and teacher say the same word for word."""
    return [
        (
            make_task(f"s{n:02d}", **more),
            {
                "student": f"öğrenci {n}" if n >= same else f"ortak {n}",
                "teacher": f"usta {n}" if n >= same else f"ortak {n}",
                "baseline": f"ham {n}",
            },
        )
        for n in range(count)
    ]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return compare_run(tmp_path, said_by_all(12))


def prefer(
    run: RunFolder, found: Duels, system: str, by: str = "ayşe", rows: int | None = None, left: str = ""
) -> None:
    """A person's choice on the first rows, as the page saves it; '' is a tie."""
    with reading(run) as base:
        assert base is not None
        insert(
            base,
            [
                Preference(
                    content=duel.content, row=duel.task.id, pair=duel.pair, prefers=system,
                    left=left or duel.pair[index % 2], verdict=Verdict(by=by, keep=True),
                )
                for index, duel in enumerate(found.duels[:rows])
            ],
            PREFERENCES,
        )  # fmt: skip


def told(row: dict[str, Any], side: str) -> str:
    return "".join(node if isinstance(node, str) else "" for node in row[side]["answer"]["nodes"])


def asked(caller: Caller) -> dict[str, Any]:
    status, found = caller.ask("/api/next")
    assert status == 200
    return dict(found["row"])


def choice(row: dict[str, Any], prefers: str, **more: Any) -> dict[str, Any]:
    return {"content": row["content"], "previous": row["previous"], "prefers": prefers, **more}


def test_each_row_is_a_duel_of_the_first_system_with_every_other(run: RunFolder) -> None:
    found = duels(run, SYSTEMS)
    assert Counter(duel.pair for duel in found.duels) == {PAIR: 12, ("student", "baseline"): 12}
    assert compared(run) == ["baseline", "student", "teacher"]
    places = [duel.task.id for duel in found.duels]
    assert sum(one == other for one, other in pairwise(places)) < 6  # not one after the other
    few = duels(run, PAIR, 5)
    assert len(few.duels) == 5
    assert {duel.content for duel in few.duels} <= {duel.content for duel in found.duels}
    assert [duel.content for duel in duels(run, PAIR, 5).duels] == [duel.content for duel in few.duels]


def test_the_same_words_and_rows_that_one_was_not_asked_are_put_to_nobody_and_counted(tmp_path: Path) -> None:
    rows = said_by_all(6, same=2)
    del rows[5][1]["teacher"]
    found = duels(compare_run(tmp_path, rows), PAIR)
    assert {duel.task.id for duel in found.duels} == {"s02", "s03", "s04"}
    assert (found.same, found.unasked) == ({PAIR: 2}, {PAIR: 1})


@pytest.mark.parametrize(
    ("systems", "why"),
    [(["student"], "two systems"), (["student", "student"], "two systems"), (["student", "techer"], "teacher")],
)
def test_systems_that_are_none_are_refused(run: RunFolder, systems: list[str], why: str) -> None:
    with pytest.raises(UsageError) as raised:
        duels(run, systems)
    assert why in str(raised.value) + raised.value.next


def test_without_a_report_there_is_nothing_to_compare(run: RunFolder) -> None:
    run.retire("8_report")
    with pytest.raises(UsageError, match="no answers to compare yet"):
        duels(run, PAIR)
    assert systems_of(" student, teacher,") == [*PAIR]


def test_nothing_that_is_sent_says_who_answered(run: RunFolder) -> None:
    with served_comparison(run, SYSTEMS) as where:
        caller = Caller(where, where.link("ayşe"))
        sent = list[str]()
        for _ in range(24):
            row = asked(caller)
            sent += [json.dumps(row), json.dumps(caller.ask("/api/choose", choice(row, "tie"))[1])]
    assert len(preferences_of(run)) == 24
    for name in SYSTEMS:
        assert [text for text in sent if name in text] == []
    assert sum(told(json.loads(text), "left").startswith("usta") for text in sent[::2]) > 0  # control: it is looked at


def test_left_and_right_are_drawn_for_each_row_and_person_and_stay(run: RunFolder, tmp_path: Path) -> None:
    with served_comparison(run, PAIR) as where:
        seen = {name: sides(where, name) for name in ("ayşe", "mehmet")}
    with served_comparison(run, PAIR) as where:  # another server, the same lots
        assert seen == {name: sides(where, name, look=True) for name in seen}
    assert seen["ayşe"] != seen["mehmet"]
    assert all(0 < sum(found.values()) < 12 for found in seen.values())
    other = compare_run(tmp_path / "other", said_by_all(12))
    with served_comparison(other, PAIR) as where:  # the same rows, another run: its key draws anew
        assert sides(where, "ayşe") != seen["ayşe"]


def sides(where: Served, name: str, *, look: bool = False) -> dict[str, bool]:
    """Whether the student's answer is on the left, by row; rows are put aside, so that nobody has chosen."""
    caller, found = Caller(where, where.link(name)), dict[str, bool]()
    if look:
        caller.ask("/api/again")
    for _ in range(12):
        row = asked(caller)
        found[row["content"]] = told(row, "left").startswith("öğrenci")
        caller.ask("/api/skip", {"content": row["content"]})
    caller.ask("/api/leave")
    return found


def test_a_choice_is_saved_by_the_system_that_stood_there(run: RunFolder) -> None:
    with served_comparison(run, PAIR) as where:
        caller = Caller(where, where.link("ayşe"))
        for prefers in ("left", "right", "tie"):
            row = asked(caller)
            status, _ = caller.ask("/api/choose", choice(row, prefers, reason=" daha açık ", seconds=2.04))
            assert status == 200
            (given,) = preferences_of(run)[row["content"]]
            names = {
                side: "student" if told(row, side).startswith("öğrenci") else "teacher" for side in ("left", "right")
            }
            assert given.prefers == names.get(prefers, "")
            assert (given.left, given.verdict) == (names["left"], Verdict(by="ayşe", keep=True, reason="daha açık"))
            assert (given.row, given.pair, given.seconds) == (row_of(run, row["content"]), PAIR, 2.0)
    assert verdicts_of(run) == {}  # nothing here keeps or rejects a row


def row_of(run: RunFolder, content: str) -> str:
    return next(duel.task.id for duel in duels(run, PAIR).duels if duel.content == content)


def test_undo_skip_and_what_is_no_choice(run: RunFolder) -> None:
    with served_comparison(run, PAIR) as where:
        caller = Caller(where, where.link("ayşe"))
        row = asked(caller)
        assert caller.ask("/api/choose", choice(row, "student")) == (400, {"why": "request"})
        assert caller.ask("/api/choose", choice(row, "left", reason="x" * 4001)) == (422, {"why": "long"})
        assert caller.ask("/api/choose", {**choice(row, "left"), "content": "duel-0"}) == (409, {"why": "gone"})
        assert preferences_of(run) == {}
        caller.ask("/api/choose", choice(row, "left", reason="daha kısa"))
        status, found = caller.ask("/api/undo")
        assert (status, found["row"]["content"]) == (200, row["content"])
        assert found["row"]["said"] == {"prefers": "left", "reason": "daha kısa"}
        assert preferences_of(run) == {}
        assert found["progress"]["there"] == 0
        assert caller.ask("/api/decide", {"content": row["content"]})[0] == 404


def test_two_people_are_never_put_the_same_pair_unless_two_are_wanted(tmp_path: Path) -> None:
    for experts, times in ((1, 1), (2, 2)):
        text = "name: d\ntasks: {source: a.jsonl, kind: math}\nstudent: {architecture: llama}\n"
        text += f"generate: {{from: reference}}\nreview: {{experts: {experts}}}\n"
        run = compare_run(tmp_path / str(experts), said_by_all(6), recipe=text)
        with served_comparison(run, PAIR) as where:
            callers = [Caller(where, where.link(name)) for name in ("ayşe", "mehmet")]
            seen: Counter[str] = Counter()
            while rows := [(caller, row) for caller in callers if (row := caller.ask("/api/next")[1]["row"])]:
                for caller, row in rows:
                    seen[row["content"]] += 1
                    caller.ask("/api/choose", choice(row, "left"))
        assert len(seen) == 6
        assert set(seen.values()) == {times}


def test_who_may_not_see_a_row_or_a_system_is_not_shown_its_answers(tmp_path: Path) -> None:
    rows = said_by_all(4, sensitivity=Sensitivity.PUBLIC)
    rows += [(make_task("gizli", sensitivity=Sensitivity.CONFIDENTIAL), {"student": "a", "teacher": "b"})]
    run = compare_run(tmp_path, rows)
    write_text(config_folder() / "operator.yaml", "reviewers: {}")
    with served_comparison(run, PAIR) as where:
        caller = Caller(where, where.link("ayşe"))
        found = caller.ask("/api/next")[1]
        assert (found["progress"]["visible"], found["hidden"]) == (4, 1)
        write_text(config_folder() / "operator.yaml", "reviewers: {ayşe: confidential}")
        assert caller.ask("/api/next")[1]["progress"]["visible"] == 5
        write_text(config_folder() / "operator.yaml", "reviewers: {ayşe: [}")  # what cannot be read allows nothing more
        assert caller.ask("/api/next")[1]["progress"]["visible"] == 4
    answer(run, rows[:4], Sensitivity.CONFIDENTIAL)  # public rows, a student that learned confidential ones
    (config_folder() / "operator.yaml").unlink()
    with served_comparison(run, PAIR) as where:
        found = Caller(where, where.link("ayşe")).ask("/api/next")[1]
        assert (found["row"], found["progress"]["visible"], found["hidden"]) == (None, 0, 4)


def test_the_chain_says_that_answers_were_shown_and_never_which(run: RunFolder) -> None:
    with served_comparison(run, PAIR) as where:
        caller = Caller(where, where.link("ayşe"))
        row = asked(caller)
        caller.ask("/api/choose", choice(row, "left"))
    verify(run.path / "audit.jsonl")
    lines = list(read_audit(run.path / "audit.jsonl"))
    assert [line.verdict for line in lines] == ["shown", "shown"]
    text = (run.path / "audit.jsonl").read_text()
    for word in ("ayşe", "öğrenci", "usta", "elma", row["content"]):
        assert word not in text


def test_a_new_report_takes_the_page_along_and_keeps_what_was_said_of_the_same_answers(run: RunFolder) -> None:
    rows = said_by_all(12)
    with served_comparison(run, PAIR) as where:
        caller = Caller(where, where.link("ayşe"))
        row = asked(caller)
        caller.ask("/api/choose", choice(row, "left"))
        changed = [
            (task, said if task.id == row_of(run, row["content"]) else {**said, "student": f"yeni {task.id}"})
            for task, said in rows
        ]
        before = asked(caller)
        answer(run, changed)
        assert caller.ask("/api/choose", choice(before, "left")) == (409, {"why": "gone"})
        found = caller.ask("/api/next", {"another": True})[1]
        assert (found["progress"]["judged"], found["progress"]["open"]) == (1, 11)
        assert "yeni" in told(found["row"], "left") + told(found["row"], "right")


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
