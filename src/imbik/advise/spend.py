"""What a run has spent: for `imbik show RUN spend`.

Enters: a run folder. Leaves: rows for a table, by stage, purpose and teacher, and one line for all of it, from the
ledger in the answer store. While the run works, requests under way count at the most that they can cost.
"""

from __future__ import annotations

from imbik.ask import ledger
from imbik.core.money import SpendLine, plain_usd, stage_of, totals, usd
from imbik.core.runfolder import RunFolder
from imbik.recipe import load_recipe

HEAD = ("stage", "purpose", "teacher", "answers", "paid USD", "possibly paid", "tokens in", "tokens out")


def spend_rows(run: RunFolder) -> list[tuple[str, ...]]:
    """One row for each purpose and teacher; what was paid has the same decimals in all of them, so that it adds up."""
    lines = ledger.read(run.store, run.name)
    decimals = max((len(plain_usd(line.paid).partition(".")[2]) for line in lines), default=0)
    return [_row(line, f"{line.paid:,.{decimals}f}") for line in lines]


def spend_line(run: RunFolder) -> str:
    """All of it in a line, held against the budget that the run's recipe now has."""
    lines = ledger.read(run.store, run.name)
    if not lines:
        return f"{run.name}: no teacher was paid"
    paid, possible = totals(lines)
    file = run.path / "recipe.yaml"
    budget = load_recipe(file).budget if file.exists() else None
    also = f" (of that {usd(possible)} possibly: requests that broke off)" if possible else ""
    of = f" of {usd(budget.total)}" if budget else ""
    return f"{run.name}: {usd(paid + possible)}{of} spent{also}"


def _row(line: SpendLine, paid: str) -> tuple[str, ...]:
    lost = f"{plain_usd(line.possible)} ({line.lost} requests)" if line.lost else ""
    tokens = (f"{line.input_tokens:,}", f"{line.output_tokens:,}")
    return (
        stage_of(line.purpose),
        line.purpose,
        line.teacher,
        f"{line.answers:,}",
        paid,
        lost,
        *tokens,
    )
