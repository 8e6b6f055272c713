"""An audition of students as text.

Enters: a StudentAudition. Leaves: rows of a table, and the lines below it.
"""

from __future__ import annotations

from imbik.advise.students import StudentAudition, StudentCandidate
from imbik.core.results import Score
from imbik.evaluate.figures import short_count, size

STUDENTS_HEAD = (
    "student", "zero-shot", "fine-tuned", "behind the best", "tokens a word", "parameters", "to train", "to use",
    "tokens/s", "p50", "licence", "why not",
)  # fmt: skip


def student_rows(found: StudentAudition) -> list[tuple[str, ...]]:
    """One row a candidate, the best first."""
    return [_row(one, found) for one in found.candidates]


def students_told(found: StudentAudition) -> list[str]:
    """The recommendation, and what was measured on which rows."""
    take = f"recommended: {found.recommended}: {found.why}" if found.recommended else f"no recommendation: {found.why}"
    return [
        "",
        take,
        f"{found.metric} on {found.rows} validation rows with 95% intervals; fine-tuned: {found.steps} steps on "
        f"{found.learned_from}. The test rows were not touched",
        "to train: an estimate for the recipe's method; to use: weights and cache; speed: one answer at a time here",
    ]


def _row(one: StudentCandidate, found: StudentAudition) -> tuple[str, ...]:
    return (
        f"{one.name} *" if one.name == found.recommended else one.name,
        _interval(one.zero_shot),
        _interval(one.tuned),
        f"{one.behind.value:.1%} ({one.behind.low:.1%} to {one.behind.high:.1%})" if one.behind else "",
        f"{one.tokens_per_word:.2f}" if one.tokens_per_word is not None else "",
        short_count(one.parameters) if one.parameters is not None else "",
        size(one.training_bytes) if one.training_bytes is not None else "",
        size(one.use_bytes) if one.use_bytes is not None else "",
        f"{one.tokens_per_second:,.0f}" if one.tokens_per_second else "",
        f"{one.latency_ms:,.0f} ms" if one.latency_ms is not None else "",
        one.licence or ("not known" if not one.note else ""),
        one.note,
    )


def _interval(score: Score | None) -> str:
    return f"{score.value:.1%} ({score.low:.1%} to {score.high:.1%})" if score else ""
