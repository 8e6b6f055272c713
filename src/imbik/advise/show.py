"""Looking into a run: the funnel of rows stage by stage, rows as they are, and what later stages made of them.

Enters: a run folder, perhaps a stage. Leaves: lines of the funnel and sample rows, with all that a terminal might obey
written out. Sample rows are the first of the stage and those that got no further, with at least one of each reason.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import filterfalse, islice, zip_longest
from pathlib import Path
from typing import TypeVar

from imbik.advise import results
from imbik.advise.runs import FOLDERS, manifests, recipe_of
from imbik.advise.shown import Shown, shown
from imbik.advise.unfinished import Unfinished
from imbik.core.errors import RunFolderError, UsageError
from imbik.core.files import read_lines
from imbik.core.misspelt import closest
from imbik.core.results import Books
from imbik.core.runfolder import RunFolder, read_parts
from imbik.core.types import Outcome, Sample, Task
from imbik.tasks.growth.journal import Refused
from imbik.tasks.growth.report import REFUSED_FILE, GrowthReport, read_growth
from imbik.tasks.read import read_quarantine, read_sets

R = TypeVar("R")


@dataclass(frozen=True)
class FunnelLine:
    """One stage of the funnel: its books, how long it took, and how many of its rows were erased since."""

    stage: str
    books: Books
    seconds: float | None
    sensitivity: str
    warnings: tuple[str, ...]
    erased: int = 0


def funnel(run: RunFolder, stopped: Unfinished | None = None) -> list[FunnelLine]:
    """What became of the rows, by finished stage; `stopped` is the one at which the run stands still."""
    lines = [
        FunnelLine(name, found.books, found.seconds, found.sensitivity.value, found.warnings, found.erased)
        for name, found in manifests(run).items()
    ]
    place = [line.stage for line in lines]
    if stopped is not None:
        order = [*FOLDERS]
        before = sum(order.index(name) < order.index(stopped.stage) for name in place)
        lines.insert(before, FunnelLine(f"{stopped.stage} (not finished)", stopped.books, None, "", ()))
    return lines


def stage_folder(name: str) -> str:
    """The folder of a stage as typed: `refine`, `3_refined` or `3`.

    Raises: UsageError naming the stages.
    """
    for stage, folder in FOLDERS.items():
        if name in {stage, folder, folder.partition("_")[0]}:
            return folder
    raise UsageError(f"there is no stage '{name}'; {closest(name, list(FOLDERS))}")


def sample_rows(run: RunFolder, stage: str, count: int) -> list[Shown]:
    """The first `count` rows of a stage and as many that it turned away; of train and export all that was made.

    Raises: RunFolderError when the stage has not run.
    """
    folder = stage_folder(stage)
    path = run.stage(folder)
    if folder == FOLDERS["review"] and recipe_of(run).review is None:
        return []  # people only compared systems: what they prefer is told apart from rows
    if not path.is_dir():
        raise RunFolderError(f"stage {folder} has not run", where=str(run.path), next=f"imbik run {run.path}")
    if folder == FOLDERS["tasks"]:
        return _tasks(run, count)
    if folder in {FOLDERS["generate"], FOLDERS["refine"], FOLDERS["review"]}:
        return _samples(path, count)
    if folder == FOLDERS["capture"]:
        return results.captured(run, count)
    if folder == FOLDERS["evaluate"]:
        return results.answered(run, count)
    return results.trained(run) if folder == FOLDERS["train"] else results.exported(run)


def grown_in(run: RunFolder, stage: str) -> GrowthReport | None:
    """How the pool was grown, where that is the stage which is shown."""
    folder = stage_folder(stage)
    return read_growth(run.stage(folder)) if folder == FOLDERS["tasks"] else None


def newest_rows(run: RunFolder, count: int) -> list[Shown]:
    """Rows of the furthest stage that keeps any."""
    for stage in ("review", "refine", "generate", "tasks"):
        if (run.stage(FOLDERS[stage]) / "manifest.json").exists():
            return sample_rows(run, stage, count)
    return []


def _tasks(run: RunFolder, count: int) -> list[Shown]:
    path = run.stage(FOLDERS["tasks"])
    sets = read_sets(run) if (path / "splits.jsonl").exists() else {}
    brought = islice((task for task in read_parts(path, Task) if task.origin is None), count)
    grown = islice((task for task in read_parts(path, Task) if task.origin is not None), count)
    found = [_task(task, sets.get(task.id, "")) for task in (*brought, *grown)]
    if (path / "quarantine.jsonl").exists():
        found += [shown("", "quarantine", {"reason": str(bad)}) for bad in islice(read_quarantine(run), count)]
    if (path / REFUSED_FILE).exists():
        found += [_refused(item) for item in islice(read_lines(path / REFUSED_FILE, Refused), count)]
    return found


def _task(task: Task, set_name: str) -> Shown:
    texts: dict[str, str] = {message.role: message.content for message in task.messages}
    if task.reference is not None:
        texts |= {"known reasoning": task.reference.reasoning, "known answer": task.reference.text}
    by = f" {task.origin.by}" if task.origin else ""
    return shown(task.id, f"{set_name} {task.sensitivity.value}{by}".strip(), texts)


def _refused(item: Refused) -> Shown:
    """A grown task that was not taken in."""
    reason = f"{item.by}: {item.reason}{f' ({item.detail})' if item.detail else ''}"
    return shown("", f"refused {item.category}".strip(), {"user": item.text, "reason": reason})


def _samples(path: Path, count: int) -> list[Shown]:
    """The first rows that went on, and others with at least one of each reason that kept some from it."""
    kept = [_sample(sample, "") for sample in islice(filter(_answered, read_parts(path, Sample)), count)]
    lost = [_sample(sample, "") for sample in _of_each(filterfalse(_answered, read_parts(path, Sample)), count)]
    turned_away = [_sample(sample, "rejected") for sample in _of_each(_rejected(path), count)]
    return kept + lost + turned_away


def _answered(sample: Sample) -> bool:
    return sample.completion.outcome is Outcome.ANSWERED


def _of_each(samples: Iterator[Sample], count: int) -> list[Sample]:
    """`count` samples, taking turns among the reasons they were not kept for, and one of each where there are more."""
    found: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples if count else ():
        refusing = (verdict.by for verdict in sample.verdicts if not verdict.keep)
        alike = found[next(refusing, sample.completion.outcome.value)]
        if len(alike) < count:
            alike.append(sample)
    turns = [sample for turn in zip_longest(*found.values()) for sample in turn if sample is not None]
    return turns[: max(count, len(found))]


def _rejected(path: Path) -> Iterator[Sample]:
    for file in sorted(path.glob("rejected-*.jsonl")):
        yield from read_lines(file, Sample)


def _sample(sample: Sample, mark: str) -> Shown:
    texts = {"asked": sample.task.messages[-1].content if sample.task.messages else ""}
    texts |= {"reasoning": sample.reasoning, "answer": sample.answer or sample.completion.answer}
    refused = [f"{v.by}: {v.reason}" for v in sample.verdicts if not v.keep]
    noted = [f"{v.by}: {v.reason}" for v in sample.verdicts if v.keep and v.reason]
    texts |= {"reason": "; ".join(refused) or sample.completion.reason, "noted": "; ".join(noted)}
    texts |= {"repairs": sample.repairs}
    return shown(sample.id, mark or sample.completion.outcome.value, texts)
