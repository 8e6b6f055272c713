"""What checks may look at, loaded once in every process that judges.

Enters: the recipe and the run folder. Leaves: a CheckContext (kind, held-out tasks). Sent to a worker process it
travels as recipe and path and is loaded there once: held-out tasks are too many to send with every block.
"""

from __future__ import annotations

from pathlib import Path

from imbik.core.runfolder import RunFolder
from imbik.recipe import Recipe
from imbik.refine.checks import CheckContext
from imbik.tasks.read import held_out, kind_of

_loaded: dict[tuple[str, str], CheckContext] = {}


class Surroundings:
    """Callable that gives the context; `token` tells two states of one folder apart."""

    def __init__(self, recipe: Recipe, run: RunFolder, token: str) -> None:
        self.recipe, self.path, self.token = recipe, run.path, token

    def __call__(self) -> CheckContext:
        """The context, loaded at the first call in this process."""
        key = (str(self.path), self.token)
        if key not in _loaded:
            _loaded.clear()
            run = RunFolder(Path(self.path))
            _loaded[key] = CheckContext(kind=kind_of(self.recipe, run), held_out=held_out(run))
        return _loaded[key]
