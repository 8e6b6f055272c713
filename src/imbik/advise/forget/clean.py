"""Cleaning every file of a run, by its kind, and what the run shares with others.

Enters: a run, what is erased. Leaves: its files without it, each whole or as it was; counts. Every step may be done
twice, so that a killed erasure is finished by doing all of it again.
"""

from __future__ import annotations

from imbik.advise.forget import databases, rows
from imbik.advise.forget.erasing import Erasing
from imbik.advise.forget.exports import remove_exports
from imbik.advise.forget.logits import erase_logits
from imbik.advise.forget.made import trials_of
from imbik.advise.forget.places import Found, How, files_of
from imbik.advise.forget.report import clean_report
from imbik.advise.forget.sweep import CALIBRATIONS, crash_logs
from imbik.core.files import remove
from imbik.core.runfolder import RunFolder


def clean(run: RunFolder, erasing: Erasing) -> None:
    """All files of the run and its trials, then what they share with others."""
    for each in (run, *trials_of(run)):
        _clean_run(each, erasing)
    erasing.counts["questions of batches under way"] += databases.count_under_way(run.store, erasing.keys)
    erasing.counts["answers in the store"] += databases.erase_answers_stored(run.store, erasing.keys)
    runs = run.home
    for path in sorted((runs / CALIBRATIONS).rglob("*.json*")):
        rows.redact_file(path, erasing)
    for path in crash_logs(runs):
        if any(map(erasing.person.in_text, path.read_text(errors="replace").splitlines())):
            path.unlink()
            erasing.counts["logs of crashes"] += 1


def _clean_run(run: RunFolder, erasing: Erasing) -> None:
    """The files of one run folder. What counts rows comes after the rows."""
    found = list(files_of(run.path))
    last = {How.MANIFEST, How.REPORT}
    for item in (item for item in found if item.how not in last):
        if item.path.exists():
            _clean_file(item, erasing)
    for folder in sorted({item.stage for item in found if item.how is How.LOGITS}):
        erase_logits(folder, erasing)
    remove_exports(run, erasing)
    databases.erase_verdicts(run.path / "reviews.sqlite", erasing)
    for folder in sorted({item.stage for item in found if item.how is How.REPORT}):
        clean_report(folder, erasing)
    for item in found:
        if item.how is How.MANIFEST:
            rows.mark_manifest(item.path, erasing)


def _clean_file(item: Found, erasing: Erasing) -> None:
    """One file, by its kind."""
    if item.how is How.TASKS:
        rows.erase_tasks(item.path, erasing)
    elif item.how in (How.SAMPLES, How.TURNED_AWAY):
        rows.erase_samples(item.path, erasing, kept=item.how is How.SAMPLES)
    elif item.how is How.IDS:
        rows.erase_ids(item.path, erasing)
    elif item.how is How.ANSWERS:
        rows.erase_answers(item.path, erasing)
    elif item.how is How.REDACT or (item.how is How.UNKNOWN and item.path.suffix in {".json", ".jsonl"}):
        rows.redact_file(item.path, erasing)
    elif item.how is How.SCRAP:
        remove(item.path)
