"""The desk: who is handed which row, that nobody is handed one twice, and that what is saved is on the disk."""

from __future__ import annotations

import os
import random
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from imbik.core.runfolder import RunFolder
from imbik.core.types import Sample, Sensitivity, Verdict
from imbik.judge.voting import LOW
from imbik.recipe.sections import Review
from imbik.review.content import content_key
from imbik.review.desk import Desk
from imbik.review.doubt import Scale, doubts
from imbik.review.queue import Filters
from imbik.review.reservations import SECONDS, Seat
from imbik.review.shown import Shown, pick, read_shown
from imbik.review.store import ExpertVerdict, add_verdicts, reviews_path, verdicts_of
from reviewkit import refine, review_run
from stagekit import make_sample, make_task

SAMPLES = [make_sample(make_task(f"r{n:02d}"), reasoning=f"{n} + 0 = {n}", answer=str(n)) for n in range(20)]
ALL = Review(sample=1, doubtful=0)
TWICE = Review(sample=1, doubtful=0, experts=2)


def public(person: str) -> Sensitivity:
    return Sensitivity.PUBLIC


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return review_run(tmp_path, SAMPLES)


def said(row: Shown, by: str = "ayse", keep: bool = True, **more: Any) -> ExpertVerdict:
    verdict = Verdict(by=by, keep=keep, reason=more.pop("reason", ""))
    return ExpertVerdict(content=row.content, verdict=verdict, row=row.row, **more)


def one(desk: Desk, seat: Seat, **more: Any) -> Shown:
    row = desk.next(seat, **more)
    assert row is not None
    return row


def test_a_row_stays_with_its_browser_until_it_is_judged(run: RunFolder) -> None:
    desk, seat = Desk(run, ALL, public), Seat("ayse", "b1")
    first = one(desk, seat)
    assert one(desk, seat) == first
    assert desk.decide(seat, said(first), 0).number == 1
    second = one(desk, seat)
    assert second != first
    assert [item.row for item in read_shown(run)][:2] == [first.row, second.row]


def test_two_browsers_of_one_person_never_have_one_row(run: RunFolder) -> None:
    desk = Desk(run, TWICE, public)
    rows = [one(desk, Seat("ayse", f"b{number}")) for number in range(5)]
    assert len({row.content for row in rows}) == 5


def test_double_review_gives_each_row_to_two_different_people(run: RunFolder) -> None:
    desk = Desk(run, TWICE, public)
    seats = [Seat(name, name) for name in ("ayse", "mehmet", "can")]
    seen: Counter[str] = Counter()
    while True:
        rows = [(seat, desk.next(seat)) for seat in seats]
        if not any(row for _, row in rows):
            break
        for seat, row in rows:
            if row is not None:
                seen[row.content] += 1
                assert desk.decide(seat, said(row, seat.person), 0).number
    assert set(seen.values()) == {2}
    assert all(len({item.verdict.by for item in given}) == 2 for given in verdicts_of(run).values())
    assert desk.progress(seats[0]).there == desk.progress(seats[0]).wanted == 40


def test_many_browsers_at_once_and_two_servers_hand_out_each_row_once(run: RunFolder) -> None:
    desks = [Desk(run, ALL, public), Desk(run, ALL, public)]
    seen: Counter[str] = Counter()
    lock = threading.Lock()

    def work(number: int) -> None:
        seat, desk, chance = Seat(f"kisi{number % 3}", f"b{number}"), desks[number % 2], random.Random(number)
        while (row := desk.next(seat, another=chance.random() < 0.2)) is not None:
            if chance.random() < 0.2:
                continue
            with lock:
                seen[row.content] += 1
            assert desk.decide(seat, said(row, seat.person), 0).number

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 20
    assert set(seen.values()) == {1}
    assert sum(map(len, verdicts_of(run).values())) == 20


def test_a_row_that_nobody_holds_any_more_goes_to_somebody_else(run: RunFolder) -> None:
    clock = Clock()
    desk, ayse, can = Desk(run, ALL, public, clock), Seat("ayse", "a"), Seat("can", "c")
    row = one(desk, ayse)
    clock.now += SECONDS - 1
    assert desk.still_here(ayse, row.content)
    clock.now += SECONDS - 1
    assert one(desk, can) != row
    clock.now += 2
    assert one(desk, can, another=True) == row
    assert not desk.still_here(ayse, row.content)
    assert desk.decide(ayse, said(row), 0).why == "taken"
    assert desk.decide(can, said(row, "can"), 0).number
    desk.leave(can)


def test_a_row_before_two_tabs_is_kept_until_both_are_closed(run: RunFolder) -> None:
    """Also where the page that was left speaks after the one that was loaded in its place."""
    desk, old, new, can = Desk(run, ALL, public), Seat("ayse", "a", "1"), Seat("ayse", "a", "2"), Seat("can", "c", "1")
    row = one(desk, old)
    assert one(desk, new) == row
    desk.leave(old)
    assert one(desk, can) != row
    assert desk.still_here(new, row.content)
    desk.leave(new)
    assert not desk.still_here(new, row.content)
    assert one(desk, can, another=True) == row


