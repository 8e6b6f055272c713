"""The checks of a recipe, built and named: for the stage, and for what is said before a run.

Enters: a recipe. Leaves: its checks in order, the kind's own where it names none; a second check of one name is told
apart by its number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imbik.core.files import file_digest
from imbik.core.plugins import PluginBlock, make
from imbik.core.types import Verdict
from imbik.recipe import Recipe
from imbik.refine.checks import NamesFiles

_MENDABLE = ("row", "group", "asked")


@dataclass(frozen=True)
class NamedCheck:
    """A check as the recipe names it, built."""

    name: str
    check: Any
    block: PluginBlock

    @property
    def scope(self) -> str:
        """row, group, all, edit or asked."""
        return str(self.check.scope)

    @property
    def repairable(self) -> bool:
        """Whether its rejections may be put to the teacher again."""
        return self.scope in _MENDABLE and bool(getattr(self.check, "repairable", True))

    def can_be_mended(self, verdict: Verdict) -> bool:
        """Whether this rejection says something that its teacher could do better: a crash of the check does not, nor
        does a judge's lack of a verdict."""
        judged = bool(getattr(self.check, "judged", lambda _: True)(verdict))
        return self.repairable and judged and not verdict.reason.startswith(f"check {self.name} crashed:")

    @property
    def teachers(self) -> tuple[str, ...]:
        """The teachers that it asks."""
        return tuple(self.check.teachers) if self.scope == "asked" else ()

    def files(self, base: Path) -> Sequence[Path]:
        """The files that its settings name."""
        return self.check.files(base) if isinstance(self.check, NamesFiles) else ()

    def digests(self, base: Path) -> dict[str, str]:
        """Content of those files by name; '' for one that is missing."""
        return {path.name: file_digest(path) if path.exists() else "" for path in self.files(base)}


def blocks_of(recipe: Recipe) -> list[PluginBlock]:
    """The checks as the recipe, or else its kind, names them."""
    if recipe.refine:
        return list(recipe.refine)
    return [PluginBlock(use=name) for name in make("tasks/kinds", recipe.tasks.kind).checks]


def checks_of(recipe: Recipe) -> list[NamedCheck]:
    """The checks, built."""
    named, seen = [], Counter[str]()
    for block in blocks_of(recipe):
        seen[block.use] += 1
        name = block.use if seen[block.use] == 1 else f"{block.use}-{seen[block.use]}"
        named.append(NamedCheck(name, make("refine/checks", block), block))
    return named
