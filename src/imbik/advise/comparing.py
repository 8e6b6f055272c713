"""What people's comparisons of systems come to: told, exported, and put into the report.

Enters: a run whose report kept its systems' answers, and the preferences of people. Leaves: sentences; JSON lines; the
report's pages with a section of what people prefer. No name of a person and no row's words stand in sentences or pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from imbik.advise.summary import counted
from imbik.core.errors import UsageError
from imbik.core.files import write_bytes
from imbik.core.locks import writer_lock
from imbik.core.runfolder import RunFolder


def systems_of(written: str) -> list[str]:
    """`student,teacher` as names."""
    return [name.strip() for name in written.split(",") if name.strip()]


def results(run: RunFolder, systems: Sequence[str], rows: int) -> list[str]:
    """How often each system is preferred on the rows that are put to people, in sentences.

    Raises: UsageError for systems that the report does not know.
    """
    from imbik.review.contest import contests, told_contests
    from imbik.review.duels import duels
    from imbik.review.preferences import preferences_of

    lines = list(told_contests(contests(duels(run, systems, rows), preferences_of(run))))
    return lines or ["there is nothing to compare: every row lacks an answer"]


def told_comparisons(run: RunFolder) -> list[str]:
    """All that people compared in this run, in sentences; none where nobody did, or the answers are others by now."""
    from imbik.pipeline.people import judged_pairs
    from imbik.review.contest import told_contests

    return list(told_contests(judged_pairs(run)))


def hand_out_preferences(run: RunFolder, systems: Sequence[str], rows: int, file: Path) -> str:
    """Preferences as JSON lines.

    Raises: UsageError for a file that is there already.
    """
    from imbik.review.compare import exported
    from imbik.review.duels import duels
    from imbik.review.preferences import preferences_of

    if file.exists():
        raise UsageError("this file is there already", where=str(file), next="give another name, or move it away")
    given = preferences_of(run)
    found = [item for duel in duels(run, systems, rows).duels for item in given.get(duel.content, ())]
    write_bytes(file, exported(found))
    return f"{counted(len(found), 'preference')} written to {file}"


def close_comparisons(run: RunFolder) -> str:
    """Write the report's pages again with what people prefer by now, of all systems that they compared.

    Raises: LockedError while a run writes here; RunFolderError where there is no report.
    """
    from imbik.evaluate.pages import HTML
    from imbik.pipeline.people import REPORT, put_into_report

    with writer_lock(run.path):
        number = put_into_report(run)
    return f"{counted(number, 'comparison')} of people stand in {run.stage(REPORT) / HTML}"
