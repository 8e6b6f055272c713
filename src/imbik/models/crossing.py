"""Whether student and teacher may have different tokenizers, and whose logits are captured: for capture and train.

Enters: a recipe. Leaves: yes or no; a teacher's name.
"""

from __future__ import annotations

from imbik.core.errors import RecipeError
from imbik.core.plugins import make
from imbik.models.layers import ATTENTION, HIDDEN, RELATIONS
from imbik.recipe import Recipe

DISTRIBUTIONS = "distributions"  # the teacher's next-token distributions
SPANS = "spans"  # those distributions at the teacher's own tokens: a loss that wants them crosses tokenizers
_LAYERS = frozenset({HIDDEN, ATTENTION, RELATIONS})


def crosses(recipe: Recipe) -> bool:
    """Whether every loss that looks at the teacher may have one with another tokenizer."""
    needs = [make("train/losses", block).needs for block in recipe.train.losses]
    looking = [each for each in needs if each & (_LAYERS | {DISTRIBUTIONS})]
    return bool(looking) and all(SPANS in each and not each & _LAYERS for each in looking)


def capture_teacher(recipe: Recipe) -> str:
    """The name of the teacher whose logits are captured.

    Raises: RecipeError when several teachers answer and none is named.
    """
    assert recipe.capture is not None
    if recipe.capture.teacher:
        return recipe.capture.teacher
    answering = recipe.answering_teachers() or list(recipe.teachers)
    if len(answering) != 1:
        raise RecipeError(
            f"which teacher's logits? ({', '.join(answering) or 'the recipe has none'})",
            where="capture.teacher",
            next="name one under capture: {teacher: …}",
        )
    return answering[0]
