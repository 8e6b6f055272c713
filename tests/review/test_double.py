"""Double review and disagreement: two people on a share of the rows, a third where they are split, and who has what."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from imbik.core.errors import WaitingError
from imbik.core.files import read_lines
from imbik.core.runfolder import RunFolder
from imbik.core.types import Sample, Sensitivity, Verdict
from imbik.recipe import build
from imbik.recipe.sections import Review
from imbik.review.content import content_key
from imbik.review.desk import Desk
from imbik.review.reservations import Seat
from imbik.review.rules import Fate, Rules
from imbik.review.shown import Shown, pick, read_shown
from imbik.review.stage import PENDING, REJECTED, ReviewStage
from imbik.review.standing import Person, standing, told_waiting, waiting
from imbik.review.store import ExpertVerdict, add_verdicts, close, verdicts_of
from imbik.stage import StageResult
from imbik.web.members import MEMBERS, Members
from reviewkit import Caller, review_run, served
from stagekit import context_of, finish, make_recipe, make_sample, make_task, samples_in

STAGE = ReviewStage()
SAMPLES = [make_sample(make_task(f"r{n:02d}"), reasoning=f"{n} + 0 = {n}", answer=str(n)) for n in range(20)]
BY_ROW = {sample.id: sample for sample in SAMPLES}


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return review_run(tmp_path, SAMPLES, "{sample: 1, doubtful: 0, double: 20%}")


def public(person: str) -> Sensitivity:
    return Sensitivity.PUBLIC


def said(content: str, by: str, keep: bool = True, **more: Any) -> ExpertVerdict:
    verdict = Verdict(by=by, keep=keep, reason=more.pop("reason", "" if keep else "yanlış"))
    return ExpertVerdict(content=content, verdict=verdict, **more)


def review(run: RunFolder, **settings: Any) -> StageResult:
    if run.stage("4_reviewed").exists():
        run.retire("4_reviewed")
    made = make_recipe(review={"sample": 1, "doubtful": 0, "double": "20%", **settings})
    result = STAGE.run(context_of(STAGE, made, run))
    finish(run, "4_reviewed", result)
    return result


def test_a_share_is_chosen_for_two_and_stays_chosen() -> None:
    shown = pick(SAMPLES, 1, 0, 0.2)
    double = {row.row for row in shown if row.double}
    assert len(double) == 4
    assert {row.row for row in pick(SAMPLES[::-1], 1, 0, 0.2) if row.double} == double
    without = [sample for sample in SAMPLES if sample.id in double or int(sample.task.id[1:]) % 2]
    assert double <= {row.row for row in pick(without, 1, 0, 4 / len(without)) if row.double}
    assert not any(row.double for row in pick(SAMPLES, 1))
    assert all(row.double for row in pick(SAMPLES, 1, 0, 1.0))


@pytest.mark.parametrize(("written", "value"), [("20%", 0.2), (0.2, 0.2), ("100%", 1.0), (1, 1.0), ("0%", 0.0)])
def test_the_share_is_written_as_people_write_it(written: object, value: float) -> None:
    assert Review.model_validate({"double": written}).double == value


@pytest.mark.parametrize("written", ["beşte bir", "120%", -0.1, "%", "yirmi%"])
def test_what_is_no_share_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="double"):
        Review.model_validate({"double": written})


def test_the_recipe_names_the_rules() -> None:
    data = {"name": "d", "tasks": {"source": "a.jsonl", "kind": "math"}, "teachers": {"t": "recorded"}}
    made = build({**data, "student": {"architecture": "llama"}, "review": {"disagreement": "pending", "experts": 2}})
    assert made.review is not None
    assert Rules.of(made.review) == Rules(2, "pending")


def test_doubled_rows_go_to_two_people_and_others_to_one(run: RunFolder) -> None:
    review = Review(sample=1, doubtful=0, double=0.2)
    desk = Desk(run, review, public)
    seats = [Seat(name, name) for name in ("ayse", "mehmet", "can")]
    seen: Counter[str] = Counter()
    while rows := [(seat, row) for seat in seats if (row := desk.next(seat)) is not None]:
        for seat, row in rows:
            seen[row.content] += 1
            assert desk.decide(seat, said(row.content, seat.person), 0).number
    double = {row.content for row in read_shown(run) if row.double}
    assert {content for content, number in seen.items() if number == 2} == double
    assert sum(seen.values()) == 24
    assert (desk.progress(seats[0]).there, desk.progress(seats[0]).wanted) == (24, 24)
    assert all(len({item.verdict.by for item in given}) == len(given) for given in verdicts_of(run).values())


def test_a_split_row_goes_to_a_third_person_and_never_to_the_two(run: RunFolder) -> None:
    desk = Desk(run, Review(sample=1, doubtful=0, double=0.2), public)
    ayse, mehmet, can = (Seat(name, name) for name in ("ayse", "mehmet", "can"))
    row = next(row for row in read_shown(run) if row.double)
    add_verdicts(run, [said(row.content, "ayse"), said(row.content, "mehmet", keep=False)])
    add_verdicts(run, [said(other.content, "ayse") for other in read_shown(run) if other != row])
    add_verdicts(run, [said(other.content, "mehmet") for other in read_shown(run) if other.double and other != row])
    assert desk.next(ayse) is None
    assert desk.next(mehmet) is None
    assert desk.next(can) == row
    assert standing(run, Rules()).missing == 1
    assert desk.decide(can, said(row.content, "can"), 0).number
    assert (standing(run, Rules()).missing, standing(run, Rules()).split) == (0, 0)


def test_with_pending_nobody_else_is_asked(run: RunFolder) -> None:
    desk = Desk(run, Review(sample=1, doubtful=0, double=1.0, disagreement="pending"), public)
    row = read_shown(run)[0]
    add_verdicts(run, [said(row.content, "ayse"), said(row.content, "mehmet", keep=False)])
    seen = desk.next(Seat("can", "can"))
    assert seen is not None
    assert seen.content != row.content


def test_rules_ask_one_more_each_time_that_people_are_split() -> None:
    row, double = Shown(row="r", content="c"), Shown(row="r", content="c", double=True)
    rules = Rules()
    assert [rules.wanted(row, 0, 0), rules.wanted(row, 1, 0), rules.wanted(row, 1, 1)] == [1, 1, 3]
    assert [rules.wanted(double, 1, 0), rules.wanted(double, 1, 1), rules.wanted(double, 2, 1)] == [2, 3, 2]
    assert rules.wanted(double, 2, 2) == 5
    assert Rules(4).wanted(row, 1, 1) == 4
    assert Rules(2, "pending").wanted(row, 1, 1) == Rules(2, "reject").wanted(row, 1, 1) == 2
    assert rules.fate([]) is Fate.KEPT


def test_books_balance_with_rows_that_experts_are_split_over(run: RunFolder) -> None:
    keys = [content_key(sample) for sample in SAMPLES]
    add_verdicts(run, [said(keys[0], "ayse", keep=False), said(keys[1], "ayse", answer="99")])
    add_verdicts(run, [said(keys[2], "ayse"), said(keys[2], "mehmet", keep=False)])
    result = review(run)
    books = result.books
    assert (books.rows_in, books.rows_out, books.rejected, books.pending, books.balanced) == (20, 18, 1, 1, True)
    assert books.reasons == {"review": 1, "experts are split": 1}
    kept = {sample.id: sample for sample in samples_in(run, "4_reviewed")}
    assert not {SAMPLES[0].id, SAMPLES[2].id} & kept.keys()
    assert kept[SAMPLES[1].id].answer == "99"
    folder = run.stage("4_reviewed")
    assert [sample.id for sample in read_lines(folder / REJECTED, Sample)] == [SAMPLES[0].id]
    (pending,) = read_lines(folder / PENDING, Sample)
    assert [(item.by, item.keep) for item in pending.verdicts] == [("ayse", True), ("mehmet", False)]
    (split,) = (text for text in result.warnings if "split over 1 row" in text)
    assert f"imbik review {run.path} --close" in split
    add_verdicts(run, [said(keys[2], "can")])
    close(run)
    books = review(run).books
    assert (books.rows_out, books.rejected, books.pending, books.balanced) == (19, 1, 0, True)
    assert not (folder / PENDING).exists()


def test_waiting_says_who_still_has_what(run: RunFolder) -> None:
    members = Members(run.path / MEMBERS)
    with pytest.raises(WaitingError) as raised:
        review(run, wait=True)
    assert raised.value.what == "24 of 24 verdicts are missing on 20 rows\n  nobody is invited yet"
    assert f"imbik review {run.typed} --expert NAME" in raised.value.next
    members.invite("ayse")
    members.invite("mehmet")
    rows = read_shown(run)
    add_verdicts(run, [said(row.content, "ayse") for row in rows[:15]])
    add_verdicts(run, [said(rows[0].content, "dışarıdan")])
    desk = Desk(run, Review(sample=1, doubtful=0, double=0.2), public)
    held = desk.next(Seat("mehmet", "m"))
    assert held is not None
    found = waiting(run, Rules())
    double_left = sum(row.double for row in rows[1:15])
    first = int(rows[0].double)
    assert found.people == (
        Person(name="ayse", given=15, open=5, before=0),
        Person(name="mehmet", given=0, open=5 + double_left, before=1),
        Person(name="dışarıdan", given=1, open=0, before=0),
    )
    with pytest.raises(WaitingError) as raised:
        review(run, wait=True)
    assert "\n  ayse: 15 given, 5 open\n" in raised.value.what
    assert f"\n  mehmet: 0 given, {5 + double_left} open, one of them on the page now\n" in raised.value.what
    assert raised.value.what.startswith(f"{24 - 15 - first} of 24 verdicts")
    desk.close()


def test_rows_that_nobody_can_judge_are_told(tmp_path: Path) -> None:
    hidden = msgspec.structs.replace(SAMPLES[0], sensitivity=Sensitivity.CONFIDENTIAL)
    run = review_run(tmp_path, [hidden, *SAMPLES[1:4]], "{sample: 1, doubtful: 0}")
    Members(run.path / MEMBERS).invite("ayse")
    rows = [row for row in read_shown(run) if row.sensitivity is Sensitivity.PUBLIC]
    add_verdicts(run, [said(row.content, "ayse", keep=row != rows[0]) for row in rows])
    add_verdicts(run, [said(rows[0].content, "mehmet")])
    told = "\n".join(told_waiting(waiting(run, Rules())))
    assert "1 row is confidential or above what anybody who is invited may see" in told
    assert "1 row wants one more person" in told


def test_two_experts_see_nothing_of_each_other(tmp_path: Path) -> None:
    """What the second is sent, and what the third is, has no trace of who judged before, what he said and how."""
    run = review_run(tmp_path, SAMPLES[:1], "{sample: 1, doubtful: 0, double: 100%, rubric: [doğruluk]}")
    with served(run) as where:
        ayse, mehmet, can = (Caller(where, where.link(name)) for name in ("ayse", "mehmet", "can"))
        first = ayse.ask("/api/next")[1]["row"]
        edit = {"answer": "gizli düzeltme", "reason": "gizli neden", "scores": {"doğruluk": 2}, "seconds": 123.4}
        assert ayse.ask("/api/decide", {"content": first["content"], "previous": 0, "keep": True, **edit})[0] == 200
        second = mehmet.ask("/api/next")[1]
        assert second["row"] == first
        reject = {"content": first["content"], "previous": 0, "keep": False, "reason": "gizli ret"}
        assert mehmet.ask("/api/decide", reject)[0] == 200
        third = can.ask("/api/next")[1]
        assert third["row"] == first
        for found in (second, third, can.ask("/api/choices")[1], can.get("/")[1]):
            text = str(found)
            assert not any(word in text for word in ("gizli", "ayse", "mehmet", "123.4"))
        assert mehmet.ask("/api/undo")[1]["row"]["said"]["reason"] == "gizli ret"
