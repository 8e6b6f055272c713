"""Which variants are trained: the student, and the controls that show what of its skill came from where.

Enters: the recipe and the kept samples. Leaves: for each variant the text it learns and its losses. `text_only`
learns the same refined text without the teacher's distributions, `answers_only` the final answers without reasoning;
each is passed as many tokens as the student was. Adapters (`train.adapters`) learn as the student does, their own rows
alone, each row as often as the student passed it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from imbik.core.errors import RecipeError
from imbik.core.plugins import PluginBlock, make
from imbik.core.students import variant_of
from imbik.core.types import Sample
from imbik.recipe import Recipe
from imbik.tasks.kinds import Kind
from imbik.train.losses import DISTRIBUTIONS, Loss
from imbik.train.losses.cross_entropy import CrossEntropy

Control = Literal["text_only", "answers_only"]
NO_REASONING = "the kept answers hold no reasoning, so answers_only and text_only are one: text_only alone is trained"
SAME_TEXT = "the student learns from text alone, so text_only is the student itself: copied, not trained again"


@dataclass(frozen=True)
class Variant:
    """What one variant learns: with reasoning or without, by which losses; `copy` says that it equals the student;
    `adapter` names the adapter whose rows alone it learns."""

    name: str
    losses: Sequence[Loss]
    reasoning: bool
    copy: bool = False
    adapter: str = ""

    def text(self, sample: Sample, kind: Kind) -> str:
        """The assistant's text that this variant learns of a sample."""
        return kind.render(sample.reasoning if self.reasoning else "", sample.answer, sample.task)

    @property
    def needs(self) -> frozenset[str]:
        """What its losses must be given; see `Loss`."""
        return frozenset().union(*(loss.needs for loss in self.losses))


def recipe_losses(recipe: Recipe) -> list[Loss]:
    """The recipe's losses, built.

    Raises: PluginError for unknown ones; RecipeError when one needs logits that nothing captures.
    """
    losses: list[Loss] = [make("train/losses", block) for block in recipe.train.losses]
    for block, loss in zip(recipe.train.losses, losses, strict=True):
        if DISTRIBUTIONS in loss.needs and recipe.capture is None and not recipe.train.beside:
            raise RecipeError(
                f"the loss '{block.use}' learns from the teacher's logits, and this recipe captures none",
                where=block.where or "train.losses",
                next="add `capture: {top_k: 20}` or train.teacher (a model here), or use cross_entropy alone",
            )
    return losses


def cross_entropy() -> Loss:
    """The loss of the controls."""
    loss: Loss = make("train/losses", PluginBlock(use="cross_entropy"))
    return loss


def plan(recipe: Recipe, samples: Sequence[Sample], kind: Kind) -> tuple[list[Variant], list[str]]:
    """The variants to train, the student first, and what a person should know about the controls."""
    losses = recipe_losses(recipe)
    student = Variant("student", losses, reasoning=True)
    wanted: list[Control] = list(dict.fromkeys(recipe.train.controls))
    warnings = []
    bare = Variant("answers_only", losses, reasoning=False)
    if wanted and all(student.text(sample, kind) == bare.text(sample, kind) for sample in samples):
        if "answers_only" in wanted:
            warnings.append(NO_REASONING)
        wanted = ["text_only"]
    only_text = len(losses) == 1 and isinstance(losses[0], CrossEntropy) and losses[0].weight == 1.0
    if only_text and "text_only" in wanted:
        warnings.append(SAME_TEXT)
    controls = [
        Variant(name, [cross_entropy()], reasoning=name == "text_only", copy=only_text and name == "text_only")
        for name in wanted
    ]
    adapters = [Variant(variant_of(name), losses, reasoning=True, adapter=name) for name in recipe.train.adapters]
    return [student, *controls, *adapters], warnings
