"""The words around the fake teacher's command: its table of faults, and prices as text.

Enters: the table, or what a user typed. Leaves: lines for people, or numbers.
"""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal, InvalidOperation

from imbik.core.errors import UsageError
from imbik.testing.batches import BatchPlan
from imbik.testing.faults import FAULTS


def faults_told() -> str:
    """One line a fault: name, how asking ends when it happens every time, what it is."""
    wide = max(map(len, FAULTS))
    lines = [
        f"{name:<{wide}}  {'/'.join(fault.ends):<24}  {fault.about}"
        + (f" ({', '.join(fault.formats)} only)" if fault.formats else "")
        for name, fault in FAULTS.items()
    ]
    return "\n".join(
        [*lines, f"{len(FAULTS)} kinds; the second column is how a question ends that meets it every time"]
    )


def price_of(text: str) -> tuple[Decimal, Decimal]:
    """`2.50,10` as two numbers.

    Raises: UsageError for what is no price.
    """
    try:
        read, written = (Decimal(part) for part in text.split(","))
    except (InvalidOperation, ValueError):
        raise UsageError(f"'{text}' is no price", where="--price", next="write two numbers, as in 2.50,10") from None
    if not (read.is_finite() and written.is_finite() and read >= 0 and written >= 0):
        raise UsageError(f"'{text}' is no price", where="--price", next="write two numbers, as in 2.50,10")
    return read, written


def plan_of(text: str) -> BatchPlan:
    """`seconds=60 expired=20` as a plan of batches.

    Raises: UsageError for what is no part of a plan.
    """
    known = {field.name: str(field.type) for field in fields(BatchPlan) if field.name != "says"}
    values = dict[str, float]()
    for part in text.split():
        name, sign, value = part.partition("=")
        if not sign or name not in known:
            what = f"'{part}' is not NAME=VALUE with a name of {', '.join(known)}"
            raise UsageError(what, where="--batch", next="write it as in --batch 'seconds=60 expired=20'")
        least, most = int(name == "most"), 1.0 if known[name] == "bool" else 1e9
        try:
            values[name] = float(value) if known[name] == "float" else int(value)
        except ValueError:
            values[name] = -1
        if not least <= values[name] <= most:
            raise UsageError(f"'{value}' is no such number", where="--batch", next=f"write {name}=1")
    return BatchPlan(**values)  # type: ignore[arg-type]
