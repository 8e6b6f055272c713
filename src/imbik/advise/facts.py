"""What a diagnosis stands on: the records of one run, gathered once.

Enters: a run folder. Leaves: `Facts`: recipe, model sizes, the best seed's training record, books, scores, row lengths,
this machine's memory. Whatever is not there yet is None or empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from imbik.advise.runs import FOLDERS, manifests, recipe_of
from imbik.core import students
from imbik.core.errors import RunFolderError
from imbik.core.files import read_json
from imbik.core.runfolder import Manifest, RunFolder
from imbik.evaluate.scores import MetricScore, Scores, read_scores
from imbik.pipeline.estimate import estimate
from imbik.pipeline.rows import CHARACTERS_A_TOKEN, Rows, look
from imbik.pipeline.sizes import Size, student_size
from imbik.recipe import Recipe
from imbik.tasks.read import read_samples
from imbik.train.course import TrainingRecord

LOOK_ROWS = 2_000


@dataclass(frozen=True)
class Lengths:
    """Characters of the rows that are learned: mean, the 99th of a hundred, the longest; 0 where none were read."""

    mean: float = 0.0
    most: float = 0.0
    longest: float = 0.0


@dataclass(frozen=True)
class Facts:
    """Everything a diagnosis looks at."""

    recipe: Recipe
    size: Size | None = None
    training: TrainingRecord | None = None
    manifests: Mapping[str, Manifest] = field(default_factory=dict)
    scores: Scores | None = None
    rows: Rows = field(default_factory=Rows)
    lengths: Lengths = Lengths()
    learned: int = 0
    memory: int = 0
    needed: int = 0
    train_unfinished: bool = False

    @property
    def metric(self) -> str:
        """The metric that is quoted: the student's first."""
        student = self.scores.systems.get("student") if self.scores else None
        return next(iter(student.metrics), "") if student else ""

    def score(self, system: str) -> MetricScore | None:
        """A system's figure of the quoted metric."""
        found = self.scores.systems.get(system) if self.scores else None
        return found.metrics.get(self.metric) if found else None

    @property
    def rejected_share(self) -> float:
        """Share of answers that refine turned away."""
        refined = self.manifests.get("refine")
        return refined.books.rejected / refined.books.rows_in if refined and refined.books.rows_in else 0.0

    @property
    def characters_a_token(self) -> float:
        """How many characters one token of the student carries; 0 where it is not known."""
        training = self.training
        if training is None or not training.tokens or not training.steps or not self.lengths.mean:
            return 0.0
        return self.lengths.mean * training.steps * self.recipe.train.batch_size / training.tokens

    @property
    def validations(self) -> list[tuple[int, float]]:
        """Validation losses by step."""
        points = self.training.losses if self.training else ()
        return [(p.step, p.validation_loss) for p in points if p.validation_loss is not None]

    @property
    def losses(self) -> list[tuple[int, float]]:
        """Training losses by step."""
        return [(point.step, point.train_loss) for point in self.training.losses] if self.training else []


def gather(run: RunFolder) -> Facts:
    """All facts of a run; stages that have not run leave theirs empty."""
    import psutil

    recipe = recipe_of(run)
    done = manifests(run)
    rows = look(recipe, run)
    begun = (run.stage(FOLDERS["train"]) / ".begun.json").exists()
    lengths = sorted(_characters(run, recipe))
    refined = done.get("refine")
    return Facts(
        recipe=recipe,
        size=student_size(recipe),
        training=_training(run),
        manifests=done,
        scores=read_scores(run),
        rows=rows,
        lengths=_lengths(lengths),
        learned=refined.books.rows_out if refined else 0,
        memory=psutil.virtual_memory().total,
        needed=estimate(recipe, rows).memory_bytes,
        train_unfinished=begun and "train" not in done,
    )


def _training(run: RunFolder) -> TrainingRecord | None:
    """The record of the best seed, or of any seed where training did not end."""
    try:
        seed = students.best_seed(run)
    except RunFolderError:
        found = students.seeds(run)
        if not found:
            return None
        seed = found[0]
    path = students.trained(run, "student", seed) / "training.json"
    return read_json(path, TrainingRecord) if path.exists() else None


def _characters(run: RunFolder, recipe: Recipe) -> Iterator[int]:
    """Characters of the first learned rows, question and answer together."""
    if "refine" not in manifests(run):
        return
    for sample, _ in islice(read_samples(run, recipe), LOOK_ROWS):
        yield len(sample.task.text) + len(sample.reasoning) + len(sample.answer)


def _lengths(sizes: list[int]) -> Lengths:
    if not sizes:
        return Lengths()
    return Lengths(sum(sizes) / len(sizes), sizes[int(0.99 * (len(sizes) - 1))], sizes[-1])


def tokens_of(characters: float, facts: Facts) -> float:
    """Tokens of a text of so many characters, by the student's own measure where there is one."""
    return characters / (facts.characters_a_token or CHARACTERS_A_TOKEN)
