"""The micro-batches of a step: laid out as the loop takes them, or ahead of it by processes of their own.

Enters: step numbers, the lesson, what was measured. Leaves: micro-batches in the order of the loop, the same with any
number of processes. A process is handed rows, reads from the disk what a teacher said of them, and hands back tensors
as bytes through a pipe, for the shared memory of a container may be small.
"""

from __future__ import annotations

import os
import pickle
import threading
import warnings
from collections.abc import Iterator, Sequence
from io import BytesIO
from multiprocessing import parent_process
from typing import Any, NamedTuple

from torch import Generator, Tensor, from_numpy
from torch.utils.data import DataLoader

from imbik.core.errors import ImbikError, TrainingError
from imbik.train.batches import Layout, MicroBatch, lay_out
from imbik.train.lesson import Lesson
from imbik.train.precision import Measured
from imbik.train.rows import Row

Cut = Sequence[Row]


def lost_process(error: BaseException) -> TrainingError | None:
    """What to say where DataLoader found one of the processes dead, which it does in the middle of anything."""
    if "DataLoader worker" not in str(error):
        return None
    return TrainingError(
        "a process that lays out batches ended: it was killed, or the program that trains has no "
        'if __name__ == "__main__"',
        where="train.workers",
        next="--set train.workers=0, or fewer of them; the same command goes on from the last checkpoint",
    )


class _Task(NamedTuple):
    """What a process is asked for."""

    rows: Cut
    layout: Layout


class _LayOut:
    """What DataLoader takes for a data set: lays out the task that it takes for an index."""

    def __getitem__(self, task: _Task) -> bytes:
        """A pickled MicroBatch, or the error that says why there is none."""
        try:
            made: object = lay_out(task.rows, task.layout)
        except ImbikError as error:
            made = error
        stream = BytesIO()
        _Packer(stream, pickle.HIGHEST_PROTOCOL).dump(made)
        return stream.getvalue()


class _Packer(pickle.Pickler):
    """Pickles tensors as numpy's arrays: a copy of their bytes, where torch writes a file."""

    def reducer_override(self, given: object) -> Any:
        """How a tensor comes back; everything else as usual."""
        return (from_numpy, (given.numpy(),)) if isinstance(given, Tensor) else NotImplemented


def _end_with_parent(_: int) -> None:
    """End when the training was killed, even before this process had begun (DataLoader's own watch misses that)."""
    parent = parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


class Ahead:
    """Micro-batches of one training. Of `world` processes that share steps, the one numbered `rank` takes its rows."""

    def __init__(self, lesson: Lesson, workers: int, rank: int = 0, world: int = 1) -> None:
        self.lesson, self.rank, self.world = lesson, rank, world
        self.workers = 0 if lesson.attempts is not None else workers  # what a student will write is not known ahead
        self._stream: Iterator[bytes] | None = None
        self._next: tuple[int, Measured] | None = None

    def cuts(self, rows: Cut, micro_batch: int) -> list[Cut]:
        """This process's rows of a step, a micro-batch at a time; one row that counts nothing where it has none."""
        own = list(rows)[self.rank :: self.world] or [rows[0].counting_nothing()]
        return [own[at : at + micro_batch] for at in range(0, len(own), micro_batch)]

    def batches(self, step: int, cuts: Sequence[Cut], measured: Measured) -> Iterator[MicroBatch]:
        """The micro-batches of a step. Where a step is taken that was not awaited, the processes begin anew at it.

        Raises: ModelError, RunFolderError where what a teacher said cannot be read.
        """
        if not self.workers:
            yield from (lay_out(cut, measured.layout) for cut in cuts)
            return
        if self._stream is None or self._next != (step, measured):
            self._stream = self._begin(step, measured)
        self._next = None
        for _ in cuts:
            found = pickle.loads(next(self._stream))  # noqa: S301 (of a process of this one)
            if isinstance(found, ImbikError):
                raise found
            assert isinstance(found, MicroBatch)
            yield found
        self._next = (step + 1, measured)

    def close(self) -> None:
        """End the processes."""
        self._stream = None

    def _begin(self, step: int, measured: Measured) -> Iterator[bytes]:
        """Processes that lay out from a step on. They are started fresh: copies would hold the run's lock and card."""
        self.close()
        steps = range(step, self.lesson.order.steps)
        tasks = (
            _Task(cut, measured.layout)
            for number in steps
            for cut in self.cuts(self.lesson.batch(number), measured.micro_batch)
        )
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="This DataLoader will create", category=UserWarning)
            loader: DataLoader[bytes] = DataLoader(
                _LayOut(),  # type: ignore[arg-type]
                batch_size=None,
                sampler=tasks,
                num_workers=self.workers,
                multiprocessing_context="spawn",
                generator=Generator(),
                worker_init_fn=_end_with_parent,
            )
            return iter(loader)
