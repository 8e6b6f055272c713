"""The refine stage: every check of the recipe, in order, on every answered sample.

Enters: `2_answers/`. Leaves: `3_refined/part-*.jsonl` (kept), `rejected-*.jsonl` (a file a way through the samples),
`checks.json` (counts by check), and books that balance: answered samples are kept, rejected or, where a check that asks
could not ask yet, pending; all others count as failed under their outcome.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from imbik.core.executor import BLOCK_ROWS
from imbik.core.files import file_digest, remove
from imbik.core.plugins import identity
from imbik.core.runfolder import RunFolder
from imbik.recipe import Recipe
from imbik.refine.checks import ReadsBeside, ShapedByOthers
from imbik.refine.named import NamedCheck, checks_of
from imbik.refine.work import Work
from imbik.stage import Asker, StageContext, StageResult


class RefineStage:
    """Stage 3: keep what holds, say why the rest does not."""

    name = "refine"
    folder = "3_refined"
    version = 1

    def __init__(self, block_rows: int = BLOCK_ROWS) -> None:
        self.block_rows = block_rows

    def needed(self, recipe: Recipe) -> bool:  # noqa: ARG002 - the contract of stages
        """Always: without checks it passes answered samples on."""
        return True

    def inputs(self, recipe: Recipe) -> Sequence[str]:  # noqa: ARG002 - the contract of stages
        """Answers, and the held-out tasks that leakage looks at."""
        return ("tasks", "generate")

    def settings(self, recipe: Recipe, asker: Asker) -> object:
        """The checks with their settings, versions, files and the teachers that they ask; and the kind."""
        checks = [_identity(named, recipe, asker) for named in checks_of(recipe)]
        found = {"kind": identity("tasks/kinds", recipe.tasks.kind), "checks": checks}
        if recipe.repair is None:
            return found
        names = recipe.answering_teachers()
        return found | {
            "repair": recipe.repair.model_dump(mode="json"),
            "asked as": recipe.generate.model_dump(mode="json", exclude={"source"}),
            "teachers": {name: [asker.identity(name), asker.sensitivity(name).value] for name in names},
        }

    def outside(self, recipe: Recipe, run: RunFolder, asker: Asker) -> Mapping[str, str]:
        """Calibrations that decide what a judge may do: content by file name, '' for one that is not there yet."""
        found: dict[str, str] = {}
        for named in checks_of(recipe):
            if isinstance(named.check, ReadsBeside):
                identities = {name: asker.identity(name) for name in named.teachers}
                paths = named.check.outside(identities, recipe.base, run.home)
                found |= {f"{named.name} {path.name}": file_digest(path) if path.exists() else "" for path in paths}
        return found

    def run(self, context: StageContext) -> StageResult:
        """Refine from the start: partial work is cheap to do again, and what was asked is in the store.

        Raises: ImbikError when nothing is left to learn from, or when a check crashes on every sample.
        """
        for path in [*context.folder.glob("*.jsonl"), *context.folder.glob(".*.jsonl*")]:
            remove(path)
        result = Work(context, self.block_rows).result()
        context.progress.end(self.name)
        return result


def _identity(named: NamedCheck, recipe: Recipe, asker: Asker) -> dict[str, object]:
    """What the hash holds of one check."""
    found: dict[str, object] = {
        "use": named.block.use,
        "raw": named.block.raw,
        "version": getattr(named.check, "version", 1),
    }
    if files := named.digests(recipe.base):
        found["files"] = files
    if isinstance(named.check, ShapedByOthers):
        found["shaped by"] = named.check.shaped_by(recipe.base)
    if named.teachers:
        found["teachers"] = {name: [asker.identity(name), asker.sensitivity(name).value] for name in named.teachers}
    return found
