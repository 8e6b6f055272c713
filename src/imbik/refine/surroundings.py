"""What checks may look at, loaded once in every process that judges.

Enters: the recipe and the run folder. Leaves: a CheckContext (kind, held-out tasks, folders, language). Sent to a
worker process it travels as recipe and path and is loaded there once: held-out tasks are too many to send with every
block.
"""

from __future__ import annotations

import re
from pathlib import Path

from imbik.core.runfolder import RunFolder
from imbik.recipe import Recipe
from imbik.refine.checks import CheckContext
from imbik.tasks.read import held_out, kind_of

_loaded: dict[str, CheckContext] = {}
_CODE = re.compile(r"[a-z]{2,3}(-[A-Za-z]+)?")


class Surroundings:
    """Callable that gives the context; `token` tells two states of one folder apart."""

    def __init__(self, recipe: Recipe, run: RunFolder, token: str) -> None:
        self.recipe, self.path = recipe, run.path
        self._state = "\n".join([str(run.path), str(recipe.base), token, recipe.tasks.model_dump_json()])

    def __call__(self) -> CheckContext:
        """The context, loaded at the first call in this process."""
        if self._state not in _loaded:
            _loaded.clear()
            run = RunFolder(Path(self.path))
            language = self.recipe.tasks.language
            _loaded[self._state] = CheckContext(
                kind=kind_of(self.recipe, run),
                held_out=held_out(run),
                base=self.recipe.base,
                run=run.path,
                language=language if _CODE.fullmatch(language) else "",
            )
        return _loaded[self._state]
