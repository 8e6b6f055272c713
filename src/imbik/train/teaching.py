"""Training one variant with one seed: from a fresh student to `weights/` and `training.json`.

Enters: a pupil (the student before training), a variant's rows, what was measured. Leaves: a finished folder that
`load` reads. A folder with `training.json` is finished and not touched again; one without goes on from its checkpoints.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from imbik.core.files import digest, read_json, remove, write_json
from imbik.core.questions import Sampling
from imbik.models.model import weights_in
from imbik.models.save import save
from imbik.recipe import Recipe
from imbik.train.batches import Order, rows_for_tokens
from imbik.train.course import TrainingRecord
from imbik.train.lesson import Hooks, Lesson
from imbik.train.losses import DISTRIBUTIONS, Loss, Shared
from imbik.train.pairs import Pair, PairOrder
from imbik.train.pupil import Pupil
from imbik.train.rows import Row
from imbik.train.variants import Variant

if TYPE_CHECKING:
    from torch import Tensor, nn

    from imbik.models.engines import Generated
    from imbik.train.attempts import AttemptBooks
    from imbik.train.faculty import Faculty
    from imbik.train.loss_schedule import Courses
    from imbik.train.on_policy import Attempts, Reader
    from imbik.train.precision import Measured
    from imbik.train.tutor import Tutor

TRAINING = "training.json"
MEASURED = "measured.json"
SAMPLE_BATCHES = 4
VALIDATION_ROWS = 1000


@dataclass(frozen=True)
class Sets:
    """Encoded rows of one variant: what it learns and what it is validated on."""

    train: Sequence[Row]
    validation: Sequence[Row]


def rows_to_pass(recipe: Recipe, rows: Sequence[Row], seed: int, budget: int, share: float = 1.0) -> int:
    """How many rows a variant passes: by the recipe's steps (an adapter with a `share` of the rows: that share of them)
    or epochs, or by a control's budget of tokens."""
    if budget:
        return rows_for_tokens(rows, seed=seed, tokens=budget)
    if recipe.train.steps:
        return max(1, round(recipe.train.steps * recipe.train.batch_size * share))
    return max(1, round(recipe.train.epochs * len(rows)))


@dataclass(frozen=True)
class Assignment:
    """One variant and seed to train, with its rows and its budget of tokens (0: the recipe's steps or epochs).

    `longest` is the most tokens that a row may have; `reader` a served teacher that reads the student's own attempts,
    `tutor` one in this process that reads every row;
    `pairs` are texts to compare, `courses` says how losses change, `shared` are the tokens that student and teacher
    both have where their tokenizers differ, and `across` gives an attempt its teacher's side.
    """

    variant: Variant
    seed: int
    sets: Sets
    validation_losses: Sequence[Loss]
    budget: int
    folder: Path
    share: float = 1.0
    longest: int = 0
    reader: Reader | None = None
    tutor: Tutor | Faculty | None = None
    pairs: Sequence[Pair] = ()
    courses: Courses | None = None
    shared: Shared | None = None
    across: Callable[[Row], Row] | None = None

    @property
    def name(self) -> str:
        """`student seed 1`."""
        return f"{self.variant.name} seed {self.seed}"

    def finished(self) -> TrainingRecord | None:
        """The record of a finished training, else None."""
        path = self.folder / TRAINING
        return read_json(path, TrainingRecord) if path.exists() else None


