"""Figures as people read them: percentages, times, sizes, intervals, and what a difference means in words.

Enters: numbers as they stand in scores.json. Leaves: short text; a figure that was not measured is a dash, never a
zero.
"""

from __future__ import annotations

from decimal import Decimal

from imbik.core.money import plain_usd
from imbik.evaluate.scores import Interval, MetricScore

DASH = "–"


def percent(value: float | None) -> str:
    """0.9634 as `96.3%`."""
    return DASH if value is None else f"{100 * value:.1f}%"


def interval(score: Interval | MetricScore | None) -> str:
    """The 95% interval in percent: `94.1 to 98.4%`."""
    return DASH if score is None else f"{100 * score.low:.1f} to {100 * score.high:.1f}%"


def points(value: float) -> str:
    """A difference in percentage points: `+3.1`, `−0.4`."""
    return f"{100 * value:+.1f}".replace("-0.0", "+0.0").replace("-", "−")


def point_range(score: Interval) -> str:
    """The interval of a difference: `−1.0 to +5.2`."""
    return f"{points(score.low)} to {points(score.high)}"


def milliseconds(value: float | None) -> str:
    """`3.42 ms`, `120 ms`, `2.1 s`."""
    if value is None:
        return DASH
    if value >= 1000:
        return f"{value / 1000:.1f} s"
    return f"{value:.0f} ms" if value >= 100 else f"{value:.3g} ms"


def count(value: float | None) -> str:
    """Whole numbers with thousands apart: `3,080`."""
    return DASH if value is None else f"{value:,.0f}"


def short_count(value: int | None) -> str:
    """Parameters: `133 k`, `5.8 M`, `1.2 B`."""
    if value is None:
        return DASH
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return str(value)


def size(value: int | None) -> str:
    """Bytes in decimal units: `11.6 MB`."""
    if value is None:
        return DASH
    for step, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= step:
            return f"{value / step:.3g} {unit}"
    return f"{value} B"


def money(value: Decimal | float | None) -> str:
    """US dollars: `$0.42`, `$1,250.00`; below a cent, the first two digits that count: `$0.00031`, never `$0.00`."""
    if value is None:
        return DASH
    amount = Decimal(str(value))
    return f"${plain_usd(amount)}" if amount else "$0.00"


def times(ratio: float) -> str:
    """A factor: `8.3`, `24`."""
    return f"{ratio:.0f}" if ratio >= 20 else f"{ratio:.1f}".removesuffix(".0")
