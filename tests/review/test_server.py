"""The review over HTTP: who comes in, what is saved, what is written down, and what is refused."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from imbik.core.files import write_text
from imbik.core.runfolder import RunFolder
from imbik.core.types import Sensitivity, Span, Verdict
from imbik.privacy.audit import read_audit, verify
from imbik.privacy.trust import config_folder
from imbik.review.store import reviews_path, verdicts_of
from reviewkit import Caller, Served, free_port, review_run, served
from stagekit import make_sample, make_task

SAMPLES = [make_sample(make_task(f"r{n:02d}"), reasoning=f"{n} + 0 = {n}", answer=str(n)) for n in range(8)]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return review_run(tmp_path, SAMPLES, "{sample: 1, doubtful: 0, rubric: [doğruluk, açıklık]}")


@pytest.fixture
def where(run: RunFolder) -> Iterator[Served]:
    with served(run) as found:
        yield found


def decision(row: dict[str, Any], keep: bool = True, **more: Any) -> dict[str, Any]:
    return {"content": row["content"], "previous": row["previous"], "keep": keep, **more}


def operator(text: str) -> None:
    write_text(config_folder() / "operator.yaml", text)


def test_an_invitation_opens_on_the_first_row(where: Served) -> None:
    caller = Caller(where, where.link("ayse"))
    assert caller.status == 200
    status, found = caller.ask("/api/next")
    assert status == 200
    assert found["row"]["turns"][0]["role"] == "user"
    assert found["progress"] == {"visible": 8, "judged": 0, "open": 8, "aside": 0, "there": 0, "wanted": 8}


def test_a_decision_is_saved_and_the_next_row_comes_with_the_answer(where: Served, run: RunFolder) -> None:
    caller = Caller(where, where.link("ayse"))
    first = caller.ask("/api/next")[1]["row"]
    status, found = caller.ask(
        "/api/decide",
        decision(first, False, reason=" yanlış birim ", scores={"doğruluk": 1, "açıklık": 4}, seconds=3.21),
    )
    assert status == 200
    assert found["row"]["content"] != first["content"]
    assert found["progress"]["judged"] == 1
    ((given,),) = verdicts_of(run).values()
    assert given.verdict == Verdict(by="ayse", keep=False, reason="yanlış birim", score=2.5)
    assert (given.scores, given.seconds, given.row) == ({"doğruluk": 1, "açıklık": 4}, 3.2, first["row"])
    status, _ = caller.ask("/api/decide", decision(found["row"], answer="8", reasoning="5 + 3 = 8"))
    assert status == 200
    edited = verdicts_of(run)[found["row"]["content"]][0]
    assert (edited.answer, edited.reasoning, edited.verdict.keep) == ("8", "5 + 3 = 8", True)


def test_undo_brings_the_row_back_with_what_was_said(where: Served, run: RunFolder) -> None:
    caller = Caller(where, where.link("ayse"))
    first = caller.ask("/api/next")[1]["row"]
    caller.ask("/api/decide", decision(first, False, reason="dil bozuk"))
    status, found = caller.ask("/api/undo")
    assert status == 200
    assert found["row"]["content"] == first["content"]
    assert found["row"]["said"]["reason"] == "dil bozuk"
    assert verdicts_of(run) == {}
    assert caller.ask("/api/decide", decision(found["row"]))[0] == 200
    assert caller.ask("/api/skip", {"content": found["row"]["content"]})[0] == 200
    again = Caller(where, where.link("mehmet"))
    assert again.ask("/api/undo") == (409, {"why": "nothing"})


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"keep": False}, 422),
        ({"keep": False, "reason": "  "}, 422),
        ({"keep": False, "reason": "x", "answer": "5"}, 422),
        ({"keep": True, "scores": {"doğruluk": 6}}, 422),
        ({"keep": True, "scores": {"başka": 3}}, 422),
        ({"keep": True, "reason": "x" * 4001}, 422),
        ({"keep": True, "by": "mehmet"}, 400),
        ({"keep": "yes"}, 400),
        ({"keep": True, "content": "0" * 64}, 409),
    ],
)
def test_what_is_no_decision_changes_nothing(where: Served, run: RunFolder, body: dict[str, Any], status: int) -> None:
    caller = Caller(where, where.link("ayse"))
    row = caller.ask("/api/next")[1]["row"]
    assert caller.ask("/api/decide", {"content": row["content"], "previous": 0, **body})[0] == status
    assert verdicts_of(run) == {}


def test_without_an_invitation_nothing_is_seen(where: Served) -> None:
    caller = Caller(where, "x#wrong")
    assert caller.status == 401
    for path in ("/api/next", "/api/decide", "/api/undo", "/api/skip", "/api/again", "/api/still", "/api/choices"):
        assert caller.ask(path) == (401, {"why": "session"})
    assert caller.get("/api/here")[0] == 401
    for path in ("/docs", "/openapi.json", "/redoc", "/static/x/../../reviews.sqlite", "/static/x/%2e%2e%2fapi.py"):
        assert caller.get(path)[0] == 404


def test_without_the_pages_proof_nothing_is_done(where: Served, run: RunFolder) -> None:
    caller = Caller(where, where.link("ayse"))
    row = caller.ask("/api/next")[1]["row"]
    assert caller.ask("/api/decide", decision(row), X_Imbik_Page="x")[0] == 403
    assert caller.ask("/api/decide", decision(row), Origin="http://evil.example")[0] == 403
    assert caller.ask("/api/decide", decision(row), Host="evil.example")[0] == 421
    assert verdicts_of(run) == {}


def test_no_route_is_outside_of_the_session(where: Served) -> None:
    """Every route that there is answers 401 to a stranger, except the few that a stranger needs."""
    from imbik.review.server import application

    app = application(where.room)
    routes = {(path, method) for path, item in app.openapi()["paths"].items() for method in item}
    assert len(routes) >= 12
    caller = Caller(where, "x#wrong")
    for path, method in routes - {("/join", "get"), ("/api/join", "post"), ("/static/{version}/{name}", "get")}:
        status = caller.get(path)[0] if method == "get" else caller.ask(path)[0]
        assert status == 401, path


def test_what_the_operator_does_not_allow_is_not_shown(tmp_path: Path) -> None:
    samples = [
        msgspec.structs.replace(sample, sensitivity=Sensitivity.CONFIDENTIAL if number % 2 else Sensitivity.PUBLIC)
        for number, sample in enumerate(SAMPLES)
    ]
    run = review_run(tmp_path, samples)
    operator("reviewers: {ayse: confidential}\n")
    with served(run) as where:
        ayse, can = Caller(where, where.link("ayse")), Caller(where, where.link("can"))
        assert ayse.ask("/api/next")[1]["progress"]["visible"] == 8
        found = can.ask("/api/next")[1]
        assert (found["progress"]["visible"], found["hidden"]) == (4, 4)
        operator("reviewers: {}\n")
        assert ayse.ask("/api/next")[1]["progress"]["visible"] == 4
        operator("reviewers: {ayse: everything}\n")
        assert ayse.ask("/api/next")[1]["progress"]["visible"] == 4
        operator("reviewers: {ayse: special}\n")
        assert ayse.ask("/api/next")[1]["progress"]["visible"] == 8


@pytest.mark.parametrize(("double", "times"), [("0%", 1), ("100%", 2)])
def test_two_people_in_three_browsers_at_once_see_a_row_twice_only_where_that_is_asked(
    tmp_path: Path, double: str, times: int
) -> None:
    seen: dict[str, list[str]] = {}

    def work(caller: Caller, name: str) -> None:
        row = caller.ask("/api/next")[1]["row"]
        while row is not None:
            seen.setdefault(row["content"], []).append(name)
            row = caller.ask("/api/decide", decision(row))[1]["row"]

    with served(review_run(tmp_path, SAMPLES, f"{{sample: 1, doubtful: 0, double: {double}}}")) as where:
        ayse = where.link("ayse")  # opened in two browsers
        callers = [
            (Caller(where, ayse), "ayse"),
            (Caller(where, ayse), "ayse"),
            (Caller(where, where.link("can")), "can"),
        ]
        threads = [threading.Thread(target=work, args=caller) for caller in callers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(seen) == len(SAMPLES)
        assert {len(people) for people in seen.values()} == {times}
        assert all(len(set(people)) == len(people) for people in seen.values())


def test_every_row_that_a_person_sees_is_a_line_of_the_audit_chain(where: Served, run: RunFolder) -> None:
    caller = Caller(where, where.link("ayse"))
    row = caller.ask("/api/next")[1]["row"]
    caller.ask("/api/next")
    caller.ask("/api/decide", decision(row))
    verify(run.path / "audit.jsonl")
    lines = [line for line in read_audit(run.path / "audit.jsonl") if line.event == "review"]
    assert len(lines) == 2
    assert lines[0].rows != lines[1].rows
    assert "ayse" not in (run.path / "audit.jsonl").read_text()
    assert row["row"] not in (run.path / "audit.jsonl").read_text()


def test_spans_mark_the_answer_and_what_supports_it(tmp_path: Path) -> None:
    task = make_task("p", passage="Borçlu ihtarla temerrüde düşer.")
    span = Span(start=0, end=6, note="kaynak")
    sample = make_sample(task, answer="Borçlu $x$", verdicts=(Verdict(by="groundedness", keep=True, spans=(span,)),))
    with served(review_run(tmp_path, [sample])) as where:
        row = Caller(where, where.link("ayse")).ask("/api/next")[1]["row"]
    assert row["answer"]["nodes"][0] == [
        "mark", {"data-mark": "1", "class": "noted", "title": "groundedness: kaynak"}, "Borçlu"
    ]  # fmt: skip
    assert row["answer"]["nodes"][2][0] == "math"


def test_blind_experts_are_told_nothing_of_others(tmp_path: Path) -> None:
    spans = (Span(start=0, end=1, note="gizli", source=(0, 3)),)
    verdict = Verdict(by="judge", keep=True, score=2, reason="gizli", spans=spans)
    task = msgspec.structs.replace(SAMPLES[0].task, passage="Ali'nin elması")
    samples = [msgspec.structs.replace(SAMPLES[0], task=task, verdicts=(verdict,))]
    with served(review_run(tmp_path, samples, "{sample: 1, blind: true}")) as where:
        caller = Caller(where, where.link("ayse"))
        row = caller.ask("/api/next")[1]["row"]
        assert (row["checks"], row["doubted"], row["teacher"]) == ([], [], "")
        assert "gizli" not in json.dumps(row, ensure_ascii=False)
        assert (row["answer"]["nodes"], row["passage"]["nodes"]) == (["0"], ["Ali'nin elması"])  # nor marked
        assert caller.ask("/api/choices")[1] == {"check": [], "category": [], "teacher": []}


def test_files_are_private(where: Served, run: RunFolder) -> None:
    caller = Caller(where, where.link("ayse"))
    caller.ask("/api/decide", decision(caller.ask("/api/next")[1]["row"]))
    for name in ("reviewers.json", "reviews.sqlite", "reviews.sqlite-wal", "audit.jsonl"):
        assert stat.S_IMODE(os.stat(run.path / name).st_mode) == 0o600, name


def test_killed_right_after_the_answer_nothing_is_lost(run: RunFolder) -> None:
    port = free_port()
    command = [sys.executable, "-m", "imbik", "review", run.name, "--expert", "ayse", "--port", str(port)]
    command += ["--runs", str(run.path.parent)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert process.stdout is not None
        link = process.stdout.readline().split()[-1]
        assert link.startswith(f"http://127.0.0.1:{port}/join#")
        while "until Ctrl-C" not in process.stdout.readline():
            pass
        where: Any = type("Where", (), {"address": f"http://127.0.0.1:{port}"})
        deadline = time.monotonic() + 20
        while True:
            try:
                caller = Caller(where, link)
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        row = caller.ask("/api/next")[1]["row"]
        for number in range(3):
            status, found = caller.ask("/api/decide", decision(row, reason=f"karar {number}"))
            assert status == 200
            row = found["row"]
        os.kill(process.pid, signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()
    base = sqlite3.connect(reviews_path(run))
    assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    base.close()
    assert {item.verdict.reason for given in verdicts_of(run).values() for item in given} == {
        "karar 0", "karar 1", "karar 2"
    }  # fmt: skip
    with served(run) as again:
        caller.host = again.address.removeprefix("http://")
        assert caller.ask("/api/next")[0] == 401  # another port has cookies of another name
        back = Caller(again, again.link("ayse"))
        assert back.ask("/api/next")[1]["progress"]["judged"] == 3