def teach(task: Assignment, recipe: Recipe, pupil: Pupil, stage: Path, hooks: Hooks) -> TrainingRecord:
    """Train, save the weights that are kept, write the record."""
    import torch

    from imbik.train import fused
    from imbik.train.board import Board
    from imbik.train.checkpoints import Checkpoints
    from imbik.train.module import StudentModule, load_weights
    from imbik.train.trainer import StudentTrainer

    module = StudentModule(pupil.prepared.network, task.variant.losses, task.tutor, task.shared)
    module.sampled = any(row.sampled for row in task.sets.train)
    _hold(pupil, recipe.train.precision, hooks)
    if torch.cuda.is_available():
        module.to("cuda")
        if (reason := fused.why_not()) and not (stage / MEASURED).exists():
            hooks.say(f"losses are computed in several passes, which is slower: {reason}")
    lesson = _lesson(task, recipe)
    if attempting(recipe, task.variant):
        lesson = replace(lesson, attempts=_attempts(task, recipe, pupil, lesson))
    measured = _measured(module, lesson, recipe, pupil, stage, hooks)
    _hold(pupil, measured.precision, hooks)
    checkpoints = Checkpoints(task.folder / "checkpoints", hooks.say)
    board = Board(task.folder / "tensorboard")
    trainer = StudentTrainer(module, lesson, recipe.train, measured, checkpoints, board, hooks)
    hooks.begin(lesson.order.steps, trainer.position.step)
    trainer.run()
    board.close()
    load_weights(module, trainer.kept_weights())
    module.to("cpu")
    sha256 = tensors_digest(module)
    pupil.model.network = pupil.prepared.network  # type: ignore[assignment]
    save(
        pupil.model,
        task.folder / "weights",
        base=pupil.base,
        lineage={"variant": task.variant.name, "seed": str(task.seed), "weights": sha256},
    )
    record = _record(task, trainer, pupil, sha256)
    write_json(task.folder / TRAINING, record)
    checkpoints.clear()
    return record


def _hold(pupil: Pupil, precision: str, hooks: Hooks) -> None:
    """The frozen base of an adapter in the format it is computed in, where that is known (`auto`: not yet)."""
    from imbik.train.held import hold_frozen

    if pupil.base is None or precision not in ("bf16", "fp16"):
        return
    freed = hold_frozen(pupil.prepared.network, precision)  # type: ignore[arg-type]
    if freed > 1e6:
        hooks.say(f"frozen layers are held in {precision}: {freed / 1e6:,.0f} MB less")


def copy_student(task: Assignment, student: Path) -> TrainingRecord:
    """A control that equals the student takes the student's weights and says so."""
    remove(task.folder)
    task.folder.mkdir(parents=True, mode=0o700)
    shutil.copytree(student / "weights", task.folder / "weights")
    record = msgspec.structs.replace(
        read_json(student / TRAINING, TrainingRecord), variant=task.variant.name, same_as="student"
    )
    write_json(task.folder / TRAINING, record)
    return record


def tensors_digest(module: nn.Module) -> str:
    """SHA-256 over the weights that learned, by name: equal exactly when every bit is equal."""
    from imbik.train.module import trainable

    return digest(*(part for name, tensor in sorted(trainable(module).items()) for part in (name, _bytes(tensor))))


def _bytes(tensor: Tensor) -> bytes:
    import torch

    return tensor.contiguous().cpu().flatten().view(torch.uint8).numpy().tobytes()


def _lesson(task: Assignment, recipe: Recipe) -> Lesson:

    rows = list(task.sets.train)
    total = rows_to_pass(recipe, rows, task.seed, task.budget, task.share)
    bucketing = recipe.train.length_bucketing
    order = Order(rows, seed=task.seed, size=recipe.train.batch_size, total=total, bucketing=bucketing)
    return Lesson(
        name=task.name,
        seed=task.seed,
        rows=rows,
        order=order,
        validation=task.sets.validation,
        validation_losses=task.validation_losses,
        # A control is passed the student's tokens, whatever its own validation says.
        stopping=None if task.budget else recipe.train.early_stopping,
        pairs=PairOrder(task.pairs, task.seed, recipe.train.pairs.batch) if task.pairs and recipe.train.pairs else None,
        courses=task.courses,
    )


def attempting(recipe: Recipe, variant: Variant) -> bool:
    """Whether a variant learns at its own attempts: controls learn the text alone."""
    return recipe.train.on_policy is not None and DISTRIBUTIONS in variant.needs


