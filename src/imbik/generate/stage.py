"""The generate stage: every training and validation task is put to the teacher that may see it.

Enters: `1_tasks/`. Leaves: `2_answers/part-*.jsonl` with every sample, answered or not. Answers already in the store
are not asked for again, so starting over after a crash costs reading only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from imbik.core.errors import ImbikError
from imbik.core.files import remove
from imbik.core.lineage import Leaves, sample_leaf
from imbik.core.plugins import identity
from imbik.core.runfolder import write_parts
from imbik.core.types import Outcome, Sample, Task
from imbik.generate.pilot import run_pilot
from imbik.generate.rounds import Rounds, known_answers, needed_share, reference_samples
from imbik.generate.tally import Tally
from imbik.recipe import Recipe
from imbik.stage import Asker, StageContext, StageResult
from imbik.tasks.questions import voices_of
from imbik.tasks.read import kind_of, read_tasks

ASKED_SETS = ("train", "validation")
_IN_ORDER = (
    "generate: rows are counted in their order; answers that came for later ones are stored too, and the same command "
    "goes on with all of them"
)


class GenerateStage:
    """Stage 2: answers from a teacher, from several by sensitivity, from records, or from the rows themselves."""

    name = "generate"
    folder = "2_answers"
    version = 1

    def needed(self, recipe: Recipe) -> bool:  # noqa: ARG002 - the contract of stages
        """Always: the rows' own answers pass through here too."""
        return True

    def inputs(self, recipe: Recipe) -> Sequence[str]:  # noqa: ARG002 - the contract of stages
        """The tasks."""
        return ("tasks",)

    def settings(self, recipe: Recipe, asker: Asker) -> object:
        """Everything that shapes the answers; of teachers their identity and sensitivity, never price or address."""
        generate = recipe.generate
        shared = {"from": generate.source, "kind": identity("tasks/kinds", recipe.tasks.kind)}
        if generate.source == "reference":
            return shared
        teachers = {name: [asker.identity(name), asker.sensitivity(name).value] for name in recipe.answering_teachers()}
        voices = {name: found.names for name in teachers if (found := voices_of(recipe, name))}
        cleaned = {} if recipe.privacy.clean == "none" else {"clean": recipe.privacy.clean}
        return {
            **shared,
            **cleaned,
            **generate.model_dump(mode="json", exclude={"source"}),
            "until_share": needed_share(recipe) if generate.samples.until else 0,
            "teachers": teachers,
            "voices": voices,
        }

    def run(self, context: StageContext) -> StageResult:
        """Ask, read, write.

        Raises: BlockedError when every row was held back; ImbikError when nothing was answered.
        """
        for path in [*context.folder.glob("*.jsonl"), *context.folder.glob(".*.jsonl*")]:
            remove(path)
        tally, leaves = Tally(context.run.typed), Leaves()
        context.progress.begin(self.name, self._expected(context))
        try:
            write_parts(context.folder, self._watched(context, tally, leaves))
        except (ImbikError, KeyboardInterrupt):
            context.progress.stop(self.name)
            context.progress.say(_IN_ORDER)
            raise
        if tally.outcomes[Outcome.PENDING]:  # the pipeline says why they are, and the stage goes on later
            context.progress.stop(self.name)
        else:
            context.progress.end(self.name)
            tally.refuse_nothing(context.recipe, str(context.folder))
        recorded = bool(known_answers(context.recipe))
        return StageResult(tally.books(), leaves, tally.sensitivity, warnings=tally.warnings(context.recipe, recorded))

    def _watched(self, context: StageContext, tally: Tally, leaves: Leaves) -> Iterator[Sample]:
        for sample in self._samples(context):
            leaves.append(sample_leaf(sample))
            if sample.completion.outcome is not Outcome.PENDING:
                context.progress.advance(self.name)
            yield tally.add(sample)

    def _samples(self, context: StageContext) -> Iterator[Sample]:
        if context.recipe.generate.source == "reference":
            return reference_samples(_asked(context))
        kind = kind_of(context.recipe, context.run)
        run_pilot(context.recipe, kind, context.asker, lambda: _asked(context), context.progress, context.run)
        rounds = Rounds(context.recipe, kind, context.asker, context.folder, lambda: _asked(context))
        return rounds.samples()

    def _expected(self, context: StageContext) -> int:
        """Samples at least: what a bar can be drawn against."""
        voices = [voices_of(context.recipe, name) for name in context.recipe.answering_teachers()]
        each = max((len(found.names) for found in voices if found), default=0)
        least = 1 if context.recipe.generate.source == "reference" else context.recipe.generate.samples.min
        return sum(1 for _ in _asked(context)) * (each or least) * context.recipe.most_teachers


def _asked(context: StageContext) -> Iterator[Task]:
    """Training and validation tasks, in their order."""
    return (task for task, name in read_tasks(context.run) if name in ASKED_SETS)
