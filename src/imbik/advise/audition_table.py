"""An audition as text.

Enters: an Audition. Leaves: rows of a table, and the lines below it.
"""

from __future__ import annotations

from imbik.advise.audition import Audition
from imbik.advise.choosing import Candidate
from imbik.core.money import plain_usd, usd
from imbik.core.types import Outcome

HEAD = ("teacher", "score", "95% interval", "behind the best", "USD per 1,000", "p50", "p95", "not answered", "why not")
_GOOD = {Outcome.ANSWERED.value}


def table_rows(found: Audition) -> list[tuple[str, ...]]:
    """One row a candidate, the best first."""
    return [_row(item, found) for item in found.candidates]


def conclusion(found: Audition) -> list[str]:
    """The recommendation, the rows behind it, what it cost."""
    take = f"recommended: {found.recommended}: {found.why}" if found.recommended else f"no recommendation: {found.why}"
    return [
        "",
        take,
        f"{found.metric} on {found.rows} rows of the training side; the test rows were not touched",
        f"spent: {usd(found.spent)}; the answers are stored, so a run that asks these rows does not pay for them again",
        f"kept in {found.file}",
    ]


def _row(item: Candidate, found: Audition) -> tuple[str, ...]:
    score, late, behind = item.score, item.latency_ms, item.behind
    bad = {name: count for name, count in item.outcomes.items() if name not in _GOOD}
    return (
        f"{item.name} *" if item.name == found.recommended else item.name,
        f"{score.value:.1%}" if score else "–",
        f"{score.low:.1%} to {score.high:.1%}" if score else "",
        f"{behind.value:.1%} ({behind.low:.1%} to {behind.high:.1%})" if behind else "",
        plain_usd(item.cost_per_1000) if item.cost_per_1000 is not None else "not known" if score else "",
        f"{late.p50:,.0f} ms" if late else "",
        f"{late.p95:,.0f} ms" if late else "",
        ", ".join(f"{count} {name}" for name, count in sorted(bad.items())),
        item.note,
    )
