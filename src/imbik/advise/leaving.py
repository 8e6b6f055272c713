"""The door for a file of reviewed rows: what `imbik data` asks before rows are handed over, asked for such a file too.

Enters: a run, the file, rows with verdicts as they are written. Leaves: one decision for all of them, with audit lines;
a folder on a server is a remote path. Where one row may not go there, no file is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from imbik.core.errors import BlockedError
from imbik.core.runfolder import RunFolder
from imbik.core.types import Sample, Sensitivity
from imbik.exchange.leaving import Door
from imbik.privacy.destinations import destination
from imbik.recipe import Recipe
from imbik.review.exporting import level_of
from imbik.review.store import ExpertVerdict


class FileDoor:
    """The gate of one file."""

    def __init__(self, run: RunFolder, recipe: Recipe, file: Path) -> None:
        self._door = Door(run, recipe, destination(str(file.absolute())))
        self._any = False

    def __enter__(self) -> FileDoor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._door.__exit__(kind, error, trace)

    def row(self, sample: Sample, given: Sequence[ExpertVerdict]) -> None:
        """A row that is to leave, with what was said of it."""
        task = sample.task
        texts = [*(turn.content for turn in task.messages), task.passage, sample.reasoning, sample.answer]
        self._take(task.id, level_of(sample), [*texts, *_said(given)])

    def gone(self, given: Sequence[ExpertVerdict]) -> None:
        """Verdicts on a row that is not here any more: nothing says how private it was."""
        self._take(given[0].row.partition("#")[0] or given[0].content, Sensitivity.SPECIAL, _said(given))

    def decide(self) -> None:
        """Ask the gate for all of them.

        Raises: BlockedError where a row may not leave.
        """
        if not self._any:
            return
        try:
            self._door.decide()
        except BlockedError as error:
            raise BlockedError(
                error.what,
                where=error.where,
                next="write it to a folder of this machine; or the operator's file may list the server with what it "
                "`accepts:`",
            ) from None

    def _take(self, task: str, level: Sensitivity, texts: Sequence[str]) -> None:
        self._any = True
        self._door.take(self._door.look(task, level, [text for text in texts if text]))


def _said(given: Sequence[ExpertVerdict]) -> list[str]:
    return [text for item in given for text in (item.verdict.reason, item.answer, item.reasoning) if text]
