"""The review's server killed (SIGKILL) at random moments while two experts judge: what was acknowledged is there."""

from __future__ import annotations

import http.client
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from imbik.core.runfolder import RunFolder
from imbik.review.store import reviews_path, verdicts_of
from reviewkit import Caller, free_port, review_run
from stagekit import make_sample, make_task

SAMPLES = [make_sample(make_task(f"r{n:04d}"), reasoning=f"{n} + 0 = {n}", answer=str(n)) for n in range(1500)]
PEOPLE = ("ayse", "mehmet")
KILLS = 8
COMMAND = (sys.executable, "-m", "imbik")
HASTY = (  # holds decisions in memory, otherwise the same server: what a test of durability has to catch
    sys.executable,
    "-c",
    """
import sqlite3
import imbik.review.desk as desk
from imbik.cli.main import main
from imbik.review import store

def connect(run):
    store.connect(run).close()
    held = "file:held?mode=memory&cache=shared"
    base = sqlite3.connect(held, uri=True, isolation_level=None, check_same_thread=False)
    store._prepare(base, store.reviews_path(run))
    return base

desk.connect = connect
main()
""",
)


class Expert(threading.Thread):
    """Judges row after row until the server is gone; `heard` are the rows whose decision was acknowledged."""

    def __init__(self, port: int, link: str) -> None:
        super().__init__()
        where: Any = SimpleNamespace(address=f"http://127.0.0.1:{port}")
        self.caller, self.heard = Caller(where, link), dict[str, str]()

    def run(self) -> None:
        try:
            row = self.caller.ask("/api/next")[1]["row"]
            while row is not None:
                reason = f"karar {len(self.heard)}"
                said = {"content": row["content"], "previous": row["previous"], "keep": False, "reason": reason}
                status, found = self.caller.ask("/api/decide", said)
                assert status == 200
                self.heard[row["content"]] = reason
                row = found["row"]
        except (OSError, http.client.HTTPException):
            return  # killed


def judged_until_killed(run: RunFolder, program: Sequence[str], seconds: float) -> list[Expert]:
    """Serve, let everybody judge, kill -9 so many seconds after they began."""
    port = free_port()
    command = [*program, "review", run.name, "--runs", str(run.path.parent), "--port", str(port), "--new-links"]
    command += [word for name in PEOPLE for word in ("--expert", name)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        links = list[str]()
        for line in process.stdout:
            links += [word for word in line.split() if "/join#" in word]
            if "until Ctrl-C" in line:
                break
        experts = [_joined(port, link) for link in links]
        assert len(experts) == len(PEOPLE)
        for expert in experts:
            expert.start()
        time.sleep(seconds)
        os.kill(process.pid, signal.SIGKILL)
        for expert in experts:
            expert.join()
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()
    return experts


def _joined(port: int, link: str) -> Expert:
    deadline = time.monotonic() + 20
    while True:
        try:
            return Expert(port, link)
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def lost(run: RunFolder, experts: Sequence[Expert]) -> int:
    """How many acknowledged decisions are not in the file, each with its person and its words."""
    there = {
        (content, said.verdict.by, said.verdict.reason)
        for content, given in verdicts_of(run).items() for said in given
    }  # fmt: skip
    return sum(
        (content, name, reason) not in there
        for name, expert in zip(PEOPLE, experts, strict=True) for content, reason in expert.heard.items()
    )  # fmt: skip


def test_killed_at_any_moment_no_acknowledged_decision_is_lost(tmp_path: Path) -> None:
    run, draw = review_run(tmp_path, SAMPLES), random.Random(4)
    heard = dict[str, str]()
    for _ in range(KILLS):
        experts = judged_until_killed(run, COMMAND, draw.uniform(0.02, 0.4))
        assert lost(run, experts) == 0
        for expert in experts:
            assert not heard.keys() & expert.heard.keys()  # nor is a row judged twice, before a kill and after it
            heard |= expert.heard
        base = sqlite3.connect(reviews_path(run))
        assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        base.close()
    assert len(heard) >= 5 * KILLS
    assert len(heard) <= sum(map(len, verdicts_of(run).values())) <= len(heard) + len(PEOPLE) * KILLS


def test_a_server_that_acknowledges_before_it_has_written_is_found_out(tmp_path: Path) -> None:
    run = review_run(tmp_path, SAMPLES[:200])
    experts = judged_until_killed(run, HASTY, 0.3)
    assert lost(run, experts) == sum(len(expert.heard) for expert in experts) > 2
