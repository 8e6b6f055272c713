"""Taxonomy: the hand-written tasks of a topic tree, each with its branch as category.

Enters: a taxonomy file, or the name of one that ships with imbik (see `imbik.tasks.taxonomy`). Leaves: a row a task.
Shipped taxonomies are public; of others the recipe says what they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import Field

from imbik.core.plugins import PluginSettings, RecipePath
from imbik.core.types import Sensitivity
from imbik.tasks.rows import Quarantined, Row
from imbik.tasks.sources import refuse_split
from imbik.tasks.taxonomy import SHIPPED, read_taxonomy, taxonomy_file


class TaxonomyTasks:
    """Rows of a taxonomy's own tasks."""

    class Settings(PluginSettings):
        """Which taxonomy."""

        path: RecipePath = Field(min_length=1, description="a taxonomy file, or a shipped one's name such as turkce")

    version = 1

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.notes: list[str] = []

    @property
    def sensitivity(self) -> Sensitivity | None:
        """Public where it is one of imbik's own."""
        named = self.settings.path
        return Sensitivity.PUBLIC if (SHIPPED / f"{named}.yaml").is_file() and "/" not in named else None

    def files(self, base: Path) -> Sequence[Path]:
        """The one file."""
        return [taxonomy_file(self.settings.path, base)]

    def rows(self, base: Path, split: str) -> Iterator[Row | Quarantined]:
        """A row a task, from the root down, with the name of its branch as `category`."""
        refuse_split(split, self.settings.path)
        for branch in read_taxonomy(self.settings.path, base).branches:
            for task in branch.tasks:
                yield Row({"category": branch.name, **task.values}, self.settings.path, task.line)
