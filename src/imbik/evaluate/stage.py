"""The evaluate stage: every system on the same held-out rows, figures with intervals, two pages, and the bars.

Enters: 1_tasks, 6_student, 7_export and the teacher through `ask`. Leaves: 8_report with scores.json, report.html,
report.md and answers/. A missed bar stops the run once the report is there, so that a person can read why; bars are no
part of the hash, so another bar is held against the same figures.
"""

from __future__ import annotations

from collections.abc import Sequence

from imbik.core.plugins import identity
from imbik.core.runfolder import RunFolder
from imbik.evaluate import require
from imbik.evaluate.require import metric_blocks
from imbik.evaluate.scores import FOLDER
from imbik.recipe import Recipe
from imbik.stage import Asker, StageContext, StageResult


class EvaluateStage:
    """Whole-shaped. A resumed evaluation asks only the systems whose answers are not whole."""

    name = "evaluate"
    folder = FOLDER
    version = 1

    def needed(self, recipe: Recipe) -> bool:  # noqa: ARG002 - the contract of stages
        """Every recipe is evaluated."""
        return True

    def inputs(self, recipe: Recipe) -> Sequence[str]:
        """All stages whose rows or models the report speaks of."""
        review = ("review",) if recipe.review else ()
        export = ("export",) if recipe.export else ()
        return ("tasks", "generate", "refine", *review, "train", *export)

    def settings(self, recipe: Recipe, asker: Asker) -> object:
        """What is measured, by which metrics, and who the teacher is."""
        teachers = recipe.answering_teachers() if "teacher" in recipe.evaluate.against else []
        generate = recipe.generate.model_dump(mode="json", by_alias=True, exclude={"samples"})
        measured = recipe.evaluate.model_dump(mode="json", exclude={"metrics", "batch_size", "require"})
        return {
            "evaluate": measured,  # bars are judged in `conclude`
            "metrics": [identity("evaluate/metrics", block) for block in metric_blocks(recipe)],
            "kind": identity("tasks/kinds", recipe.tasks.kind),
            "teachers": {name: [asker.identity(name), asker.sensitivity(name).value] for name in teachers},
            "generate": generate if teachers else {"max_tokens": recipe.generate.max_tokens},
        }

    def run(self, context: StageContext) -> StageResult:
        """Measure every system and write the report.

        Raises: InputError when nothing is held out.
        """
        from imbik.evaluate.measure import measure
        from imbik.evaluate.pages import HTML, write_report

        require.check(context.recipe)
        measured = measure(context)
        found = measured.findings()
        write_report(context.folder, found)
        if found.pending:
            context.progress.say(f"{found.pending} Everything else is measured: {context.folder / HTML}")
        return measured.result()

    def conclude(self, recipe: Recipe, run: RunFolder) -> None:
        """Hold the figures against `evaluate.require`.

        Raises: BarNotMetError naming every bar that was missed.
        """
        from imbik.evaluate.pages import HTML, hold_against

        folder = run.stage(self.folder)
        require.refuse_unmet(hold_against(folder, recipe.evaluate.require), str(folder / HTML))
