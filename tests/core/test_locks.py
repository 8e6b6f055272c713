"""One writer at a time; the second is told who holds the lock; a dead holder's lock is free."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from imbik.core.errors import ExitCode, LockedError
from imbik.core.locks import writer_lock

HOLD = (
    "import sys, time; from pathlib import Path; from imbik.core.locks import writer_lock\n"
    "with writer_lock(Path(sys.argv[1])):\n    print('held', flush=True); time.sleep(60)"
)


def hold(folder: Path) -> subprocess.Popen[str]:
    """Another process that has the lock."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_the_second_writer_is_told_who_the_first_is(tmp_path: Path) -> None:
    process = hold(tmp_path)
    try:
        with pytest.raises(LockedError) as raised, writer_lock(tmp_path):
            pass
        assert f"process {process.pid}" in str(raised.value)
        assert raised.value.exit_code is ExitCode.LOCKED
    finally:
        process.kill()
        process.communicate()


def test_a_killed_holder_leaves_no_stale_lock(tmp_path: Path) -> None:
    process = hold(tmp_path)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    started = time.monotonic()
    with writer_lock(tmp_path):
        assert f"process {os.getpid()}" in (tmp_path / ".lock").read_text()
    assert time.monotonic() - started < 1


def test_a_lock_can_be_taken_again_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), writer_lock(tmp_path / "new"):
        raise ZeroDivisionError
    with writer_lock(tmp_path / "new"):
        pass


def test_the_same_process_cannot_write_a_run_twice(tmp_path: Path) -> None:
    with writer_lock(tmp_path), pytest.raises(LockedError), writer_lock(tmp_path):
        pass
