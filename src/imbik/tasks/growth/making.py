"""A grown row as a task of the recipe's kind: read by the same builder as rows of a file, then told where it is from.

Enters: a row, the idea it came of. Leaves: a task with category, family, passage, level and origin, or why it is none.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from imbik.core.types import Origin, Sensitivity, Source, Task
from imbik.privacy.sensitivity import inherited
from imbik.recipe import Recipe
from imbik.recipe.tasks import Split
from imbik.tasks.build import Builder
from imbik.tasks.kinds import Kind
from imbik.tasks.recorded import RecordedAnswers
from imbik.tasks.rows import Quarantined, Row
from imbik.tasks.strategies import Idea

_PASSAGE = "context"


class Maker:
    """Makes tasks of grown rows. The recipe's `columns:` name columns of its own files, so they do not count here."""

    def __init__(self, recipe: Recipe, kind: Kind) -> None:
        self._recipe, self._kind = recipe, kind
        self._recorded = RecordedAnswers(recipe.model_copy(update={"teachers": {}}))
        self._builders: dict[str, Builder] = {}

    def make(
        self, row: Mapping[str, str], idea: Idea, strategy: str, teacher: str, level: Sensitivity
    ) -> Task | Quarantined:
        """The task; `level` is that of the teacher's answers."""
        values: dict[str, str] = {**row, **({_PASSAGE: idea.passage} if idea.passage else {})}
        place = idea.source or Source(file=f"grow/{strategy}", line=0)
        made = self._builder(idea.language).build(Row(values, place.file, place.line))
        if isinstance(made, Quarantined):
            return made
        return msgspec.structs.replace(
            made,
            id="g" + made.id[1:],
            category=idea.category,
            group=idea.family,
            sensitivity=inherited(idea.sensitivity, level),
            source=place,
            origin=Origin(by=strategy, how=idea.how, of=idea.made_of, teacher=teacher, depth=idea.depth),
        )

    def _builder(self, language: str) -> Builder:
        if language not in self._builders:
            update = {"columns": {}, "language": language, "sensitivity": "confidential", "split": Split()}
            settings = self._recipe.tasks.model_copy(update=update)
            self._builders[language] = Builder(settings, self._kind, self._recorded)
        return self._builders[language]
