"""A data set of the Hugging Face hub, or one saved to disk by `datasets`.

Enters: an id such as `org/name`, or a folder written by `save_to_disk`. Leaves: its rows, class numbers as class
names; its `test` and `validation` splits prescribe their sets. Needs `datasets` (extra `data`); code of a data set is
never run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from imbik.core.errors import InputError, MissingExtraError
from imbik.core.types import Sensitivity
from imbik.tasks.rows import Quarantined, Row
from imbik.tasks.sources import SETS, PathSettings, located

MARKS = ("dataset_dict.json", "state.json")


class Hub:
    """Rows of a `datasets` data set."""

    class Settings(PathSettings):
        """Which data set."""

        name: str = Field("", description="configuration of the data set, where it has several")
        revision: str = Field("", description="commit or tag; say it, so that the rows stay the same")
        split: str = Field("", description="one split of it; empty: all")

    version = 1
    sensitivity: Sensitivity | None = None

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.notes: list[str] = []

    def files(self, base: Path) -> Sequence[Path]:
        """The folder of a saved data set; a hub id has no files here (its identity is id, name and revision)."""
        folder = located(self.settings.path, base)
        return [folder] if is_saved(folder) else []

    def rows(self, base: Path, split: str) -> Iterator[Row | Quarantined]:
        """Rows of all splits, or of one.

        Raises: InputError when it cannot be loaded or has no such split; MissingExtraError without `datasets`.
        """
        wanted = split or self.settings.split
        for name, data in self._splits(base, wanted).items():
            classes = {
                column: list(feature.names)
                for column, feature in (data.features or {}).items()
                if getattr(feature, "names", None) is not None
            }
            prescribed = "" if wanted else SETS.get(name, "" if name == "all" else name)
            for number, values in enumerate(data, start=1):
                yield Row(_named(values, classes), f"{self.settings.path}/{name}", number, prescribed)

    def _splits(self, base: Path, wanted: str) -> Mapping[str, Any]:
        try:
            import datasets
        except ImportError:
            raise MissingExtraError(
                "hub data sets need the library `datasets`",
                where=self.settings.path,
                next="pip install 'imbik[data]'",
            ) from None
        datasets.disable_progress_bars()
        folder = located(self.settings.path, base)
        try:
            if is_saved(folder):
                data = datasets.load_from_disk(str(folder))
            else:
                settings = self.settings
                data = datasets.load_dataset(settings.path, settings.name or None, revision=settings.revision or None)
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise InputError(
                f"this data set cannot be loaded: {str(error).splitlines()[0] if str(error) else type(error).__name__}",
                where=self.settings.path,
                next=_advice(),
            ) from None
        splits: dict[str, Any] = dict(data) if isinstance(data, dict) else {wanted or "all": data}
        if wanted and wanted not in splits:
            raise InputError(f"there is no split '{wanted}' (there: {', '.join(splits)})", where=self.settings.path)
        return {wanted: splits[wanted]} if wanted else splits


def is_saved(folder: Path) -> bool:
    """Whether a folder was written by `datasets.save_to_disk`."""
    return any((folder / mark).is_file() for mark in MARKS)


def _named(values: dict[str, Any], classes: Mapping[str, list[str]]) -> dict[str, Any]:
    """Class numbers as names; -1 is how data sets without labels say "none"."""
    for column, names in classes.items():
        number = values.get(column)
        if isinstance(number, int):
            values[column] = names[number] if 0 <= number < len(names) else None
    return values


def _advice() -> str:
    if os.environ.get("HF_HUB_OFFLINE") == "1" or os.environ.get("HF_DATASETS_OFFLINE") == "1":
        return "HF_HUB_OFFLINE is set: unset it, or give a folder written by save_to_disk"
    return "check id, name and split on the hub; a gated data set needs HF_TOKEN in the environment"
