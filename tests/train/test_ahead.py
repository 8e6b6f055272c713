"""Batches laid out ahead by processes: those the loop would lay out itself, errors included, and no process is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
import torch

from imbik.core.errors import RunFolderError
from imbik.models.logit_writer import LogitWriter
from imbik.models.logits import Form, LogitRow, LogitSettings, LogitStore
from imbik.train.ahead import Ahead
from imbik.train.batches import MicroBatch, Order
from imbik.train.lesson import Lesson
from imbik.train.precision import Measured
from imbik.train.rows import Row, with_teacher

MEASURED = Measured(precision="fp32", threads=1, layout="packed", micro_batch=3)


def lesson(folder: Path, form: Form = "compressed", *, steps: int = 6, size: int = 8, **more: Any) -> Lesson:
    """Rows of many lengths, each with captured logits."""
    draw = np.random.default_rng(0)
    rows = [
        Row(f"satır {n}", draw.integers(0, 300, length).astype(np.int32), np.arange(2, length - 1))
        for n, length in enumerate(draw.integers(4, 24, 30))
    ]
    settings = LogitSettings(teacher="t", tokenizer_hash="v", top_k=6, form=form, vocabulary=300)
    writer = LogitWriter(folder, settings)
    writer.append([said(row, draw) for row in rows])
    taught = with_teacher(rows, LogitStore.open(folder))
    return Lesson("t", 1, taught, Order(taught, seed=1, size=size, total=steps * size), [], [], None, **more)


def said(row: Row, draw: np.random.Generator) -> LogitRow:
    ids = np.array([draw.permutation(300)[:6] for _ in row.places], dtype=np.uint32)
    logprobs = -np.sort(draw.exponential(1, ids.shape)).astype(np.float32) - 2
    return LogitRow(row.id, row.hash, ids, logprobs)


def taken(given: Lesson, ahead: Ahead, first: int = 0, measured: Measured = MEASURED) -> Iterator[MicroBatch]:
    for step in range(first, given.order.steps):
        yield from ahead.batches(step, ahead.cuts(given.batch(step), measured.micro_batch), measured)


def same(one: MicroBatch, other: MicroBatch) -> bool:
    left, right = one.tensors("cpu"), other.tensors("cpu")
    equal = [a is b if a is None else torch.equal(a, b) for a, b in zip(left.values(), right.values(), strict=True)]
    return all(equal) and one.passed == other.passed


@pytest.mark.parametrize("form", ["exact", "compressed"])
def test_processes_lay_out_what_the_loop_would(tmp_path: Path, form: Form) -> None:
    given = lesson(tmp_path, form)
    several = Ahead(given, 2)
    found, wanted = list(taken(given, several)), list(taken(given, Ahead(given, 0)))
    several.close()
    assert len(found) == len(wanted) == 6 * 3
    assert all(map(same, found, wanted))
    assert all(batch.teacher_ids is not None for batch in found)


def test_a_step_that_was_not_awaited_begins_anew(tmp_path: Path) -> None:
    given = lesson(tmp_path)
    ahead, plain = Ahead(given, 1, rank=1, world=2), Ahead(given, 0, rank=1, world=2)
    smaller = msgspec.structs.replace(MEASURED, micro_batch=2)
    left = ahead.batches(2, ahead.cuts(given.batch(2), 3), MEASURED)
    next(left)  # memory ran out in the middle of step 2: smaller micro-batches from its beginning
    for measured, first in ((smaller, 2), (MEASURED, 4)):
        found, wanted = (list(taken(given, one, first, measured)) for one in (ahead, plain))
        assert found
        assert all(map(same, found, wanted))
    ahead.close()


def test_where_the_student_writes_rows_nothing_is_laid_out_ahead(tmp_path: Path) -> None:
    attempts: Any = SimpleNamespace()
    assert Ahead(lesson(tmp_path, attempts=attempts), 2).workers == 0


def test_what_cannot_be_read_is_said_as_in_one_process(tmp_path: Path) -> None:
    given = lesson(tmp_path)
    shard = tmp_path / "shard-00000.bin"
    shard.write_bytes(shard.read_bytes()[:40])
    ahead = Ahead(given, 1)
    with pytest.raises(RunFolderError, match="damaged") as caught:
        list(taken(given, ahead))
    assert caught.value.next == "run with --from capture"
    ahead.close()


PROGRAM = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from train.test_ahead import MEASURED, lesson
from imbik.train.ahead import Ahead
if __name__ == "__main__":
    given = lesson(Path({folder!r}))
    ahead = Ahead(given, 2)
    next(ahead.batches(0, ahead.cuts(given.batch(0), 3), MEASURED))
    print("begun", flush=True)
    time.sleep(300)
"""


def children(process: int) -> set[int]:
    found = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii").split()
    return {int(child) for child in found} | {each for child in found for each in children(int(child))}


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="processes are counted in /proc")
def test_a_training_that_is_killed_leaves_no_process(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    tests = str(Path(__file__).resolve().parent.parent)
    program.write_text(PROGRAM.format(tests=tests, folder=str(tmp_path / "logits")), encoding="utf-8")
    process = subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"begun\n"
    workers = children(process.pid)
    assert len(workers) >= 2
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    until = time.monotonic() + 30
    while (left := {worker for worker in workers if alive(worker)}) and time.monotonic() < until:
        time.sleep(0.2)
    assert not left


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{process}/stat").read_text(encoding="ascii").rsplit(") ", 1)[1][0] != "Z"
