"""A run that is stopped while a provider works on its batch: Ctrl-C and SIGTERM, on a real process over real HTTP."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imbik.core.errors import ExitCode
from imbik.testing import BatchPlan, FakeTeacher

_RECIPE = """
name: deneme
tasks: {{source: rows.jsonl, kind: qa, sensitivity: public}}
teachers:
  buyuk:
    {{use: {form}, model: sahte, base_url: "{url}", batch: true, batch_poll: 0.2, price: {{input: 2, output: 10}}}}
budget: {{total: 5 USD, reserve_for_evaluation: "0%"}}
student: {{architecture: llama}}
generate: {{samples: {{min: 1, max: 1}}}}
refine: []
"""
# A job in the background of a script inherits an ignored SIGINT; a person's terminal does not.
_RUN = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from imbik.cli.main import main
sys.argv = ["imbik", "run", "recipe.yaml", "--until", "generate", "--quiet"]
main()
"""


def start(folder: Path) -> subprocess.Popen[str]:
    """`imbik run` in a process of its own."""
    environment = {**os.environ, "IMBIK_RUNS": str(folder / "runs")}
    return subprocess.Popen(
        [sys.executable, "-c", _RUN],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=environment,
    )


def prepare(folder: Path, teacher: FakeTeacher, form: str) -> None:
    """A recipe with 20 rows."""
    url = teacher.base_url.removesuffix("/v1") if form == "anthropic" else teacher.base_url
    (folder / "recipe.yaml").write_text(_RECIPE.format(url=url, form=form), encoding="utf-8")
    rows = "\n".join(f'{{"question": "{n}. soru nedir?", "answer": "{n}"}}' for n in range(20))
    (folder / "rows.jsonl").write_text(rows, encoding="utf-8")


def stopped(folder: Path, when: Callable[[], bool], stop: signal.Signals, *, seconds: float = 0.5) -> tuple[int, str]:
    """Start a run, stop it some time after a moment has come: its exit code and what it said."""
    process = start(folder)
    try:
        until = time.monotonic() + 30
        while not when():
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < until
            time.sleep(0.02)
        time.sleep(seconds)
        process.send_signal(stop)
        _, said = process.communicate(timeout=20)
    finally:
        process.kill()
    assert "Traceback" not in said
    assert "error of imbik" not in said
    return process.returncode, said


def finished(folder: Path) -> None:
    """The same command again, to its end."""
    process = start(folder)
    _, said = process.communicate(timeout=60)
    assert process.returncode == ExitCode.DONE, said


@pytest.mark.parametrize(("form", "stop"), [("openai", signal.SIGINT), ("anthropic", signal.SIGTERM)])
def test_who_stops_a_waiting_run_hears_what_is_under_way_and_the_same_command_goes_on(
    tmp_path: Path, form: str, stop: signal.Signals
) -> None:
    with FakeTeacher(batch=BatchPlan(seconds=600), price=("2", "10")) as teacher:
        prepare(tmp_path, teacher, form)
        code, said = stopped(tmp_path, lambda: bool(teacher.batches.made), stop)
        (batch,) = teacher.batches.made.values()
        assert code == ExitCode.WAITING, said
        assert f"1 batch of {len(batch.rows)} questions is under way at 127.0.0.1:{teacher.port}" in said
        assert "teacher 'buyuk'" in said
        assert "type the same command again" in said
        teacher.batches.plan = BatchPlan()
        finished(tmp_path)
        assert len(teacher.batches.made) == 1
        assert set(teacher.asked.values()) == {1}
        assert teacher.count == len(batch.rows)


def held_up(teacher: FakeTeacher, seconds: float) -> threading.Event:
    """The server takes a batch, and says so only later: what is set once it has it."""
    there, answer = threading.Event(), teacher.batches.answer

    def slow(request: Any) -> Any:
        before = len(teacher.batches.made)
        reply = answer(request)
        if len(teacher.batches.made) > before:
            there.set()
            time.sleep(seconds)
        return reply

    teacher.batches.answer = slow  # type: ignore[method-assign]
    return there


@pytest.mark.parametrize(
    ("form", "stop", "seconds", "be"),
    [("anthropic", signal.SIGINT, 1.0, "is"), ("openai", signal.SIGTERM, 3.0, "may be")],
)
def test_a_batch_that_is_just_being_handed_over_is_said_and_not_handed_over_twice(
    tmp_path: Path, form: str, stop: signal.Signals, seconds: float, be: str
) -> None:
    with FakeTeacher(batch=BatchPlan(seconds=600), price=("2", "10")) as teacher:
        prepare(tmp_path, teacher, form)
        there = held_up(teacher, seconds)
        code, said = stopped(tmp_path, there.is_set, stop, seconds=0.1)
        (batch,) = teacher.batches.made.values()
        assert code == ExitCode.WAITING, said
        assert f"1 batch of {len(batch.rows)} questions {be} under way at 127.0.0.1:{teacher.port}" in said
        teacher.batches.plan = BatchPlan()
        finished(tmp_path)
        assert len(teacher.batches.made) == 1
        assert set(teacher.asked.values()) == {1}


def test_a_run_that_asks_at_once_is_interrupted_and_goes_on(tmp_path: Path) -> None:
    with FakeTeacher(latency=0.3) as teacher:
        prepare(tmp_path, teacher, "openai")
        recipe = tmp_path / "recipe.yaml"
        recipe.write_text(recipe.read_text(encoding="utf-8").replace("batch: true", "concurrency: 2"), "utf-8")
        code, said = stopped(tmp_path, lambda: teacher.count >= 4, signal.SIGTERM, seconds=0.0)
        assert code == ExitCode.INTERRUPTED, said
        assert "run the same command again" in said
        assert teacher.count < 16
        teacher.latency = 0.0
        finished(tmp_path)
        assert set(teacher.asked.values()) == {1}
