"""Growing and augmenting before a run: what cannot work is refused, and what the questions will cost is forecast.

Enters: a recipe, what is known of its rows. Leaves: nothing, an error that names the key, warnings, or the questions
that the tasks stage will ask.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal

from imbik.pipeline.judging import Asked
from imbik.pipeline.money import Cost, forecast, price, together
from imbik.pipeline.reach import growth_kept_from
from imbik.pipeline.rows import Rows
from imbik.recipe import Recipe
from imbik.tasks.augment import augmentations_of
from imbik.tasks.growth.named import growth_files, strategies_of

_NEW = 0.7  # share of the tasks brought that is taken to be new
_SHOWN, _FRAME = 4, 350.0  # tasks shown in a question, and tokens of its words
_NOTHING = Cost(Decimal(0), Decimal(0), Decimal(0))


def refuse_growth(recipe: Recipe) -> None:
    """Refuse what cannot grow: no teacher to ask, files that are not there, rows that no teacher may see.

    Raises: RecipeError, InputError, BlockedError.
    """
    named = strategies_of(recipe)
    augmentations_of(recipe)
    growth_files(recipe)
    for item in named:
        shows_rows = item.teacher and getattr(item.strategy.settings, "sensitivity", None) is None  # type: ignore[attr-defined]
        if shows_rows:
            growth_kept_from(recipe, item.name, item.teacher)


def warnings(recipe: Recipe, rows: Rows) -> Iterator[str]:
    """What will do nothing."""
    grow = recipe.tasks.grow
    if grow is not None and rows.seeds >= grow.to:
        yield (
            f"tasks.grow.to is {grow.to:,} and there are about {rows.seeds:,} tasks already, so nothing will be grown: "
            f"--set tasks.grow.to={10 * rows.seeds}"
        )


def growth_asks(recipe: Recipe, rows: Rows) -> Asked:
    """Questions of the tasks stage, as far as can be known before: by shares, with seven in ten tasks new."""
    parts = [*_growing(recipe, rows), *_augmenting(recipe, rows)]
    return Asked(
        sum(part.calls for part in parts),
        sum(part.input_tokens for part in parts),
        sum(part.output_tokens for part in parts),
        together([part.money for part in parts] or [_NOTHING]),
    )


def _growing(recipe: Recipe, rows: Rows) -> Iterator[Asked]:
    grow = recipe.tasks.grow
    if grow is None:
        return
    named = strategies_of(recipe)
    shares, wanted = sum(item.share for item in named), max(0, grow.to - rows.seeds)
    for item in named:
        if item.teacher:
            calls = math.ceil(wanted * item.share / shares / (item.per_answer * _NEW))
            read = _FRAME + _SHOWN * rows.prompt_tokens
            written = min(item.per_answer * (rows.prompt_tokens + 10.0), float(grow.max_tokens))
            yield _asked(recipe, item.teacher, calls, read, written)


def _augmenting(recipe: Recipe, rows: Rows) -> Iterator[Asked]:
    for item in augmentations_of(recipe):
        if item.teacher:
            calls = math.ceil(rows.train * item.plugin.settings.share) * item.plugin.prompts
            yield _asked(recipe, item.teacher, calls, 100.0 + rows.prompt_tokens, rows.prompt_tokens + 10.0)


def _asked(recipe: Recipe, teacher: str, calls: int, read: float, written: float) -> Asked:
    paid = price(recipe, teacher, at_once=True)
    whole = None if paid is None else forecast(paid, calls * read, calls * written)
    return Asked(calls, round(calls * read), round(calls * written), whole)
