"""People compare systems: which answers are put to them, and blindness over HTTP."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from comparekit import PAIR, SYSTEMS, said_by_all
from imbik.advise.comparing import systems_of
from imbik.core.errors import UsageError
from imbik.core.files import write_text
from imbik.core.runfolder import RunFolder
from imbik.core.types import Sensitivity, Verdict
from imbik.privacy.audit import read_audit, verify
from imbik.privacy.trust import config_folder
from imbik.review.duels import compared, duels
from imbik.review.preferences import preferences_of
from imbik.review.store import verdicts_of
from reviewkit import Caller, Served, answer, compare_run, served_comparison
from stagekit import make_task

LOTS = 48  # so many coins that never fall alike: the key that draws is a new one each time


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return compare_run(tmp_path, said_by_all(12))


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


def test_left_and_right_are_drawn_for_each_row_and_person_and_stay(tmp_path: Path) -> None:
    run = compare_run(tmp_path, said_by_all(LOTS))
    with served_comparison(run, PAIR) as where:
        seen = {name: sides(where, name) for name in ("ayşe", "mehmet")}
    with served_comparison(run, PAIR) as where:  # another server, the same lots
        assert seen == {name: sides(where, name, look=True) for name in seen}
    assert seen["ayşe"] != seen["mehmet"]
    assert all(0 < sum(found.values()) < LOTS for found in seen.values())
    other = compare_run(tmp_path / "other", said_by_all(LOTS))
    with served_comparison(other, PAIR) as where:  # the same rows, another run: its key draws anew
        assert sides(where, "ayşe") != seen["ayşe"]


def sides(where: Served, name: str, *, look: bool = False) -> dict[str, bool]:
    """Whether the student's answer is on the left, by row; rows are put aside, so that nobody has chosen."""
    caller, found = Caller(where, where.link(name)), dict[str, bool]()
    if look:
        caller.ask("/api/again")
    for _ in range(LOTS):
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
