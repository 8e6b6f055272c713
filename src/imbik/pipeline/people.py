"""What people prefer, put into a run's report: review knows what they said, evaluate writes the pages.

Enters: a run whose report kept its systems' answers, and the preferences of people. Leaves: the result of every pair
that somebody compared, and the report's pages with them. This happens when a report is made anew, so that what people
said of answers that are still the same stands in it, and when a comparison is closed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imbik.core.runfolder import RunFolder

if TYPE_CHECKING:
    from imbik.review.contest import Contest

REPORT = "8_report"


def judged_pairs(run: RunFolder) -> list[Contest]:
    """Each pair of systems that somebody compared, on all rows of the report as it is."""
    from imbik.review.preferences import preferences_of

    if not (given := preferences_of(run)):
        return []
    from imbik.review.contest import contests
    from imbik.review.duels import compared, duels

    there = set(compared(run))
    pairs = {tuple(sorted(item.pair)): item.pair for said in given.values() for item in said}
    found = [contests(duels(run, pair), given) for pair in pairs.values() if there.issuperset(pair)]
    return sorted((item for pair in found for item in pair if item.rows), key=lambda item: (item.one, item.other))


def put_into_report(run: RunFolder) -> int:
    """Write the pages again with what people prefer; returns how many comparisons stand there. For who holds the run's
    lock.

    Raises: RunFolderError where there is no report.
    """
    from imbik.evaluate.findings import Preferred
    from imbik.evaluate.pages import with_people

    people = [
        Preferred(
            item.one, item.other, item.rows, item.people, item.rate, item.wins, item.losses, item.ties, item.same,
            item.chance, item.on_left, item.preferred,
        )
        for item in judged_pairs(run)
        if item.rate is not None
    ]  # fmt: skip
    with_people(run.stage(REPORT), people)
    return len(people)
