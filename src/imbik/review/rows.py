"""The samples that experts are shown, read one by one from where the refine stage wrote them.

Enters: a run folder and the rows shown. Leaves: a sample, only if it still is what was to be shown: its content is
hashed again when it is read. Of all samples only the places in their files are held in memory.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import msgspec

from imbik.core.runfolder import RunFolder
from imbik.core.types import Record, Sample
from imbik.review.content import content_key
from imbik.review.shown import REFINED, Shown

_decode = msgspec.json.Decoder(Sample).decode


class _TaskId(Record, frozen=True, kw_only=True):
    id: str


class _Named(Record, frozen=True, kw_only=True):
    """What a sample's id is made of."""

    task: _TaskId
    teacher: str
    number: int


class Rows:
    """Places of the wanted samples by id."""

    def __init__(self, run: RunFolder) -> None:
        self.folder = run.stage(REFINED)
        self._places: dict[str, tuple[Path, int]] = {}
        self._wanted: frozenset[str] = frozenset()

    def want(self, ids: Collection[str]) -> None:
        """Find these samples; others are forgotten."""
        self._wanted = frozenset(ids)
        self._find()

    def sample(self, shown: Shown) -> Sample | None:
        """The sample, or None where it is gone or has become another."""
        found = self._read(shown)
        if found is None and shown.row in self._wanted:
            self._find()
            found = self._read(shown)
        return found

    def _read(self, shown: Shown) -> Sample | None:
        place = self._places.get(shown.row)
        if place is None:
            return None
        try:
            with place[0].open("rb") as stream:
                stream.seek(place[1])
                sample = _decode(stream.readline())
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None
        return sample if sample.id == shown.row and content_key(sample) == shown.content else None

    def _find(self) -> None:
        decode, found = msgspec.json.Decoder(_Named).decode, dict[str, tuple[Path, int]]()
        for path in sorted(self.folder.glob("part-*.jsonl")) if self._wanted else ():
            at = 0
            with path.open("rb") as stream:
                for line in stream:
                    named = decode(line)
                    row = f"{named.task.id}#{named.teacher}#{named.number}"
                    if row in self._wanted:
                        found[row] = (path, at)
                    at += len(line)
        self._places = found
