"""`imbik data export`: from words of a command line to an order, and what a person is told afterwards.

Enters: options as typed. Leaves: an `Order` with the command that a card can repeat (it names no path), then sentences.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import cast, get_args

from imbik.advise.summary import counted
from imbik.core.errors import UsageError
from imbik.core.misspelt import closest
from imbik.core.runfolder import RunFolder
from imbik.core.strict_yaml import YamlError, read_yaml
from imbik.core.types import Sensitivity
from imbik.exchange.exporting import Order, export
from imbik.exchange.rows import Reasoning, Wanted


def order_of(
    form: str,
    *,
    to: str,
    reasoning: str,
    system: str,
    sets: str,
    at_most: Sensitivity | None,
    settings: Sequence[str],
    licence: str,
    hub: str,
    public: bool,
    rejected: bool = False,
) -> Order:
    """What is wanted.

    Raises: UsageError for a word that is none.
    """
    ways = get_args(Reasoning)
    if reasoning not in ways:
        raise UsageError(
            f"'{reasoning}' is no way to write reasoning; {closest(reasoning, list(ways))}", where="--reasoning"
        )
    names = tuple(name.strip() for name in sets.split(",") if name.strip())
    wanted = Wanted(reasoning=cast(Reasoning, reasoning), system=system, sets=names)
    options = {
        "reasoning": reasoning if reasoning != "inline" else "", "system": system, "sets": sets,
        "at-most": at_most.value if at_most else "", "license": licence if licence != "unknown" else "",
    }  # fmt: skip
    said = [f"--{name} {shlex.quote(value)}" for name, value in options.items() if value]
    said += [f"--set {shlex.quote(item)}" for item in settings]
    said += ["--rejected"] if rejected else []
    return Order(
        format=form, to=to, wanted=wanted, at_most=at_most, settings=dict(map(_setting, settings)), licence=licence,
        hub=hub, public=public, rejected=rejected, command=" ".join([f"--format {form}", *said]),
    )  # fmt: skip


def hand_over(run: RunFolder, order: Order) -> Iterator[str]:
    """Export, and say what was handed over, what was left out and why, and who may see it."""
    done = export(run, replace(order, command=f"imbik data export {shlex.quote(run.name)} {order.command}"))
    rows = ", ".join(f"{name} {count:,}" for name, count in done.rows.items())
    yield f"{counted(done.total, 'row')} of {run.name} ({rows}) as {done.format}: {done.where}"
    for why, count in done.left.reasons.items():
        yield f"  left out: {count:,} {why}"
    if done.rejected:
        yield f"  beside them: {counted(done.rejected, 'rejected answer')} with reasons, in rejected.jsonl"
    if done.replaced:
        yield f"  the export that was there lies in {done.replaced} now (imbik gc removes it)"
    for note in done.notes:
        yield f"! {note}"
    if done.sensitivity is not Sensitivity.PUBLIC:
        yield f"! rows up to {done.sensitivity.value} stand in it: whoever opens it sees them"


def _setting(text: str) -> tuple[str, object]:
    key, sign, value = text.partition("=")
    if not sign or not key.strip():
        raise UsageError(f"'{text:.60}' is no setting", where="--set", next="write KEY=VALUE, as in --set pairs=2")
    try:
        return key.strip(), read_yaml(value)[0]
    except YamlError as error:
        raise UsageError(f"'{value:.60}' cannot be read ({error})", where="--set") from None
