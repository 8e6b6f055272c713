"""Money: what a person writes, what a program adds up, and what is printed. US dollars, exact, never floats.

Enters: `50`, `"50 USD"`, `"15%"`, `0.15`; decimals. Leaves: decimals, whole trillionths of a dollar (what SQLite adds
up exactly), and text with as many digits as say something.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation

import msgspec

_UNITS_A_DOLLAR = 10**12  # prices are USD per million tokens with at most six decimals: a token costs whole units
_MOST = Decimal(1_000_000)  # more than a run will ever cost, and far from the largest integer of SQLite
_AMOUNT = re.compile(r"^(?:USD|US\$|\$)?\s*([\d_]+(?:\.\d+)?|\.\d+)\s*(?:USD|US\$|\$)?$", re.IGNORECASE)

ANSWERS = ("generation", "pilot", "evaluation")
"""Purposes whose answers stand in `2_answers` and in the report."""
_STAGES = {
    "generation": "generate",
    "pilot": "generate",
    "growth": "tasks",
    "judge": "refine",
    "evaluation": "evaluate",
    "audition": "audition",
    "chat": "chat",
}


class SpendLine(msgspec.Struct, frozen=True, kw_only=True):
    """What one teacher cost a run for one purpose, in USD, and the stage (or the verb) that asked for it.

    `paid` is for `answers` replies whose tokens the teacher counted; `possible` is the most that `lost` further
    requests can have cost, which broke off or failed after they were sent. Tokens are those of the answers.
    """

    stage: str
    purpose: str
    teacher: str
    paid: Decimal
    possible: Decimal
    answers: int
    lost: int
    input_tokens: int
    output_tokens: int


def totals(lines: Iterable[SpendLine]) -> tuple[Decimal, Decimal]:
    """What was paid and what may have been paid beside, in USD."""
    paid = possible = Decimal(0)
    for line in lines:
        paid, possible = paid + line.paid, possible + line.possible
    return paid, possible


def stage_of(purpose: str) -> str:
    """The stage, or the verb, that asks for a purpose."""
    return _STAGES.get(purpose, purpose)


def parse_usd(value: object) -> Decimal:
    """An amount as a person writes it: `50`, `12.5`, `"50 USD"`, `"$50"`.

    Raises: ValueError in words for another currency, a comma, a negative or absurd amount.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ValueError("an amount of money is written as 50 or '50 USD'")
    text = str(value).strip()
    found = _AMOUNT.match(text)
    if found is None and not isinstance(value, str):
        raise ValueError(f"'{text}' is no amount of money; write 50 or '50 USD'")
    if found is None:
        raise ValueError(_why_not(text))
    amount = Decimal(found[1].replace("_", ""))
    if amount > _MOST:
        raise ValueError(f"{text} is more than {_MOST:,} USD, which no run may cost")
    return amount


def parse_share(value: object) -> Decimal:
    """A share as a person writes it: `"15%"` or `0.15`; from 0 up to, not including, 1.

    Raises: ValueError in words.
    """
    text = str(value).strip()
    percent = text.endswith("%")
    try:
        number = Decimal(text.removesuffix("%").strip())
    except InvalidOperation:
        raise ValueError(f"'{text}' is no share; write 15% or 0.15") from None
    share = number / 100 if percent else number
    if isinstance(value, bool) or not share.is_finite() or not 0 <= share < 1:
        raise ValueError(
            f"a share is at least 0 and less than 1 (100%); for fifteen of a hundred write 15%, not {text}"
        )
    return share


def units(amount: Decimal) -> int:
    """Whole trillionths of a dollar, rounded up: what was spent is never told as less."""
    return int((amount * _UNITS_A_DOLLAR).to_integral_value(ROUND_CEILING))


def units_within(amount: Decimal) -> int:
    """Whole trillionths of a dollar, rounded down: what may be spent is never told as more."""
    return int((amount * _UNITS_A_DOLLAR).to_integral_value(ROUND_FLOOR))


def dollars(amount: int) -> Decimal:
    """Trillionths of a dollar as USD, exact."""
    return (Decimal(amount) / _UNITS_A_DOLLAR).normalize() + Decimal(0)


def usd(amount: Decimal) -> str:
    """`12.30 USD`, `0.042 USD`, `0 USD`: cents from one dollar on, below that the first two digits that count."""
    return f"{plain_usd(amount)} USD"


def plain_usd(amount: Decimal) -> str:
    """The same without the currency."""
    if not amount:
        return "0"
    if abs(amount) >= 1:
        return f"{amount:,.2f}"
    digits = max(2, 1 - amount.adjusted())
    text = f"{amount:.{digits}f}"
    return text if digits == 2 else text.rstrip("0")


def rounded_up(amount: Decimal) -> Decimal:
    """An amount rounded up to two digits that count: 63.2 to 64, 0.0212 to 0.022."""
    if not amount:
        return Decimal(1)
    step = Decimal(1).scaleb(amount.adjusted() - 1)
    return ((amount / step).to_integral_value(ROUND_CEILING) * step).normalize() + Decimal(0)


def _why_not(text: str) -> str:
    """Why a text is no amount of money, and what to write."""
    if re.match(r"^-", text):
        return f"a budget cannot be negative ({text})"
    if re.search(r"\d,\d", text):
        return f"'{text}' has a comma: write the decimals after a point and leave thousands together, as in 1250.50"
    if re.search(r"\d", text) and re.search(r"[^\W\d_]|[€£₺¥]", text):
        return f"'{text}' is in another currency; teachers are paid in US dollars, so write the amount in USD"
    return f"'{text}' is no amount of money; write 50 or '50 USD'"