def test_a_tab_that_crashed_keeps_no_row_for_longer_than_its_lease(run: RunFolder) -> None:
    clock = Clock()
    desk, gone, open_ = Desk(run, ALL, public, clock), Seat("ayse", "a", "1"), Seat("ayse", "a", "2")
    row = one(desk, gone)
    clock.now += SECONDS - 1
    assert one(desk, open_) == row
    clock.now += 2
    desk.leave(open_)
    assert one(desk, Seat("can", "c")) == row


def test_a_page_that_is_closed_gives_its_row_back(run: RunFolder) -> None:
    desk = Desk(run, ALL, public)
    row = one(desk, Seat("ayse", "a"))
    desk.leave(Seat("ayse", "a"))
    assert one(desk, Seat("can", "c")) == row


def test_put_aside_comes_again_when_asked_for(run: RunFolder) -> None:
    desk, seat = Desk(run, ALL, public), Seat("ayse", "a")
    row = one(desk, seat)
    desk.put_aside(seat, row.content)
    assert one(desk, seat) != row
    assert one(desk, Seat("can", "c")) == row
    desk.leave(Seat("can", "c"))
    assert desk.progress(seat).aside == 1
    desk.take_back_aside(seat)
    assert one(desk, seat, another=True) == row
    assert desk.progress(seat).aside == 0


def test_the_last_word_is_taken_back_and_given_again(run: RunFolder) -> None:
    desk, seat = Desk(run, ALL, public), Seat("ayse", "a")
    row = one(desk, seat)
    first = desk.decide(seat, said(row, keep=False, reason="yanlış"), 0).number
    taken_back = desk.decide(seat, said(row, keep=False, withdrawn=True), first).number
    assert verdicts_of(run) == {}
    assert one(desk, seat) == row
    assert one(desk, Seat("can", "c")) != row
    assert desk.decide(seat, said(row), taken_back).number == 3
    ((given,),) = verdicts_of(run).values()
    assert given.verdict.keep


def test_a_page_that_heard_no_answer_may_ask_again(run: RunFolder) -> None:
    desk, seat = Desk(run, ALL, public), Seat("ayse", "a")
    row = one(desk, seat)
    saved = desk.decide(seat, said(row, seconds=3.0), 0)
    assert desk.decide(seat, said(row, seconds=5.0), 0) == saved
    assert desk.decide(seat, said(row, keep=False, reason="x"), 0).why == "judged"
    assert sum(map(len, verdicts_of(run).values())) == 1


def test_nobody_sees_what_he_may_not(tmp_path: Path) -> None:
    levels = {"ayse": Sensitivity.SPECIAL, "can": Sensitivity.INTERNAL}
    samples = [
        msgspec.structs.replace(sample, sensitivity=list(Sensitivity)[number % 4])
        for number, sample in enumerate(SAMPLES)
    ]
    run = review_run(tmp_path, samples)
    desk = Desk(run, TWICE, lambda person: levels.get(person, Sensitivity.PUBLIC))
    for person, number in (("ayse", 20), ("can", 10), ("kimse", 5)):
        seat, seen = Seat(person, person), list[Shown]()
        while (row := desk.next(seat)) is not None:
            seen.append(row)
            assert desk.decide(seat, said(row, person), 0).number or person == "kimse"
            if person == "kimse":
                desk.put_aside(seat, row.content)
        assert len(seen) == (number if person != "kimse" else len(seen))
        assert all(row.sensitivity.rank <= desk.level(person).rank for row in seen)
    secret = next(row for row in desk.rows() if row.sensitivity is Sensitivity.SPECIAL)
    assert desk.take(Seat("can", "can"), secret.content) is None
    assert desk.decide(Seat("can", "can"), said(secret, "can"), 0).why == "gone"


def test_filters(tmp_path: Path) -> None:
    samples = [
        make_sample(
            make_task(f"r{n}", category="hukuk" if n % 2 else "sağlık"), number=n, answer=str(n),
            verdicts=(Verdict(by="shape", keep=True), Verdict(by="judge", keep=True, score=float(n))),
        )
        for n in range(6)
    ]  # fmt: skip
    run = review_run(tmp_path, samples)
    desk, seat = Desk(run, ALL, public), Seat("ayse", "a")
    for filters, rows in [
        (Filters(category="hukuk"), 3), (Filters(check="judge"), 6), (Filters(check="shape"), 0),
        (Filters(teacher="t"), 6), (Filters(teacher="x"), 0), (Filters(category="hukuk", teacher="t"), 3),
    ]:  # fmt: skip
        level = Sensitivity.PUBLIC
        found = list(desk.queue.waiting("ayse", level, filters, aside=set(), held={})) if desk.rows() else []
        assert len(found) == rows, filters
    assert one(desk, seat, filters=Filters(category="hukuk")).category == "hukuk"


