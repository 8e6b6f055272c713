"""What growing did, in numbers: `growth.json`, the manifest, `imbik show RUN tasks` and the report tell it from here.

Enters: the mixer's counts at the end. Leaves: a record of strategies and categories.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from imbik.core.files import read_json
from imbik.core.types import Record, Task
from imbik.tasks.growth.coverage import Mixer
from imbik.tasks.growth.journal import Placed
from imbik.tasks.strategies import category_of

FILE, REFUSED_FILE = "growth.json", "refused.jsonl"


class GrownBy(Record, frozen=True, kw_only=True):
    """One strategy: its part as wanted and as it came, ideas had, those that brought nothing, tasks brought and new.
    `ended` says why it was asked no more; '' where it could have gone on."""

    strategy: str
    wanted_share: float
    share: float
    ideas: int
    failed: int
    offered: int
    new: int
    ended: str = ""


class Covered(Record, frozen=True, kw_only=True):
    """One category: tasks that people brought, and grown ones by strategy; `quota` is an even part of what was
    wanted."""

    category: str
    seeds: int
    grown: int
    quota: int
    by: dict[str, int] = {}


class GrowthReport(Record, frozen=True, kw_only=True):
    """The whole of `growth.json`."""

    wanted: int
    total: int
    seeds: int
    strategies: tuple[GrownBy, ...] = ()
    coverage: tuple[Covered, ...] = ()
    refused: dict[str, int] = {}
    failed: dict[str, int] = {}
    stopped: str = ""


def report_of(
    mixer: Mixer,
    seeds: Iterable[Task],
    placed: Sequence[Placed],
    refused: Mapping[str, int],
    failed: Mapping[str, int],
    stopped: str,
) -> GrowthReport:
    """All of it."""
    lines = list(mixer.lines.values())
    shares, new = sum(line.share for line in lines), sum(line.new for line in lines)
    brought = Counter(category_of(task) for task in seeds)
    made: dict[str, Counter[str]] = {}
    for item in placed:
        origin = item.task.origin
        made.setdefault(category_of(item.task), Counter())[origin.by if origin else ""] += 1
    quota = -(-mixer.grow.to // max(len(mixer.categories), 1))
    return GrowthReport(
        wanted=mixer.grow.to,
        total=mixer.total,
        seeds=brought.total(),
        strategies=tuple(
            GrownBy(
                strategy=line.name, wanted_share=round(line.share / shares, 4),
                share=round(line.new / new, 4) if new else 0.0, ideas=line.ideas, failed=line.failed,
                offered=line.offered, new=line.new, ended=line.why,
            )
            for line in lines
        ),
        coverage=tuple(
            Covered(
                category=name, seeds=brought[name], grown=(by := made.get(name, Counter[str]())).total(), quota=quota,
                by=dict(sorted(by.items())),
            )
            for name in mixer.categories
        ),
        refused=dict(Counter(refused).most_common()),
        failed=dict(Counter(failed).most_common()),
        stopped=stopped,
    )  # fmt: skip


def read_growth(stage: Path) -> GrowthReport | None:
    """The report of a tasks stage; None where nothing was grown."""
    path = stage / FILE
    return read_json(path, GrowthReport) if path.exists() else None


def told_growth(found: GrowthReport) -> str:
    """One paragraph: how many, by whom, what was refused, and why it ended where it did."""
    by = ", ".join(f"{line.strategy} {line.new:,} ({line.share:.0%})" for line in found.strategies)
    refused = sum(found.refused.values())
    why = next(iter(found.refused), "")
    text = (
        f"Of {found.total:,} tasks {found.seeds:,} were brought and {found.total - found.seeds:,} grown: {by}. "
        f"{refused:,} more were offered and refused{f', most often: {why}' if why else ''}."
    )
    return f"{text} {found.stopped[:1].upper()}{found.stopped[1:]}." if found.stopped else text


def coverage_rows(found: GrowthReport) -> tuple[list[str], list[list[str]]]:
    """Head and lines of the table by category: what was brought, and what each strategy grew."""
    names = sorted({name for line in found.coverage for name in line.by})
    head = ["category", "brought", *names, "all", "an even part"]
    lines = [
        [line.category or "none", f"{line.seeds:,}"]
        + [f"{line.by[name]:,}" if name in line.by else "" for name in names]
        + [f"{line.seeds + line.grown:,}", f"{line.quota:,}"]
        for line in found.coverage
    ]
    return head, lines
