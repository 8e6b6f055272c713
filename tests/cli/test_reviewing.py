"""Experts' review from the command line: who is waited for, what is trained, and what verdicts make run again."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

from cli.conftest import Ended, Imbik
from imbik.core.errors import ExitCode
from imbik.core.files import file_digest, read_lines, write_text
from imbik.core.runfolder import Manifest, RunFolder, read_parts
from imbik.core.types import Sample
from imbik.review.store import snapshot_number
from reviewkit import Caller, served

RECIPE = """
name: deneme
tasks: {source: rows.jsonl, kind: qa, sensitivity: public, split: {validation: 0.1, test: 0}}
generate: {from: reference}
refine: []
review: {sample: 0.2, doubtful: 0%s}
student: {architecture: llama, hidden_size: 16, layers: 1, heads: 2, context: 64, vocabulary: 300}
train: {steps: 2, threads: 1, precision: fp32}
"""
RUN = ("run", "recipe.yaml", "--until", "train")
ASKED = 6


def lay(folder: Path, more: str = "") -> RunFolder:
    write_text(folder / "recipe.yaml", RECIPE % more)
    write_rows(folder, {})
    return RunFolder(folder / "runs" / "deneme")


def write_rows(folder: Path, changed: dict[str, str]) -> None:
    """Thirty questions; `changed` are answers by question."""
    rows = [{"id": f"s{n}", "question": f"{n}. soru nedir?", "answer": f"{n}. yanıt"} for n in range(30)]
    rows = [{**row, "answer": changed.get(row["question"], row["answer"])} for row in rows]
    write_text(folder / "rows.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def decide(caller: Caller, rows: int, **said: Any) -> list[dict[str, Any]]:
    """Judge so many rows over HTTP: the rows as they were shown."""
    shown = []
    for _ in range(rows):
        status, found = caller.ask("/api/next")
        row = found["row"]
        assert status == 200
        status, _ = caller.ask(
            "/api/decide", {"content": row["content"], "previous": row["previous"], "keep": True, **said}
        )
        assert status == 200
        shown.append(row)
    return shown


def manifest(run: RunFolder, stage: str) -> Manifest:
    found = run.manifest(stage)
    assert found is not None
    return found


def weights(run: RunFolder) -> tuple[str, int]:
    """The student's hash, and when it was written."""
    path = run.stage("6_student") / "student" / "seed-1" / "weights" / "model.safetensors"
    return file_digest(path), path.stat().st_mtime_ns


def ran(ended: Ended) -> set[str]:
    """The stages that were not current."""
    assert ended.code == ExitCode.DONE, ended.err
    lines = (line.split() for line in (ended.out + ended.err).splitlines())
    return {words[0] for words in lines if words[1:2] == ["done"] and words[0].isalpha()}


def reviewed(run: RunFolder) -> dict[str, Sample]:
    return {sample.id: sample for sample in read_parts(run.stage("4_reviewed"), Sample)}


def test_a_run_waits_says_who_has_what_and_the_same_command_goes_on(imbik: Imbik, tmp_path: Path) -> None:
    run = lay(tmp_path, ", wait: true")
    ended = imbik(*RUN)
    assert ended.code == ExitCode.WAITING
    assert "6 of 6 verdicts are missing on 6 rows\n  nobody is invited yet" in ended.err
    with served(run) as where:
        ayse, mehmet = Caller(where, where.link("ayse")), Caller(where, where.link("mehmet"))
        (rejected,) = decide(ayse, 1, keep=False, reason="yanlış tarih")
        (edited,) = decide(ayse, 1, answer="düzeltilmiş yanıt")
        assert mehmet.ask("/api/next")[0] == 200
        for words in (RUN, (*RUN, "--with-reviews")):  # what waits for all does not take some
            ended = imbik(*words)
            assert ended.code == ExitCode.WAITING
            assert "4 of 6 verdicts are missing" in ended.err
            assert "ayse: 2 given, 4 open, one of them on the page now\n" in ended.err
            assert "mehmet: 0 given, 4 open, one of them on the page now" in ended.err
            assert "the same imbik run goes on" in ended.err
            assert "imbik review runs/deneme --close" in ended.err
            assert not run.stage("6_student").exists()
        status = imbik("review", "deneme", "--status").out
        assert "2 of 6 verdicts there\n" in status  # nor does anything advise to go on without the rest
        decide(mehmet, 3)
        decide(ayse, 1)
    assert ran(imbik(*RUN)) == {"review", "train"}
    kept = reviewed(run)
    assert (len(kept), rejected["row"] in kept) == (29, False)
    assert kept[edited["row"]].answer == "düzeltilmiş yanıt"
    assert (kept[edited["row"]].verdicts[-1].by, kept[edited["row"]].verdicts[-1].reason) == (
        "ayse", "edited the answer"
    )  # fmt: skip
    assert manifest(run, "4_reviewed").books.reasons == {"review": 1}
    (out,) = read_lines(run.stage("4_reviewed") / "rejected-00000.jsonl", Sample)
    assert (out.verdicts[-1].by, out.verdicts[-1].reason) == ("ayse", "yanlış tarih")
    funnel = imbik("show", "deneme").out.splitlines()
    assert next(line for line in funnel if "review" in line).split()[-2:] == ["review", "1"], funnel
    assert "yanlış tarih" in imbik("show", "deneme", "review", "-n", 40).out
    assert manifest(run, "6_student").books.rows_in == 29
    assert "nothing was done" in imbik(*RUN).out