def _attempts(task: Assignment, recipe: Recipe, pupil: Pupil, lesson: Lesson) -> Attempts:
    """What writes the student's attempts, keeps them and has them read."""
    from imbik.models.engines.transformers import TransformersEngine
    from imbik.train.attempts import FILE, AttemptStore
    from imbik.train.on_policy import Attempts

    assert recipe.train.on_policy is not None
    network: Any = pupil.prepared.network
    engine = TransformersEngine(replace(pupil.model, network=network), device=module_device(network))

    def write(prompts: Sequence[Sequence[int]], samplings: Sequence[Sampling], seeds: Sequence[int]) -> list[Generated]:
        learning = network.training
        network.eval()
        try:
            return engine.generate(prompts, samplings, seeds=seeds)
        finally:
            network.train(learning)

    store = AttemptStore(task.folder / FILE)
    longest = task.longest or pupil.model.context
    return Attempts(recipe.train.on_policy, lesson.order, lesson.rows, longest, write, store, task.reader, task.across)


def _measured(module: nn.Module, lesson: Lesson, recipe: Recipe, pupil: Pupil, stage: Path, hooks: Hooks) -> Measured:
    """What was measured for this stage: read where it is there, else found now and written before the first step."""
    import torch

    from imbik.train.memory import rows_that_fit
    from imbik.train.precision import Measured, measure

    path = stage / MEASURED
    if path.exists():
        measured = _overruled(read_json(path, Measured), recipe)
        if module_device(module) == "cpu":
            torch.set_num_threads(measured.threads)
        return measured
    train = recipe.train
    longest = max(len(row.ids) for row in lesson.rows)
    if lesson.attempts is not None:
        longest = max(longest, lesson.attempts.longest)
    micro = train.micro_batch or rows_that_fit(
        pupil.model.network, longest=longest, batch_size=train.batch_size, checkpointing=train.gradient_checkpointing
    )
    batches = sample_batches(lesson)
    module.train()
    measured = measure(module, batches, train, min(micro, train.batch_size))  # type: ignore[arg-type]
    for line in measured.lines:
        hooks.say(line)
    write_json(path, measured)
    return measured


def _overruled(measured: Measured, recipe: Recipe) -> Measured:
    """What the recipe says outright goes before what was measured: it may be how a person mends a resumed run."""
    train = recipe.train
    micro = min(train.micro_batch, train.batch_size) or measured.micro_batch
    return msgspec.structs.replace(measured, micro_batch=micro, threads=train.threads or measured.threads)


def sample_batches(lesson: Lesson) -> list[list[Row]]:
    """The first batches of a lesson, as lists of rows."""
    steps = range(min(SAMPLE_BATCHES, lesson.order.steps))
    return [lesson.batch(step) for step in steps]


def module_device(module: nn.Module) -> str:
    """`cpu`, `cuda` …"""
    return str(next(module.parameters()).device.type)


def _record(task: Assignment, trainer: Any, pupil: Pupil, sha256: str) -> TrainingRecord:
    from imbik.train.precision import padding

    position, measured, lesson = trainer.position, trainer.measured, trainer.lesson
    network = pupil.prepared.network
    last = trainer.train_settings.keep == "last" or not position.best_step
    books = None if lesson.attempts is None else lesson.attempts.store.books(position.step)
    return TrainingRecord(
        variant=task.variant.name,
        seed=task.seed,
        steps=position.step,
        planned_steps=lesson.order.steps,
        tokens=position.tokens,
        rows=len(lesson.rows),
        validation_rows=len(lesson.validation),
        losses=position.curve,
        kept_step=position.step if last else position.best_step,
        kept_loss=position.curve[-1].validation_loss if last else position.best_loss,
        stopped_early=position.stopped_early,
        seconds=round(position.seconds, 3),
        tokens_per_second=round(position.tokens / max(position.seconds, 1e-9), 1),
        precision=measured.precision,
        threads=measured.threads,
        layout=measured.layout,
        micro_batch=measured.micro_batch,
        padding=round(padding(sample_batches(lesson)), 4),
        parameters=weights_in(network),
        trainable=weights_in(network, learning=True),
        sha256=sha256,
        adapted=pupil.prepared.adapted,
        warnings=(*pupil.prepared.warnings, *attempts_told(books)),
        attempts=books,
    )


def attempts_told(books: AttemptBooks | None) -> list[str]:
    """What a person should know of attempts that were not taught."""
    if books is None or not books.reasons:
        return []
    return [str(books)]
