"""Which of two systems' answers a person prefers: kept in `reviews.sqlite` beside the verdicts, and only ever added.

Enters: what was chosen on the page. Leaves: preferences, the last of each person on each pair of answers. A preference
is a person's verdict too (`verdict.by`, `verdict.reason`), of two answers at once: so it rejects nothing and trains
nothing. It is keyed by the question and both answers, so it outlives a new report whose answers are the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from imbik.core.runfolder import RunFolder
from imbik.review.store import ExpertVerdict, Table, latest, reading, since

PREFIX = "duel-"
"""What the key of two answers begins with."""


class Preference(ExpertVerdict, frozen=True, kw_only=True):
    """A person's word on two answers to one task (`row`): `prefers` is one of the `pair` of systems, '' for neither;
    `left` stood on the left."""

    pair: tuple[str, str]
    left: str
    prefers: str = ""


PREFERENCES = Table("preferences", Preference)


def preferences_of(run: RunFolder) -> dict[str, list[Preference]]:
    """By content, the last preference of each person; what was taken back is left out."""
    with reading(run) as base:
        given = latest(item for _, item in since(base, 0, PREFERENCES)) if base is not None else {}
    return {content: _preferences(items) for content, items in given.items()}


def _preferences(items: Sequence[ExpertVerdict]) -> list[Preference]:
    return [item for item in items if isinstance(item, Preference)]