def test_later_verdicts_retrain_nothing_until_they_are_taken(imbik: Imbik, tmp_path: Path) -> None:
    """Experts judge while the run goes on; only --close and --with-reviews bring what they said into it."""
    run = lay(tmp_path)
    assert ran(imbik(*RUN[:-1], "review")) == {"tasks", "generate", "refine", "review"}
    with served(run) as where:
        ayse = Caller(where, where.link("ayse"))
        working = threading.Thread(target=decide, args=(ayse, ASKED - 1))
        working.start()
        assert ran(imbik(*RUN)) == {"train"}
        working.join()
        first = weights(run)
        ended = imbik(*RUN)
        assert "5 newer verdicts of experts, include with --with-reviews" in ended.out + ended.err
        assert ran(ended) == set()
        assert ran(imbik(*RUN, "--with-reviews")) == {"review"}  # all were kept as they are: nothing else to learn
        (last,) = decide(ayse, 1, keep=False, reason="bozuk")
        assert (ran(imbik(*RUN)), weights(run)) == (set(), first)
        assert imbik("review", "deneme", "--close").code == ExitCode.DONE
        assert weights(run) == first
        assert ran(imbik(*RUN)) == {"review", "train"}
        second = weights(run)
        assert second[0] != first[0]
        assert last["row"] not in reviewed(run)
        assert ayse.ask("/api/undo")[0] == 200  # one click
        assert (ran(imbik(*RUN)), weights(run)) == (set(), second)
        assert ran(imbik(*RUN, "--with-reviews")) == {"review", "train"}
        assert last["row"] in reviewed(run)
        assert (weights(run)[0], snapshot_number(run)) == (first[0], 4)
        decide(ayse, 1, answer="başka bir yanıt")
        assert ran(imbik(*RUN, "--with-reviews")) == {"review", "train"}
        assert weights(run)[0] not in {first[0], second[0]}  # the edited words were learned


def test_verdicts_outlive_what_is_made_again_and_say_which_do_not_count(imbik: Imbik, tmp_path: Path) -> None:
    """Answers of two judged rows and of an unjudged one change, and change back."""
    run = lay(tmp_path)
    until = (*RUN[:-1], "review")
    assert ran(imbik(*until)) == {"tasks", "generate", "refine", "review"}
    with served(run) as where:
        ayse = Caller(where, where.link("ayse"))
        (rejected,) = decide(ayse, 1, keep=False, reason="yanlış")
        (edited,) = decide(ayse, 1, answer="düzeltildi")
        changed = decide(ayse, 2, keep=False, reason="eksik")
        assert ran(imbik(*until, "--with-reviews")) == {"review"}
        before = reviewed(run)
        assert (len(before), before[edited["row"]].answer) == (27, "düzeltildi")
        asked = {sample.id: sample.task.messages[-1].content for sample in read_parts(run.stage("3_refined"), Sample)}
        unjudged = next(row for row in before if row != edited["row"])
        write_rows(tmp_path, {asked[row]: "yeni yanıt" for row in (changed[0]["row"], changed[1]["row"], unjudged)})
        ended = imbik(*until)
        assert ran(ended) == {"tasks", "generate", "refine", "review"}
        told = "2 verdicts do not count: 2 on answers that have changed since; kept in reviews.sqlite"
        assert told in ended.out + ended.err
        assert told in imbik("review", "deneme", "--status").out
        after = reviewed(run)
        assert (rejected["row"] in after, after[edited["row"]].answer) == (False, "düzeltildi")
        assert [after[row["row"]].answer for row in changed] == ["yeni yanıt"] * 2  # nobody has judged these
        assert ayse.ask("/api/next")[1]["row"]["row"] not in {rejected["row"], edited["row"]}
        write_rows(tmp_path, {})
        assert "not count" not in imbik(*until).out
    assert reviewed(run).keys() == before.keys()  # the old answers are back, and what was said of them counts
