"""Money before a run: prices that are known, budgets that can be held, and what the questions will cost.

Enters: a recipe, how many questions and tokens are expected. Leaves: a refusal, warnings, or USD with a range. Where a
pilot has asked some rows, what they cost is the forecast; else it is the price times expected tokens, and may be half
or twice as much.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from imbik.ask import ledger
from imbik.ask.budget import price_unknown, runs_here
from imbik.core.money import plain_usd, totals, usd
from imbik.core.runfolder import RunFolder
from imbik.generate.pilot import read_pilot
from imbik.pipeline.reach import HERE, served_teacher
from imbik.privacy.operator import load_operator
from imbik.recipe import Recipe
from imbik.tasks.costs import total_of
from imbik.teachers.catalogue.prices import FREE, Price

_UNSURE = 2  # a forecast without a pilot is right within this factor


@dataclass(frozen=True)
class Cost:
    """USD, with a range; `rows` is how many pilot rows stand behind it (0: none)."""

    value: Decimal
    low: Decimal
    high: Decimal
    rows: int = 0

    def part(self, share: Decimal) -> Cost:
        """The cost of a share of the questions."""
        return Cost(self.value * share, self.low * share, self.high * share, self.rows)


def price(recipe: Recipe, name: str, *, at_once: bool = False) -> Price | None:
    """What a teacher costs: its price, nothing for one that is here or is the operator's own server, else unknown.
    Where it is asked in batches, what it costs there, but for questions that are asked `at_once`."""
    block = recipe.teachers[name]
    teacher = None if block.use in HERE else served_teacher(name, block, recipe)
    if teacher is None:
        return FREE
    if teacher.price is None and runs_here(load_operator(recipe.base), teacher):
        return FREE
    batched = teacher.price is not None and getattr(teacher, "batch", None) is not None and not at_once
    return teacher.price.in_batches() if teacher.price and batched else teacher.price


def refuse_unpriced(recipe: Recipe) -> None:
    """A budget is held only where every price is known.

    Raises: RecipeError naming the teacher and what to write.
    """
    if recipe.budget is None:
        return
    for name in _single(recipe):
        if price(recipe, name) is None:
            raise price_unknown(name)


def warnings(recipe: Recipe, forecast: Cost | None, calls: int, run: RunFolder) -> Iterator[str]:
    """A budget that nothing can spend is said, and one that will hardly cover what is forecast for so many questions,
    those that this run has bought already at what they did cost."""
    if recipe.budget is None:
        return
    total, lines = recipe.budget.total, ledger.read(run.store, run.account)
    spent = sum(totals(lines), Decimal(0))
    left = max(Decimal(0), 1 - Decimal(sum(line.answers for line in lines)) / max(calls, 1))
    if forecast is not None and left and spent + forecast.value * left > total:
        low, about, high = (spent + value * left for value in (forecast.low, forecast.value, forecast.high))
        covers = "will hardly cover" if low > total else "may not cover"
        yield (
            f"budget: {usd(total)} {covers} all questions of the run, about {usd(about)} "
            f"({plain_usd(low)} to {plain_usd(high)}; stored answers cost nothing again): it would "
            "stop and wait for more (exit code 5)"
        )
    prices = [price(recipe, name) for name in _single(recipe)]
    if not any(found and (found.input or found.output) for found in prices):
        yield "budget: no teacher of this recipe costs anything, so there is nothing to hold"


def cost(recipe: Recipe, calls: int, inputs: float, outputs: float, run: Path | None) -> Cost | None:
    """What so many questions will cost together; None where a price is not known, 0 where nobody is paid.

    `inputs` and `outputs` are tokens of all of them.
    """
    names = recipe.answering_teachers()
    pilots = read_pilot(RunFolder(run)) if run is not None else {}
    parts = []
    for name in names:
        rates = _rates(recipe, name)
        if rates is None:
            return None
        pilot = pilots.get(name)
        if pilot is not None and any(rates):
            whole = total_of(pilot, round(calls / len(names)))
            parts.append(Cost(whole.value, whole.low, whole.high, pilot.rows))
        else:
            spent = (Decimal(round(inputs)) * rates[0] + Decimal(round(outputs)) * rates[1]) / 1_000_000
            spent /= len(names)
            parts.append(Cost(spent, spent / _UNSURE, spent * _UNSURE))
    return together(parts)


def forecast(price: Price, inputs: float, outputs: float) -> Cost:
    """What so many tokens cost at a price, without a pilot."""
    spent = (Decimal(round(inputs)) * price.input + Decimal(round(outputs)) * price.output) / 1_000_000
    return Cost(spent, spent / _UNSURE, spent * _UNSURE)


def together(parts: Sequence[Cost | None]) -> Cost | None:
    """The sum of costs; None where one of them is not known."""
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    rows = min((part.rows for part in known if part.value), default=0)
    value, low, high = (sum((part[place] for part in map(_figures, known)), Decimal(0)) for place in range(3))
    return Cost(value, low, high, rows)


def _rates(recipe: Recipe, name: str) -> tuple[Decimal, Decimal] | None:
    """USD per million tokens read and written by a teacher: of several that vote their sum, of others their mean."""
    members = recipe.members(name)
    prices = [found for member in members if (found := price(recipe, member)) is not None]
    if len(prices) < len(members):
        return None
    votes = recipe.teachers[name].raw.get("by", "vote") == "vote"
    among = 1 if votes else len(members)
    read, wrote = (sum(rates, Decimal(0)) / among for rates in zip(*((p.input, p.output) for p in prices), strict=True))
    return read, wrote


def _single(recipe: Recipe) -> list[str]:
    """Teachers that are not made of others."""
    return [name for name in recipe.teachers if recipe.members(name) == [name]]


def _figures(part: Cost) -> tuple[Decimal, Decimal, Decimal]:
    return part.value, part.low, part.high
