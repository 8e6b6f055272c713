"""A run on rented graphics cards: memory, hours and dollars for 1, 4 and 8 of them, said before anything is rented.

Enters: a recipe, its rows, a card. Leaves: a plan for each number of cards, every figure a range. Training takes 6
floating-point operations a weight and token where all weights learn and 4 where an adapter does (the frozen weights
need no gradient of their own), 2 more with checkpointing (Kaplan et al. 2020, arXiv:2001.08361); a teacher served on
the same cards takes 2 to write a token, and to read one for its logits. Of the maker's TFLOP/s training and reading use
between 20 and 45%, writing between 5 and 25% (many rows at once). Memory for training is preflight's own estimate, for
one row at a time, which is what has to fit; it does not shrink with more cards: each holds the whole student.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from imbik.core.runfolder import RunFolder
from imbik.pipeline.amounts import answer_tokens, answers, asked_tokens, teacher_calls, training_tokens, variants
from imbik.pipeline.estimate import beside_bytes, estimate, memory_bytes
from imbik.pipeline.money import Cost
from imbik.pipeline.reach import HERE
from imbik.pipeline.rows import Rows, look
from imbik.pipeline.sizes import Size, student_size, with_shape
from imbik.recipe import Recipe
from imbik.teachers.catalogue.hardware import KnownCard, shape_of

COUNTS = (1, 4, 8)
TRAINING, WRITING, SHARED = (0.20, 0.45), (0.05, 0.25), (0.85, 0.95)
"""Shares of a card's speed that are used in training and in writing, and of several cards' together."""
_ROOM = 0.9  # of a card's memory: the rest is the driver's and fragments


@dataclass(frozen=True)
class Range:
    """From `low` to `high`."""

    low: float
    high: float

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.high + other.high)

    def times(self, low: float, high: float) -> Range:
        """Both ends times a range."""
        return Range(self.low * low, self.high * high)


@dataclass(frozen=True)
class CardPlan:
    """What a number of cards take: `training` and `teaching` in hours (None: it does not fit, or nobody is served
    there), bytes a card for the student, USD for cards and for answers that are paid by the token, and all together.
    """

    cards: int
    student_bytes: int
    training: Range | None
    teacher_bytes: int
    teacher_in: str
    teaching: Range | None
    rent: Range | None
    answers: Range | None

    @property
    def total(self) -> Range | None:
        """USD, where all of it is known and fits."""
        if self.rent is None or self.answers is None:
            return None
        return self.rent + self.answers


def card_plans(recipe: Recipe, run: RunFolder, card: KnownCard, counts: Sequence[int] = COUNTS) -> list[CardPlan]:
    """One plan for each number of cards."""
    rows = look(recipe, run)
    student = with_shape(student_size(recipe, run.home) or Size(1_000_000_000, True, 2048, 16, 128_000))
    paid = estimate(recipe, rows, run.home).money
    return [_plan(recipe, rows, student, paid, card, count, run.home) for count in counts]


def _plan(
    recipe: Recipe, rows: Rows, student: Size, paid: Cost | None, card: KnownCard, count: int, runs: Path
) -> CardPlan:
    least = recipe.train.model_copy(update={"micro_batch": recipe.train.micro_batch or 1})  # more where there is room
    held = memory_bytes(recipe.model_copy(update={"train": least}), student, rows) + beside_bytes(recipe, runs)
    training: Range | None = _hours(_training_work(recipe, rows, student), card, count, TRAINING)
    if held > _ROOM * card.memory * 1e9:
        training = None
    weights, active = _own_teacher(recipe)
    teaching: Range | None = None
    kind = ""
    if weights:
        kind = next((name for name, size in (("bf16", 2), ("fp8", 1)) if _fits(weights * size, card, count)), "")
        tokens = teacher_calls(recipe, rows) * (rows.prompt_tokens + 60 + asked_tokens(recipe, rows))
        if kind:
            reading = _hours(2 * active * _captured_tokens(recipe, rows), card, count, TRAINING)
            teaching = _hours(2 * active * tokens, card, count, WRITING) + reading
    hours = training if not weights else training + teaching if training and teaching else None
    return CardPlan(
        cards=count,
        student_bytes=held,
        training=training,
        teacher_bytes=round(weights * (1 if kind == "fp8" else 2)),
        teacher_in=kind,
        teaching=teaching,
        rent=None if hours is None else hours.times(count * float(card.low), count * float(card.high)),
        answers=_paid(paid, served_here=bool(weights)),
    )


def _training_work(recipe: Recipe, rows: Rows, student: Size) -> float:
    """Floating-point operations of all variants and seeds."""
    train = recipe.train
    each = (6 if train.method.use in ("full", "frozen") else 4) + 2 * train.gradient_checkpointing
    return each * student.parameters * training_tokens(recipe, rows) * variants(recipe)


def _captured_tokens(recipe: Recipe, rows: Rows) -> float:
    """Tokens that the teacher reads once for its logits; 0 where nothing is captured."""
    kept = answers(recipe, rows) if recipe.capture is not None else 0
    return kept * (rows.prompt_tokens + answer_tokens(recipe, rows))


def _hours(work: float, card: KnownCard, count: int, used: tuple[float, float]) -> Range:
    shared = SHARED if count > 1 else (1.0, 1.0)
    at_best, at_worst = (card.tflops * 1e12 * count * used[end] * shared[end] * 3600 for end in (1, 0))
    return Range(work / at_best, work / at_worst)


def _own_teacher(recipe: Recipe) -> tuple[float, float]:
    """Weights of the largest teacher that would be served on these cards, and those that a token passes through: models
    in this process, and servers of one's own (vllm, llamacpp, ollama). 0 where all answers are paid by the token."""
    found = [(0.0, 0.0)]
    for name in recipe.asked_teachers():
        block = recipe.teachers[name]
        shape = shape_of(str(block.raw.get("model", "")))
        if shape is not None and (block.use in HERE or block.use in ("vllm", "llamacpp", "ollama")):
            found.append((shape.parameters * 1e9, (shape.active or shape.parameters) * 1e9))
    return max(found)


def _fits(weights: float, card: KnownCard, count: int) -> bool:
    """Whether weights fit, with a tenth more for keys and values."""
    return 1.1 * weights <= _ROOM * count * card.memory * 1e9


def _paid(paid: Cost | None, *, served_here: bool) -> Range | None:
    if served_here:
        return Range(0.0, 0.0)
    return None if paid is None else Range(float(max(paid.low, Decimal(0))), float(paid.high))
