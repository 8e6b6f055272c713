"""The report's files: written when everything was measured, and again where only the bars asked for changed.

Enters: Findings. Leaves: scores.json, report.html, report.md, and findings.json: what the pages were made of, drawings
included, so that another bar needs no system's answer, no figure and no drawing again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from imbik.core.errors import RunFolderError
from imbik.core.files import read_json, write_json, write_text
from imbik.evaluate.drawing import Plot
from imbik.evaluate.findings import Bar, Findings, Preferred, SampleRow
from imbik.evaluate.require import judge
from imbik.evaluate.scores import write_scores

HTML = "report.html"
_FINDINGS = "findings.json"


class _Pages(msgspec.Struct, frozen=True):
    """`findings.json`."""

    found: Findings
    drawn: list[Plot]


def write_report(folder: Path, found: Findings) -> None:
    """Write every file of the report; findings.json is the last, so its presence means that the others are whole."""
    from imbik.evaluate.report import draw  # what writes reports is loaded where one is written

    write_scores(folder / "scores.json", found.scores)
    _write_pages(folder, _Pages(found, draw(found)))


def hold_against(folder: Path, require: Mapping[str, str]) -> Sequence[Bar]:
    """The report's figures against these bars; pages that show others are written again.

    Raises: RunFolderError where the report is of an older imbik, which kept no findings.
    """
    path = folder / _FINDINGS
    if not path.exists() and require:
        raise RunFolderError(
            "this report was written by an older imbik and cannot be held against other bars",
            where=str(folder),
            next="evaluate again: run the same command with --from evaluate",
        )
    if not path.exists():
        return ()
    pages = read_json(path, _Pages)
    bars = judge(require, pages.found.scores, pages.found.metric)
    if bars != list(pages.found.bars):
        _write_pages(folder, _Pages(replace(pages.found, bars=bars), pages.drawn))
    return bars


def with_people(folder: Path, people: Sequence[Preferred]) -> None:
    """Write the pages again with what people prefer.

    Raises: RunFolderError where there is no report, or it is of an older imbik.
    """
    path = folder / _FINDINGS
    if not path.exists():
        raise RunFolderError(
            "there is no report that people's preferences could stand in",
            where=str(folder),
            next="evaluate again: run the same command with --from evaluate",
        )
    pages = read_json(path, _Pages)
    _write_pages(folder, _Pages(replace(pages.found, people=people), pages.drawn))


def without_rows(
    folder: Path, gone: Callable[[SampleRow], bool], names: Callable[[str], bool], note: str, mark: str
) -> int:
    """Write the pages again without the samples of erased rows, and without notes that name a person; returns how many
    samples went. `note` takes the place of an earlier one that ends with `mark`."""
    pages = read_json(folder / _FINDINGS, _Pages)
    kept = [row for row in pages.found.samples if not gone(row)]
    notes = [text for text in pages.found.notes if not text.endswith(mark) and not names(text)]
    notes += [note] if note else []
    warnings = [text for text in pages.found.warnings if not names(text)]
    found = replace(pages.found, samples=kept, notes=notes, warnings=warnings)
    _write_pages(folder, _Pages(found, pages.drawn))
    return len(pages.found.samples) - len(kept)


def _write_pages(folder: Path, pages: _Pages) -> None:
    from imbik.evaluate.report import html_page, markdown_page

    write_text(folder / "report.md", markdown_page(pages.found))
    write_text(folder / HTML, html_page(pages.found, pages.drawn))
    write_json(folder / _FINDINGS, pages)
