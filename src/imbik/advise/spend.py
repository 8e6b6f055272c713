"""What a run has spent: for `imbik show RUN spend`.

Enters: a run folder. Leaves: rows for a table, by stage, purpose and teacher, and one line for all of it, from the
ledger in the answer store. While the run works, requests under way count at the most that they can cost.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from imbik.advise.runs import FOLDERS
from imbik.advise.summary import counted
from imbik.ask import ledger
from imbik.ask.underway import under_way
from imbik.core.files import read_lines
from imbik.core.money import ANSWERS, SpendLine, plain_usd, totals, usd
from imbik.core.runfolder import RunFolder, read_parts
from imbik.core.types import Record
from imbik.evaluate.answers import file_of
from imbik.pipeline.money import price
from imbik.pipeline.reach import HERE
from imbik.recipe import load_recipe


class _Usage(Record, frozen=True, kw_only=True):
    output_tokens: int = 0


class _Paid(Record, frozen=True, kw_only=True):
    """The part of an answer that says what it cost; content is not decoded."""

    usage: _Usage = _Usage()
    cost: Decimal = Decimal(0)


class _PaidSample(Record, frozen=True, kw_only=True):
    teacher: str
    completion: _Paid


HEAD = ("stage", "purpose", "teacher", "answers", "paid USD", "possibly paid", "tokens in", "tokens out")


def spend_rows(run: RunFolder) -> list[tuple[str, ...]]:
    """One row for each purpose and teacher; what was paid has the same decimals in all of them, so that it adds up."""
    lines, unknown = ledger.read(run.store, run.account), unpriced(run)
    decimals = max((len(plain_usd(line.paid).partition(".")[2]) for line in lines), default=0)
    return [_row(line, "not known" if line.teacher in unknown else f"{line.paid:,.{decimals}f}") for line in lines]


def unpriced(run: RunFolder) -> list[str]:
    """Teachers of the run whose price is not known: what they cost is in no figure, and is not 0."""
    file = run.path / "recipe.yaml"
    if not file.exists():
        return []
    recipe = load_recipe(file)
    return [name for name in recipe.teachers if recipe.members(name) == [name] and price(recipe, name) is None]


def spend_line(run: RunFolder) -> str:
    """All of it in a line, held against the budget that the run's recipe now has."""
    lines = ledger.read(run.store, run.account)
    count, cost = reused(run, lines)
    again = (
        f"{counted(count, 'stored answer')} {'was' if count == 1 else 'were'} used again and not paid twice: "
        f"{usd(cost)} when bought"
        if count
        else ""
    )
    if not lines:
        told = [*map(str, under_way(run.store, run.account)), *([again] if again else [])]
        return "; ".join([f"{run.name}: no teacher was paid", *told])
    paid, possible = totals(lines)
    file = run.path / "recipe.yaml"
    budget = load_recipe(file).budget if file.exists() else None
    also = f" (of that {usd(possible)} possibly: {_why_possible(run, possible)})" if possible else ""
    of = f" of {usd(budget.total)}" if budget else ""
    asked = {line.teacher for line in lines}
    unknown = ", ".join(f"'{name}'" for name in unpriced(run) if name in asked)
    write = "write price: {input: …, output: …} there"
    beside = f" beside what {unknown} cost, whose price is not known ({write})" if unknown else ""
    return f"{run.name}: {usd(paid + possible)}{of} spent{beside}{also}{f'; {again}' if again else ''}"


def _why_possible(run: RunFolder, possible: Decimal) -> str:
    """What stands behind money that may have been paid: questions in batches, and what broke off."""
    batches = under_way(run.store, run.account)
    held = sum((item.most for item in batches), Decimal(0))
    rest = "requests that broke off, or are under way"
    if not held:
        return rest
    told = "; ".join(map(str, batches))
    return told if possible <= held else f"{usd(held)} of it held, since {told}; the rest for {rest}"


def reused(run: RunFolder, lines: Sequence[SpendLine]) -> tuple[int, Decimal]:
    """How many answers of the run were in the store already, and what they had cost whoever bought them, in USD.

    Counted are answers of served teachers (those that a provider counted tokens of) beyond what this run bought.
    """
    known = [*_completions(run)]
    bought = [line for line in lines if line.purpose in ANSWERS]
    count = len(known) - sum(line.answers for line in bought)
    cost = sum((item.cost for item in known), Decimal(0)) - sum((line.paid for line in bought), Decimal(0))
    return (count, max(cost, Decimal(0))) if count > 0 else (0, Decimal(0))


def _completions(run: RunFolder) -> Iterator[_Paid]:
    """What teachers that are asked over a wire answered: in training rows, and in the report."""
    file = run.path / "recipe.yaml"
    here = {name for name, block in load_recipe(file).teachers.items() if block.use in HERE} if file.exists() else set()
    for sample in read_parts(run.stage(FOLDERS["generate"]), _PaidSample):
        if sample.teacher not in here and sample.completion.usage.output_tokens:
            yield sample.completion
    path = file_of(run.stage(FOLDERS["evaluate"]), "teacher")
    for answer in read_lines(path, _Paid) if path.exists() else ():
        if answer.cost:
            yield answer


def _row(line: SpendLine, paid: str) -> tuple[str, ...]:
    lost = f"{plain_usd(line.possible)} ({line.lost} requests)" if line.lost else ""
    tokens = (f"{line.input_tokens:,}", f"{line.output_tokens:,}")
    return (
        line.stage,
        line.purpose,
        line.teacher,
        f"{line.answers:,}",
        paid,
        lost,
        *tokens,
    )
