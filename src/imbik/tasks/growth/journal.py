"""Finished rounds of growing on disk, until the stage has written its parts.

Enters: rounds. Leaves: a file a round in `1_tasks/.grow`, whole or absent. A run that was killed reads them and goes on
behind the last: questions of a later round depend on earlier ones, so what failed then must stay failed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from imbik.core.errors import RunFolderError
from imbik.core.files import remove, write_bytes
from imbik.core.types import Record, Task

FOLDER = ".grow"


class Placed(Record, frozen=True, kw_only=True):
    """A task that was taken in, and its set. `raised`: detectors found identifiers in it, and it counts as more
    private than what it was made of."""

    task: Task
    set: str
    raised: bool = False


class Refused(Record, frozen=True, kw_only=True):
    """A line of `refused.jsonl`: a task that was not taken in. `reason` is one of few, `detail` is this one's own."""

    by: str
    category: str
    reason: str
    detail: str = ""
    text: str = ""


class Tried(Record, frozen=True, kw_only=True):
    """What became of one idea: tasks it brought, those that were new, or why it brought none. `over`: it had no idea
    more for this category."""

    strategy: str
    category: str
    offered: int = 0
    new: int = 0
    failed: str = ""
    over: bool = False


class Round(Record, frozen=True, kw_only=True):
    """One round, as it ended."""

    tried: tuple[Tried, ...] = ()
    placed: tuple[Placed, ...] = ()
    refused: tuple[Refused, ...] = ()


class Journal:
    """The rounds of one stage folder."""

    def __init__(self, stage: Path) -> None:
        self.folder = stage / FOLDER

    def read(self, number: int) -> Round | None:
        """A round that was finished before; None where it was not.

        Raises: RunFolderError for a damaged file.
        """
        path = self._path(number)
        if not path.exists():
            return None
        try:
            return msgspec.json.decode(path.read_bytes(), type=Round)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise RunFolderError(
                f"this round of growing is damaged ({error})", where=str(path), next=f"remove {path} and run again"
            ) from None

    def write(self, number: int, done: Round) -> None:
        """Keep a round."""
        self.folder.mkdir(exist_ok=True, mode=0o700)
        write_bytes(self._path(number), msgspec.json.encode(done))

    def rounds(self) -> Iterator[Round]:
        """All rounds, in order."""
        number = 0
        while (found := self.read(number)) is not None:
            yield found
            number += 1

    def clear(self) -> None:
        """Remove them: what they hold stands in the stage's own files."""
        remove(self.folder)

    def _path(self, number: int) -> Path:
        return self.folder / f"round-{number:05d}.json"
