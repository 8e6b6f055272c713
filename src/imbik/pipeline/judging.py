"""Checks before a run: their files, and the teachers that they ask; may those see the rows, and what will they cost?

Enters: a recipe, what is known of its rows. Leaves: a refusal with the recipe's line, warnings, and the questions that
the refine stage will ask. The gate still decides for every question; this only says early what it is bound to decide.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from imbik.core.errors import RecipeError
from imbik.core.misspelt import closest
from imbik.pipeline.money import Cost, cost, forecast, price, together
from imbik.pipeline.reach import blocked, knows_its_own, out_of_reach
from imbik.pipeline.rows import Rows
from imbik.privacy.operator import load_operator
from imbik.recipe import Recipe
from imbik.refine.named import NamedCheck, checks_of

_REJECTED = 0.2  # share of answers that is taken to be rejected where nobody knows yet
NO_JUDGES = {"recorded": "has its answers already", "ensemble": "is made of several teachers"}
_NOTHING = Cost(Decimal(0), Decimal(0), Decimal(0))


@dataclass(frozen=True)
class Asked:
    """Questions that a stage asks beside those of generation and of the report; `money` is None for unknown prices."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    money: Cost | None = _NOTHING


def judges(recipe: Recipe) -> list[str]:
    """The teachers that checks ask, without repeats."""
    return list(dict.fromkeys(name for named in checks_of(recipe) for name in named.teachers))


def refuse(recipe: Recipe) -> None:
    """Refuse checks that cannot work.

    Raises: RecipeError for a file that is not there, settings that contradict it, a judge that is none; BlockedError
        where no row could ever reach a judge.
    """
    for named in checks_of(recipe):
        where = named.block.where or f"refine: {named.name}"
        for path in named.files(recipe.base):
            if not path.exists():
                raise RecipeError(f"check '{named.name}' names a file that is not there: {path}", where=where)
        verify = getattr(named.check, "verify", None)
        if verify is not None:
            verify(recipe.base)
        for name in named.teachers:
            _refuse_judge(recipe, named, name, where)


def _refuse_judge(recipe: Recipe, named: NamedCheck, name: str, where: str) -> None:
    if name not in recipe.teachers:
        known = list(recipe.teachers)
        raise RecipeError(
            f"check '{named.name}' asks '{name}', which is not under `teachers:`; {closest(name, known)}", where=where
        )
    use = recipe.teachers[name].use
    if use in NO_JUDGES:
        raise RecipeError(
            f"check '{named.name}' cannot ask '{name}': it {NO_JUDGES[use]}",
            where=where,
            next="name a teacher that answers by itself; several judges are teachers: [A, B, C] of the check",
        )
    level = recipe.tasks.level
    if level is None or knows_its_own(recipe):
        return
    operator = load_operator(recipe.base)
    if far := out_of_reach(recipe, operator, level, name):
        raise blocked(recipe, operator, level, *far)


def unjudged(recipe: Recipe, rows: Rows) -> Iterator[str]:
    """Rows that a column marks too secret for a judge are not judged, and that is said before."""
    operator = load_operator(recipe.base) if rows.levels else None
    for named in checks_of(recipe) if operator else ():
        for name in named.teachers:
            for level, share in rows.levels.items():
                if operator and share and out_of_reach(recipe, operator, level, name):
                    yield (
                        f"about {rows.total * share:,.0f} of {rows.total:,} rows cannot be put to '{name}' by check "
                        f"'{named.name}': they are {level.value}, and may not go there; refine.{named.name}.unjudged "
                        "says whether rows without a verdict are kept"
                    )


def refine_asks(recipe: Recipe, rows: Rows, answers: int, answer_tokens: float, run: Path | None) -> Asked:
    """What the checks ask at most (every answer, of every teacher that they name), and what repairs are taken for."""
    parts = [_repairs(recipe, rows, answers, answer_tokens, run)]
    for named in checks_of(recipe):
        load = getattr(named.check, "load", _one_question)
        for name in named.teachers:
            count, read, written = load(rows.prompt_tokens, answer_tokens)
            calls = answers * count
            paid = price(recipe, name, at_once=True)
            whole = None if paid is None else forecast(paid, calls * read, calls * written)
            parts.append(Asked(calls, round(calls * read), round(calls * written), whole))
    return Asked(
        sum(part.calls for part in parts),
        sum(part.input_tokens for part in parts),
        sum(part.output_tokens for part in parts),
        together([part.money for part in parts]),
    )


def _repairs(recipe: Recipe, rows: Rows, answers: int, answer_tokens: float, run: Path | None) -> Asked:
    """Repairs read the question, the answer to it and a reason, and write another answer."""
    if recipe.repair is None or not recipe.answering_teachers():
        return Asked()
    calls = sum(math.ceil(answers * _REJECTED**number) for number in range(1, recipe.repair.rounds + 1))
    read, written = round(calls * (rows.prompt_tokens + answer_tokens + 120.0)), round(calls * answer_tokens)
    return Asked(calls, read, written, cost(recipe, calls, read, written, run))


def _one_question(prompt: float, answer: float) -> tuple[int, float, float]:
    """For a check that does not say: one question that holds the row, and a short answer."""
    return 1, prompt + answer + 100.0, 60.0
