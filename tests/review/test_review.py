"""Experts' verdicts: keyed by content, applied by numbered snapshots, waited for where the recipe says so."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from imbik.core.errors import ExitCode, ImbikError, InputError, RunFolderError, WaitingError
from imbik.core.files import read_lines
from imbik.core.results import Books
from imbik.core.runfolder import RunFolder, write_parts
from imbik.core.types import Completion, Message, Sample, Sensitivity, Verdict
from imbik.review.content import content_key
from imbik.review.importing import import_verdicts
from imbik.review.rules import Fate, Rules
from imbik.review.shown import pick, read_shown
from imbik.review.stage import ReviewStage, apply
from imbik.review.standing import standing
from imbik.review.store import (
    ExpertVerdict,
    add_verdicts,
    close,
    newer_than_snapshot,
    reviews_path,
    snapshot_number,
    verdicts_of,
)
from imbik.stage import ReadsOutside, StageResult
from stagekit import FakeAsker, context_of, finish, make_recipe, make_run, make_sample, make_task, samples_in, train

STAGE = ReviewStage()
SAMPLES = [make_sample(make_task(f"r{n:02d}"), reasoning=f"{n} + 0 = {n}") for n in range(20)]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return refined(make_run(tmp_path, train([sample.task for sample in SAMPLES])), SAMPLES)


def refined(run: RunFolder, samples: Sequence[Sample]) -> RunFolder:
    write_parts(run.begin("3_refined", "h"), iter(samples))
    books = Books(rows_in=len(samples), rows_out=len(samples))
    finish(run, "3_refined", StageResult(books, [], Sensitivity.PUBLIC))
    return run


def said(sample: Sample, by: str = "ayse", keep: bool = True, **more: Any) -> ExpertVerdict:
    verdict = Verdict(by=by, keep=keep, reason=more.pop("reason", ""))
    return ExpertVerdict(content=content_key(sample), verdict=verdict, row=sample.id, **more)


def review(run: RunFolder, **settings: Any) -> StageResult:
    result = STAGE.run(context_of(STAGE, make_recipe(review={"sample": 0.2, **settings}), run))
    finish(run, "4_reviewed", result)
    return result


def again(run: RunFolder, **settings: Any) -> StageResult:
    run.retire("4_reviewed")
    return review(run, **settings)


def test_without_verdicts_all_stay_and_the_first_snapshot_is_taken(run: RunFolder) -> None:
    result = review(run)
    assert samples_in(run, "4_reviewed") == SAMPLES
    assert (result.books.rows_in, result.books.rows_out, result.books.balanced) == (20, 20, True)
    assert (snapshot_number(run), result.measured["snapshot"]) == (1, "1")
    assert "4 of 4 verdicts asked for are not in snapshot 1" in result.warnings[0]


def test_reject_keep_and_edit(run: RunFolder) -> None:
    add_verdicts(run, [said(SAMPLES[0], keep=False, reason="yanlış birim")])
    add_verdicts(run, [said(SAMPLES[1], keep=True)])
    add_verdicts(run, [said(SAMPLES[2], answer="7", reasoning="5 + 2 = 7")])
    result = review(run)
    kept = {sample.id: sample for sample in samples_in(run, "4_reviewed")}
    assert SAMPLES[0].id not in kept
    (rejected,) = read_lines(run.stage("4_reviewed") / "rejected-00000.jsonl", Sample)
    assert rejected.verdicts[-1] == Verdict(by="ayse", keep=False, reason="yanlış birim")
    assert kept[SAMPLES[1].id].verdicts[-1].by == "ayse"
    assert (kept[SAMPLES[2].id].answer, kept[SAMPLES[2].id].reasoning) == ("7", "5 + 2 = 7")
    assert kept[SAMPLES[2].id].verdicts[-1] == Verdict(
        by="ayse", keep=True, reason="edited the reasoning and the answer"
    )
    assert result.books.reasons == {"review": 1}
    assert result.measured == {"snapshot": "1", "judged": "3", "edited": "1"}
    assert result.books.balanced


def test_the_majority_of_experts_decides_and_a_tie_waits_or_rejects() -> None:
    sample, rules = SAMPLES[0], Rules()
    tie = [said(sample, "a"), said(sample, "b", keep=False)]
    assert apply(sample, tie, rules)[1] is apply(sample, tie, Rules(split="pending"))[1] is Fate.SPLIT
    assert apply(sample, tie, Rules(split="reject"))[1] is Fate.REJECTED
    given = [said(sample, "a", answer="1"), said(sample, "b", keep=False), said(sample, "c")]
    judged, fate = apply(sample, given, rules)
    assert fate is Fate.KEPT
    assert judged.answer == "1"
    assert [verdict.keep for verdict in judged.verdicts] == [False, True, True]
    rejected, _ = apply(sample, [said(sample, "a", keep=False), said(sample, "b")], Rules(split="reject"))
    assert not rejected.verdicts[-1].keep


def test_an_expert_may_change_his_mind(run: RunFolder) -> None:
    add_verdicts(run, [said(SAMPLES[0], keep=False)])
    add_verdicts(run, [said(SAMPLES[0], keep=True)])
    (given,) = verdicts_of(run).values()
    assert [item.verdict.keep for item in given] == [True]


def test_newer_verdicts_wait_for_the_next_snapshot(run: RunFolder) -> None:
    review(run)
    add_verdicts(run, [said(SAMPLES[0], keep=False)])
    assert newer_than_snapshot(run) == 1
    assert again(run).books.rejected == 0
    assert close(run) == 2
    assert newer_than_snapshot(run) == 0
    assert again(run).books.rejected == 1
    assert close(run) == 2


def test_a_new_snapshot_changes_the_stages_hash_and_nothing_else_does(run: RunFolder) -> None:
    assert isinstance(STAGE, ReadsOutside)
    recipe, asker = make_recipe(review={}), FakeAsker(lambda teacher, question: Completion())
    before = STAGE.outside(recipe, run, asker)
    review(run)
    assert STAGE.outside(recipe, run, asker) == before
    add_verdicts(run, [said(SAMPLES[0], keep=False)])
    assert STAGE.outside(recipe, run, asker) == before
    close(run)
    assert STAGE.outside(recipe, run, asker) != before


def test_verdicts_outlive_regeneration_of_other_rows_and_of_their_own_id(run: RunFolder) -> None:
    add_verdicts(run, [said(SAMPLES[0], keep=False)])
    changed = [msgspec.structs.replace(sample, reasoning="başka") for sample in SAMPLES[1:]]
    moved = msgspec.structs.replace(SAMPLES[0], teacher="other", number=3, verdicts=(Verdict(by="shape", keep=True),))
    run.retire("3_refined")
    refined(run, [*changed, moved])
    assert review(run).books.rejected == 1
    rewritten = msgspec.structs.replace(SAMPLES[0], answer="6")
    assert content_key(rewritten) != content_key(SAMPLES[0])
    other = msgspec.structs.replace(SAMPLES[0].task, messages=(Message(role="user", content="?"),))
    assert content_key(msgspec.structs.replace(SAMPLES[0], task=other)) != content_key(SAMPLES[0])


def test_waiting_names_what_is_missing_until_it_is_there(run: RunFolder) -> None:
    settings: dict[str, Any] = {"wait": True, "experts": 2, "disagreement": "reject"}
    with pytest.raises(WaitingError, match="8 of 8 verdicts are missing") as raised:
        review(run, **settings)
    assert raised.value.exit_code is ExitCode.WAITING
    assert "--close" in raised.value.next
    assert snapshot_number(run) == 0
    shown = read_shown(run)
    assert len(shown) == 4
    by_row = {sample.id: sample for sample in SAMPLES}
    add_verdicts(run, [said(by_row[item.row]) for item in shown])
    add_verdicts(run, [said(by_row[shown[0].row])])
    with pytest.raises(WaitingError, match="4 of 8"):
        review(run, **settings)
    assert standing(run, Rules(2, "reject")).missing == 4
    add_verdicts(run, [said(by_row[item.row], "mehmet", keep=False) for item in shown])
    assert review(run, **settings).books.rejected == 4
    assert snapshot_number(run) == 1


def test_closing_ends_the_waiting(run: RunFolder) -> None:
    with pytest.raises(WaitingError):
        review(run, wait=True)
    assert close(run) == 1
    assert review(run, wait=True).books.rows_out == 20


def test_experts_who_reject_everything_are_an_error(run: RunFolder) -> None:
    add_verdicts(run, [said(sample, keep=False) for sample in SAMPLES])
    with pytest.raises(ImbikError, match="rejected all 20"):
        review(run)


def test_the_rows_shown_are_the_same_whatever_stands_beside_them() -> None:
    few = {item.row for item in pick(SAMPLES, 0.2)}
    assert len(few) == 4
    assert {item.row for item in pick(SAMPLES[::-1], 0.2)} == few
    assert pick(SAMPLES, 0) == []
    assert len(pick(SAMPLES, 1)) == 20
    assert len(pick([*SAMPLES, *SAMPLES], 1)) == 20
    assert len(pick(SAMPLES, 0.01)) == 1
    without = [sample for sample in SAMPLES if sample.id in few or int(sample.task.id[1:]) % 2]
    assert few <= {item.row for item in pick(without, 4 / len(without))}


def test_the_file_is_private_and_many_writers_lose_nothing(run: RunFolder) -> None:
    def write(expert: str) -> None:
        for sample in SAMPLES:
            add_verdicts(run, [said(sample, expert)])

    threads = [threading.Thread(target=write, args=(f"e{n}",)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(len(given) for given in verdicts_of(run).values()) == 60
    assert stat.S_IMODE(os.stat(reviews_path(run)).st_mode) == 0o600


def test_reading_makes_no_file(run: RunFolder) -> None:
    assert (snapshot_number(run), newer_than_snapshot(run), verdicts_of(run)) == (0, 0, {})
    assert not reviews_path(run).exists()


def test_a_newer_or_broken_file_is_refused(run: RunFolder) -> None:
    close(run)
    base = sqlite3.connect(reviews_path(run))
    base.execute("PRAGMA user_version = 99")
    base.close()
    with pytest.raises(RunFolderError, match="format 99"):
        close(run)
    for path in run.path.glob("reviews.sqlite*"):
        path.unlink()
    reviews_path(run).write_text("this is no database, only a text of some length\n" * 50)
    with pytest.raises(RunFolderError, match="cannot be read"):
        newer_than_snapshot(run)
    with pytest.raises(RunFolderError, match="no snapshot 7"):
        for path in run.path.glob("reviews.sqlite*"):
            path.unlink()
        close(run)
        verdicts_of(run, 7)


def test_import_by_sample_task_or_content(run: RunFolder, tmp_path: Path) -> None:
    lines = [
        {"row": SAMPLES[0].id, "by": "ayse", "keep": False, "reason": "yanlış"},
        {"row": "r01", "by": "ayse", "keep": True, "answer": "6"},
        {"content": content_key(SAMPLES[2]), "by": "can", "keep": False},
        {"row": "nobody", "by": "can", "keep": False},
    ]
    path = tmp_path / "verdicts.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + b"\r\n".join(msgspec.json.encode(line) for line in lines) + b"\r\n\r\n")
    with pytest.raises(InputError, match="1 of 4 verdicts are on rows that this run does not keep; nothing was added"):
        import_verdicts(run, path)
    assert verdicts_of(run) == {}
    found = import_verdicts(run, path, known_only=True)
    assert found.added == 3
    assert found.refused == (f"{path}:4: row 'nobody' is not among the kept samples of this run",)
    result = review(run)
    assert result.books.rejected == 2
    assert {s.id: s.answer for s in samples_in(run, "4_reviewed")}[SAMPLES[1].id] == "6"


@pytest.mark.parametrize(
    "line",
    ["{", '{"by": "a", "keep": true}', '{"row": "r01", "keep": true}', '{"row": "r01", "by": "a", "keep": "yes"}',
     '{"row": "r01", "by": " ", "keep": true}', '{"row": "r01", "by": "a", "keep": true, "raison": "x"}'],
)  # fmt: skip
def test_a_bad_line_names_its_place_and_adds_nothing(run: RunFolder, tmp_path: Path, line: str) -> None:
    path = tmp_path / "verdicts.jsonl"
    path.write_text('{"row": "r00", "by": "a", "keep": true}\n' + line)
    with pytest.raises(InputError) as raised:
        import_verdicts(run, path)
    assert raised.value.where.endswith("verdicts.jsonl:2")
    assert verdicts_of(run) == {}


def test_a_missing_file_is_an_input_error(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        import_verdicts(run, tmp_path / "none.jsonl")


def test_waiting_is_no_part_of_the_hash() -> None:
    asker = FakeAsker(lambda teacher, question: Completion())
    assert STAGE.settings(make_recipe(review={"wait": True}), asker) == STAGE.settings(make_recipe(review={}), asker)
    assert STAGE.settings(make_recipe(review={"sample": 0.5}), asker) != STAGE.settings(make_recipe(review={}), asker)
    assert not STAGE.needed(make_recipe())
    assert STAGE.needed(make_recipe(review={}))


def test_what_does_not_count_is_told_and_counts_again_when_it_is_back(run: RunFolder) -> None:
    add_verdicts(run, [said(sample, keep=False) for sample in SAMPLES[:3]])
    assert not any("not count" in text for text in review(run).warnings)
    run.retire("3_refined")
    refined(run, [msgspec.structs.replace(SAMPLES[0], answer="yeni"), *SAMPLES[2:]])
    told = again(run).warnings[-1]
    assert told == (
        "2 verdicts do not count: 1 on answers that have changed since, 1 on rows that are not kept any more; "
        "kept in reviews.sqlite"
    )
    run.retire("3_refined")
    refined(run, SAMPLES)
    assert again(run).books.rejected == 3
