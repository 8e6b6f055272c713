"""Semantic: a question asked again in other words, found by a local encoder.

Enters: all samples. Leaves: verdicts for those of a task whose question is as near as the threshold to one kept before
it (by row id), naming it. Rows of one set are compared; two whose known answers differ are two problems, and an
augmented task may be near its own. Vectors lie on the disk and are compared block by block, so memory does not hold
them; the work grows with the square of the tasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from pydantic import Field

from imbik.core.plugins import PluginSettings, RecipePath
from imbik.core.types import Sample, Task, Verdict
from imbik.refine.checks import CheckContext
from imbik.refine.shelves import Shelf
from imbik.tasks.grams import task_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from imbik.models.encoder import Encoder

_BLOCK, _PLACES = 512, 4


@dataclass(frozen=True)
class Vectors:
    """A block: `vectors` (tasks, hidden size), and of each task its id, set, known answer, `same_as` and samples."""

    folder: Path
    vectors: NDArray[np.float32]
    tasks: Sequence[tuple[str, str, str, str]]
    samples: Sequence[Sequence[str]]


class Embedded:
    """All blocks; tasks in memory, vectors and ids of samples on the disk."""

    def __init__(self, blocks: Iterable[Vectors]) -> None:
        import numpy as np

        self.tasks: list[tuple[str, str, str, str]] = []
        for block in blocks:
            if not self.tasks:
                self._vectors, self._samples = Shelf(block.folder, "float32"), Shelf(block.folder, "uint8")
            told = [msgspec.json.encode(names) for names in block.samples]
            self._samples.add(b"".join(told), np.array(list(map(len, told)), np.int64))
            self._vectors.add(block.vectors, np.full(len(block.vectors), block.vectors.shape[1]))
            self.tasks += block.tasks
        for shelf in (self._vectors, self._samples) if self.tasks else ():
            shelf.close()

    def vectors(self, tasks: Sequence[int]) -> NDArray[np.float32]:
        """(tasks, hidden size) of some."""
        import numpy as np

        return np.stack([self._vectors.of(task) for task in tasks])

    def samples(self, task: int) -> list[str]:
        """The ids of a task's samples."""
        return msgspec.json.decode(self._samples.bytes_of(task), type=list[str])


class Semantic:
    """Rejects questions near a kept one in meaning."""

    class Settings(PluginSettings):
        """Which encoder, and how near is too near."""

        encoder: RecipePath = Field(description="folder of a local encoder (mean of its last hidden states)")
        threshold: float = Field(0.95, gt=0, le=1, description="cosine similarity that makes twins; encoders differ")

    version = 1
    scope = "all"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def verify(self, base: Path) -> None:
        """Raises: ModelError for a folder without a whole, safe model."""
        from imbik.models.folder import check_folder

        check_folder(self._folder(base))

    def shaped_by(self, base: Path) -> str:
        """The encoder's weights and tokenizer; '' where there is none."""
        from imbik.models.folder import files_fingerprint

        folder = self._folder(base)
        return files_fingerprint(folder) if folder.is_dir() else ""

    def sketch(self, samples: Sequence[Sample], context: CheckContext) -> Vectors:
        """The vectors of a block's questions."""
        tasks = {sample.task.id: sample.task for sample in samples}
        sets = {task.id: name for name, held_out in context.held_out.items() for task in held_out if task.id in tasks}
        said: dict[str, list[str]] = {name: [] for name in tasks}
        for sample in samples:
            said[sample.task.id].append(sample.id)
        return Vectors(
            folder=context.run,
            vectors=_encoder(self._folder(context.base)).encode([task_text(task) for task in tasks.values()]),
            tasks=[(name, sets.get(name, ""), _known(task, context), _same_as(task)) for name, task in tasks.items()],
            samples=list(said.values()),
        )

    def merge(self, sketches: Iterable[Vectors]) -> Embedded:
        """All blocks, put by as they come."""
        return Embedded(sketches)

    def decide(self, sketch: Embedded, context: CheckContext) -> dict[str, Verdict]:  # noqa: ARG002 - the contract
        """Verdicts of rejected samples only; the same whatever order the rows came in."""
        tasks = sketch.tasks
        order = sorted(range(len(tasks)), key=lambda at: tasks[at][0])
        kept, verdicts = [True] * len(tasks), dict[str, Verdict]()
        for start in range(0, len(order), _BLOCK):
            rows = order[start : start + _BLOCK]
            for row, found in zip(rows, self._near(sketch, rows, order[:start], kept), strict=True):
                twin = self._twin(tasks, row, found, kept)
                if twin is None:
                    continue
                kept[row] = False
                reason = f"means what row '{tasks[twin[1]][0]}' asks (cosine {twin[0]:.3f})"
                verdicts |= {name: Verdict(by="semantic", keep=False, reason=reason) for name in sketch.samples(row)}
        return verdicts

    def _near(
        self, sketch: Embedded, rows: Sequence[int], earlier: Sequence[int], kept: Sequence[bool]
    ) -> list[list[tuple[float, int]]]:
        """For each of the rows (cosine, task) of those before it that reach the threshold, in order."""
        import numpy as np

        mine, found = sketch.vectors(rows), [list[tuple[float, int]]() for _ in rows]
        alive = [task for task in earlier if kept[task]]
        for start in range(0, len(alive) + _BLOCK, _BLOCK):
            others = alive[start : start + _BLOCK] if start < len(alive) else list(rows)
            own = start >= len(alive)
            likeness = np.round(mine @ (mine if own else sketch.vectors(others)).T, _PLACES)
            for at, place in np.argwhere(likeness >= self.settings.threshold).tolist():
                if not own or place < at:
                    found[at].append((float(likeness[at, place]), others[place]))
            if own:
                break
        return found

    def _twin(
        self, tasks: Sequence[tuple[str, str, str, str]], row: int, found: Sequence[tuple[float, int]],
        kept: Sequence[bool],
    ) -> tuple[float, int] | None:  # fmt: skip
        """The nearest that is kept and may be one, of equals the earliest."""
        _, of_set, known, same_as = tasks[row]
        may = [
            (likeness, other)
            for likeness, other in found
            if kept[other]
            and tasks[other][1] == of_set
            and tasks[other][3] != same_as
            and not (known and tasks[other][2] and known != tasks[other][2])
        ]
        return max(may, key=lambda pair: pair[0], default=None)

    def _folder(self, base: Path) -> Path:
        return base / Path(self.settings.encoder).expanduser()


def _known(task: Task, context: CheckContext) -> str:
    """What the known answer means; '' where nobody knows it."""
    return context.kind.canonical(task.reference.text, task) if task.reference is not None else ""


def _same_as(task: Task) -> str:
    return (task.origin.same_as if task.origin is not None else "") or task.id


@lru_cache(maxsize=2)
def _encoder(folder: Path) -> Encoder:
    from imbik.models.encoder import Encoder

    return Encoder(folder)
