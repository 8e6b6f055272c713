"""Several processes on one store: paid once, and a kill costs at most what was under way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from asking import ask, make_engine, questions
from imbik.privacy.audit import verify
from imbik.testing import FakeTeacher

_ASKER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[5])
from asking import ask, make_engine, questions
folder, url, run, count = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
with make_engine(folder, url, run=run, concurrency=8) as engine:
    print(len({item.answer for item in ask(engine, questions(count))}), flush=True)
"""


def start(folder: Path, url: str, run: str, count: int) -> subprocess.Popen[bytes]:
    """A process that asks `count` questions."""
    helpers = str(Path(__file__).resolve().parents[1])
    return subprocess.Popen(
        [sys.executable, "-c", _ASKER, str(folder), url, run, str(count), helpers], stdout=subprocess.PIPE
    )


def test_two_runs_asking_the_same_at_once_pay_once(tmp_path: Path) -> None:
    with FakeTeacher(latency=0.05) as teacher:
        workers = [start(tmp_path, teacher.base_url, name, 150) for name in ("bir", "iki")]
        printed = [worker.communicate(timeout=60)[0].strip() for worker in workers]
        assert printed == [b"150", b"150"]
        assert teacher.count == 150
        assert set(teacher.asked.values()) == {1}


def test_a_kill_costs_at_most_what_was_under_way(tmp_path: Path) -> None:
    with FakeTeacher(latency=0.02) as teacher:
        for kill_at in (40, 110):
            worker = start(tmp_path, teacher.base_url, "deneme", 200)
            while teacher.count < kill_at:
                time.sleep(0.005)
            os.kill(worker.pid, signal.SIGKILL)
            worker.communicate()
        with make_engine(tmp_path, teacher.base_url, concurrency=8) as engine:
            assert [item.answer for item in ask(engine, questions(200))] == [f"Duydum: soru {n}" for n in range(200)]
        twice = [text for text, count in teacher.asked.items() if count > 1]
        assert len(twice) <= 2 * (8 + 1)  # under way at each kill, and one reply on its way to the disk
        assert teacher.count - 200 <= 2 * (8 + 1)
        asked_before = teacher.count
        with make_engine(tmp_path, teacher.base_url) as engine:
            ask(engine, questions(200))
        assert teacher.count == asked_before
    assert verify(tmp_path / "deneme" / "audit.jsonl") >= 200
