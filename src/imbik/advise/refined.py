"""What the checks did to a run: for `imbik show RUN refine`.

Enters: a run whose refine stage has run. Leaves: a line for each check (kept, rejected, crashed, edits, questions), and
the commonest reasons of rejections, alike but for numbers and quoted words, each with how often it was given and one
example. All that a terminal might obey is written out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from imbik.advise.terminal import safe
from imbik.core.files import read_lines
from imbik.core.runfolder import RunFolder
from imbik.core.types import Sample
from imbik.refine.books import CheckCount, read_counts

FOLDER = "3_refined"
HEAD = ("check", "scope", "kept", "rejected", "crashed on", "edited", "asked")
REASONS = ("check", "times", "reason", "for example")
_VARIES = re.compile(r"'[^']*'|\"[^\"]*\"|\d+(?:[.,]\d+)*%?")
_LONGEST = 160


def check_rows(run: RunFolder) -> list[list[str]]:
    """A line for each check, in the recipe's order; none where the stage has not run."""
    counted = read_counts(run.stage(FOLDER))
    return [_row(check) for check in counted.checks] if counted else []


def repaired_line(run: RunFolder) -> str:
    """What asking again came to, in a sentence; '' where the recipe has no `repair:`."""
    counted = read_counts(run.stage(FOLDER))
    if counted is None or counted.repaired is None:
        return ""
    found = counted.repaired
    return f"repair: {found.asked:,} rejected answers asked again, {found.answered:,} answered, {found.kept:,} kept"


def reason_rows(run: RunFolder, most: int = 10) -> list[list[str]]:
    """The commonest reasons: check, how often, the reason without what varies, and one as it was given."""
    alike, examples = Counter[tuple[str, str]](), dict[tuple[str, str], str]()
    for path in sorted(run.stage(FOLDER).glob("rejected-*.jsonl")):
        for sample in read_lines(path, Sample):
            verdict = sample.verdicts[-1]
            key = verdict.by, _VARIES.sub("…", verdict.reason)[:_LONGEST]
            alike[key] += 1
            examples.setdefault(key, verdict.reason)
    return [
        [
            safe(by),
            f"{count:,}",
            safe(reason, keep_lines=False),
            safe(examples[by, reason][:_LONGEST], keep_lines=False),
        ]
        for (by, reason), count in alike.most_common(most)
    ]


def _row(check: CheckCount) -> list[str]:
    numbers = [f"{count:,}" if count else "" for count in (check.kept, check.rejected, check.crashed)]
    return [safe(check.name), check.scope, *numbers, _told(check.edits), _told(check.asked)]


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{safe(name, keep_lines=False)} {count:,}" for name, count in counts.items())
