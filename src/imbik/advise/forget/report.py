"""Taking rows out of a report: its samples go, its figures stay what was measured, and the page says so.

Enters: the folder of a report. Leaves: findings.json, report.html and report.md without the samples of erased rows. A
report of an older imbik, which kept no findings, is removed where it names the person.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from imbik.advise.forget.decoded import texts_of_file
from imbik.advise.forget.erasing import Erasing
from imbik.core.tombstones import tombstones
from imbik.evaluate.findings import SampleRow
from imbik.evaluate.pages import HTML, without_rows

_NOTE = "were erased after this report was made (KVKK art. 7); its figures are those of all rows."


def clean_report(folder: Path, erasing: Erasing) -> None:
    """One report folder, current or replaced."""
    if (folder / "findings.json").exists():
        erased = len({stone.leaf for stone in tombstones(folder)})
        note = f"{erased:,} answers to held-out rows {_NOTE}" if erased else ""
        erasing.counts["samples in the report"] += without_rows(
            folder, lambda row: _gone(row, erasing), erasing.person.in_text, note, _NOTE
        )
        return
    for name in (HTML, "report.md"):
        path = folder / name
        if path.exists() and any(map(erasing.person.in_text, texts_of_file(path))):
            path.unlink()
            erasing.counts["pages removed"] += 1


def _gone(row: SampleRow, erasing: Erasing) -> bool:
    return row.id in erasing.tasks or erasing.person.in_any(asdict(row))
