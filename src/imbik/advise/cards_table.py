"""What a run takes on rented cards, as text.

Enters: plans of `pipeline.cards`. Leaves: a heading, rows of a table, what stands behind them.
"""

from __future__ import annotations

from collections.abc import Sequence

from imbik.pipeline.cards import TRAINING, WRITING, CardPlan, Range
from imbik.teachers.catalogue.hardware import KnownCard

CARDS_HEAD = ("cards", "student, each", "teacher, all", "training", "answering", "cards cost", "answers cost", "total")


def cards_heading(card: KnownCard) -> str:
    """`on NVIDIA H100 SXM: 80 GB, …`."""
    return (
        f"on {card.name}: {card.memory} GB, {card.tflops} TFLOP/s in bf16, {card.low:.2f} to {card.high:.2f} USD an "
        f"hour (remembered on {card.date})"
    )


def cards_rows(plans: Sequence[CardPlan]) -> list[tuple[str, ...]]:
    """One row for each number of cards."""
    return [_row(plan) for plan in plans]


def cards_told() -> list[str]:
    """What the ranges rest on."""
    share = "{:.0%} to {:.0%}".format
    return [
        f"training uses {share(*TRAINING)} of that speed, writing answers {share(*WRITING)}",
        "several cards: what training that shares its steps among them would take; imbik run itself trains on one "
        "(docs/training.md, Several accelerators), and the others serve a teacher",
    ]


def _row(plan: CardPlan) -> tuple[str, ...]:
    teacher = f"{_gigabytes(plan.teacher_bytes)} in {plan.teacher_in}" if plan.teacher_in else ""
    if plan.teacher_bytes and not plan.teacher_in:
        teacher = f"{_gigabytes(plan.teacher_bytes)}: does not fit"
    return (
        str(plan.cards),
        _gigabytes(plan.student_bytes) + ("" if plan.training else ": does not fit"),
        teacher,
        _hours(plan.training),
        _hours(plan.teaching),
        _usd(plan.rent),
        _usd(plan.answers) if plan.answers != Range(0.0, 0.0) else "",
        _usd(plan.total),
    )


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:,.0f} GB" if count >= 1e11 else f"{count / 1e9:.1f} GB"


def _hours(found: Range | None) -> str:
    if found is None:
        return ""
    if found.high < 2:
        return f"{60 * found.low:,.0f} to {60 * found.high:,.0f} min"
    return f"{found.low:,.1f} to {found.high:,.1f} h"


def _usd(found: Range | None) -> str:
    return "" if found is None else f"{found.low:,.2f} to {found.high:,.2f} USD"