def test_experts_work_while_the_run_goes_on(run: RunFolder) -> None:
    """Other rows are made anew under the page: what was judged stays judged, and the new ones are handed out."""
    desk, seat = Desk(run, ALL, public), Seat("ayse", "a")
    kept = one(desk, seat)
    desk.decide(seat, said(kept), 0)
    old = one(desk, seat)
    changed = [
        sample if content_key(sample) == kept.content else msgspec.structs.replace(sample, reasoning="başka")
        for sample in SAMPLES
    ]
    refine(run, changed)
    assert desk.decide(seat, said(old), 0).why == "gone"
    seen = set()
    while (row := desk.next(seat)) is not None:
        seen.add(row.content)
        desk.decide(seat, said(row), 0)
    assert seen == {content_key(sample) for sample in changed} - {kept.content}


def test_a_run_without_rows_yet_gets_them(tmp_path: Path) -> None:
    run = review_run(tmp_path, SAMPLES)
    run.retire("4_reviewed")
    run.retire("3_refined")
    desk, seat = Desk(run, ALL, public), Seat("ayse", "a")
    assert desk.next(seat) is None
    refine(run, SAMPLES)
    assert desk.next(seat) is not None
    run.retire("4_reviewed")
    assert len(desk.rows()) == 20


def test_verdicts_that_came_from_elsewhere_count(run: RunFolder) -> None:
    desk, seat = Desk(run, ALL, public), Seat("ayse", "a")
    rows = desk.rows()
    add_verdicts(run, [said(row, "can") for row in rows[:19]])
    assert one(desk, seat) == rows[19]


def test_another_database_in_its_place_is_written_to(run: RunFolder) -> None:
    desk, seat = Desk(run, ALL, public), Seat("ayse", "a")
    row = one(desk, seat)
    desk.decide(seat, said(row), 0)
    for path in run.path.glob("reviews.sqlite*"):
        os.rename(path, run.path / f"away-{path.name}")
    again = one(desk, seat)
    assert again == row
    desk.decide(seat, said(again), 0)
    assert reviews_path(run).exists()
    assert sum(map(len, verdicts_of(run).values())) == 1


def judged(number: int, *verdicts: Verdict, task: str = "", answer: str = "5") -> Sample:
    return make_sample(make_task(task or f"d{number}"), number=number, answer=answer, verdicts=verdicts)


def test_a_judge_that_only_annotates_disagrees_with_the_checks_as_one_that_says_no() -> None:
    """Such a judge keeps every row; its low mark is told by how its reason begins."""
    low = Verdict(by="judge", keep=True, score=3, reason=f"{LOW}4): doğruluk 3; annotated only")
    worst = Verdict(by="grounded", keep=True, score=0.1)
    samples = [
        judged(0, worst),
        judged(1, low),
        judged(2, Verdict(by="judge", keep=True, score=5, reason="doğruluk 5")),
    ]
    shown = pick(samples, 0, 1)
    assert [(row.row.rpartition("#")[2], row.doubt) for row in shown] == [("1", 1.0)]
    assert shown[0].doubted_by == ("judge",)


def test_what_somebody_doubts_comes_first() -> None:
    def judge(score: float, keep: bool = True) -> Verdict:
        return Verdict(by="judge", keep=keep, score=score)

    samples = [
        judged(0, judge(5)), judged(1, judge(1)), judged(2, judge(3)), judged(3, judge(5, keep=False)),
        judged(4, judge(5), task="same", answer="5"), judged(5, judge(5), task="same", answer=" 5 "),
        judged(6, judge(5), task="same", answer="7"), judged(7),
    ]  # fmt: skip
    scale = Scale()
    for sample in samples:
        scale.add(sample)
    found = {sample.number: doubt for sample, doubt in doubts(samples, scale)}
    assert {number: doubt.value for number, doubt in found.items()} == {
        0: 0, 1: 0.9, 2: 0.45, 3: 1, 4: pytest.approx(1 / 3, abs=1e-4), 5: pytest.approx(1 / 3, abs=1e-4),
        6: pytest.approx(2 / 3, abs=1e-4), 7: 0,
    }  # fmt: skip
    assert found[6].by == ("samples",)
    assert found[3].by == ("judge",)
    shown = pick(samples, 0, 1)
    assert [row.row.rpartition("#")[2] for row in shown[:3]] == ["3", "1", "6"]
    assert len(shown) == 6
    assert all(row.doubt > 0 for row in shown)
    assert [row.row for row in pick(samples, 0, 0.25)] == [row.row for row in shown[:2]]
    both = pick(samples, 1, 0.25)
    assert [row.row for row in both[:2]] == [row.row for row in shown[:2]]
    assert len(both) == 8
