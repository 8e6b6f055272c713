"""One export: rows are read, looked at, written where nobody sees them, described, let out by the gate, put in place.

Enters: a run and what is wanted. Leaves: a folder of the run, of this machine, of a server, or a data set of a hub; a
line in `exports.jsonl`; audit lines. An export is whole or not there. Readers of a run need no lock, so an erasure may
begin meanwhile: what was read before it is then thrown away.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from imbik import __version__
from imbik.core.errors import BlockedError, RunFolderError, UsageError
from imbik.core.files import disk_errors, file_digest, make_private, remove, write_text
from imbik.core.plugins import PluginBlock, make
from imbik.core.runfolder import RunFolder
from imbik.core.tombstones import refuse_half_erased
from imbik.core.types import Sensitivity
from imbik.exchange.card import Told, dataset_card, split_of
from imbik.exchange.formats import DataFormat, UnfitError, told
from imbik.exchange.leaving import Door, advice
from imbik.exchange.pairs import Pair, pairs, rejected
from imbik.exchange.records import FOLDER, Exported, note
from imbik.exchange.rows import Example, LeftOut, Wanted, Writer, examples
from imbik.exchange.sinks import JsonLines, Sink
from imbik.privacy.destinations import HUB, Destination, destination
from imbik.privacy.person import strings
from imbik.recipe import Recipe, load_recipe
from imbik.tasks.read import read_sets

REJECTED = "rejected"
_SEVERAL = (
    "pairs need several answers to a task: generate: {samples: {min: 4, max: 4}, temperature: 0.8}, or "
    "repair: {rounds: 1}"
)


@dataclass(frozen=True)
class Order:
    """What is wanted: a format with its settings, which rows and how written, where to, and how private at most."""

    format: str
    to: str = ""
    wanted: Wanted = field(default_factory=Wanted)
    at_most: Sensitivity | None = None
    settings: Mapping[str, object] = field(default_factory=dict)
    licence: str = "unknown"
    hub: str = HUB
    public: bool = False
    command: str = ""
    rejected: bool = False


@dataclass
class Done:
    """What was handed over: rows of each set, of each level, and what was left out and why."""

    format: str
    where: str
    rows: Counter[str] = field(default_factory=Counter)
    levels: Counter[Sensitivity] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    left: LeftOut = field(default_factory=LeftOut)
    notes: list[str] = field(default_factory=list)
    replaced: str = ""
    rejected: int = 0

    @property
    def total(self) -> int:
        """All rows."""
        return self.rows.total()

    @property
    def sensitivity(self) -> Sensitivity:
        """The highest of them."""
        return max(self.levels, key=lambda level: level.rank)


def export(run: RunFolder, order: Order) -> Done:
    """Hand a run's data over.

    Raises: UsageError (no such format, a destination that is none or is not empty, nothing to hand over), BlockedError
    where the gate says no, RunFolderError where the run is not that far or was erased from meanwhile,
    TeacherUnreachableError when the hub refuses.
    """
    refuse_half_erased(run.path)
    recipe = load_recipe(run.path / "recipe.yaml")
    form = cast(DataFormat, make("exchange/formats", PluginBlock(use=order.format, raw=dict(order.settings))))
    target = _target(run, order)
    receipts = _receipts(run)
    done = Done(order.format, order.to or str(run.path / FOLDER / order.format))
    with Door(run, recipe, target) as door, _scratch(run, order.format) as scratch:
        with disk_errors(scratch):
            tasks = _written(run, recipe, form, order, door, scratch, done)
        write_text(scratch / "README.md", dataset_card(run, recipe, form, _told(order, done)))
        make_private(scratch)
        made = Exported(
            at=datetime.now(UTC).isoformat(timespec="seconds"), format=order.format, inside=not order.to,
            where=_where(order, target), rows=dict(done.rows), sensitivity=done.sensitivity,
            sha256=file_digest(scratch), command=order.command, imbik=__version__, tasks=tuple(map(door.keyed, tasks)),
        )  # fmt: skip
        door.decide()
        if _receipts(run) != receipts:
            raise RunFolderError(
                "rows were erased from this run meanwhile", where=str(run.path), next="export it again"
            )
        refuse_half_erased(run.path)
        _put(run, scratch, target, order, door, done)
        note(run, made)
    return done


def _written(
    run: RunFolder, recipe: Recipe, form: DataFormat, order: Order, door: Door, folder: Path, done: Done
) -> dict[str, None]:
    """Write all rows; returns the tasks that they belong to.

    Raises: UsageError when there are none.
    """
    tasks: dict[str, None] = {}
    sinks: dict[str, Sink] = {}
    with ExitStack() as open_files:
        for row in _rows(run, recipe, form, order, done.left):
            try:
                record = form.record(row)
            except UnfitError as unfit:
                done.left.reasons[str(unfit)] += 1
                continue
            asked = door.look(row.task, row.sensitivity, list(strings(record)))
            if order.at_most is not None and asked.level.rank > order.at_most.rank:
                done.left.reasons[f"more private than {order.at_most.value}"] += 1
                continue
            door.take(asked)
            name = split_of(row.set)
            if order.rejected and name == REJECTED:
                raise UsageError("a set of this run is called 'rejected' too", where="--rejected", next="leave it out")
            if name not in sinks:
                sinks[name] = form.sink(folder, name)
                open_files.callback(sinks[name].close)
            sinks[name].add(record)
            tasks[row.task] = None
            done.rows[name] += 1
            done.levels[asked.level] += 1
            done.languages[row.language] += 1
    if not done.total:
        why = ", ".join(f"{count:,} {reason}" for reason, count in done.left.reasons.most_common(3))
        raise UsageError(
            f"there is nothing to hand over{f': {why}' if why else ''}", where=run.name,
            next=_SEVERAL if form.takes == "pairs" else "",
        )  # fmt: skip
    form.sink.finish(folder, list(sinks))
    if order.rejected:
        tasks |= _write_rejected(run, recipe, order, door, folder, done)
    done.notes += list(getattr(form, "notes", lambda counts: ())(done.rows))
    return tasks


def _write_rejected(
    run: RunFolder, recipe: Recipe, order: Order, door: Door, folder: Path, done: Done
) -> dict[str, None]:
    """`rejected.jsonl`: answers that were turned away, with their reasons; in no set, so that nobody learns them."""
    writer, sets, tasks = Writer(run, recipe, order.wanted), read_sets(run), dict[str, None]()
    with closing(JsonLines(folder, REJECTED)) as sink:
        for sample, by, reason in rejected(run, recipe):
            row = writer.of_sample(sample, sets[sample.task.id])
            record = {"id": row.id, "set": row.set, "messages": told(row.turns), "by": by, "reason": reason}
            asked = door.look(row.task, row.sensitivity, list(strings(record)))
            if order.at_most is None or asked.level.rank <= order.at_most.rank:
                door.take(asked)
                sink.add(record)
                tasks[row.task] = None
                done.rejected += 1
                done.levels[asked.level] += 1
    return tasks


def _rows(
    run: RunFolder, recipe: Recipe, form: DataFormat, order: Order, left: LeftOut
) -> Iterator[Example] | Iterator[Pair]:
    """What the format takes."""
    if form.takes == "pairs":
        return pairs(run, recipe, order.wanted, left, int(getattr(form.settings, "pairs", 1)))
    return examples(run, recipe, order.wanted, left)


def _told(order: Order, done: Done) -> Told:
    return Told(
        rows=dict(done.rows), levels=dict(done.levels), languages=list(done.languages), left=dict(done.left.reasons),
        licence=order.licence, command=order.command, reasoning=order.wanted.reasoning, rejected=done.rejected,
    )  # fmt: skip


def _target(run: RunFolder, order: Order) -> Destination:
    """Where it goes; a folder that holds something is not written to.

    Raises: UsageError.
    """
    target = destination(order.to or str(run.path / FOLDER / order.format), order.hub)
    if target.folder is None or not order.to:
        return target
    folder = target.folder.resolve()
    if folder.is_relative_to(run.path.resolve()):
        raise UsageError(
            f"inside a run, exports lie in {run.path / FOLDER}, where an erasure finds them",
            where="--to",
            next="leave --to out, or name a folder elsewhere",
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError("there is something already, and nothing is overwritten", where=str(folder))
    return target


@contextmanager
def _scratch(run: RunFolder, name: str) -> Iterator[Path]:
    """A folder that nobody takes for an export, gone at the end."""
    path = run.path / FOLDER / f".{name}.{os.getpid()}.tmp"
    remove(path)
    path.parent.mkdir(exist_ok=True, mode=0o700)
    path.mkdir(mode=0o700)
    try:
        yield path
    finally:
        remove(path)
        if not any(path.parent.iterdir()):
            path.parent.rmdir()


def _put(run: RunFolder, scratch: Path, target: Destination, order: Order, door: Door, done: Done) -> None:
    """Where it is wanted."""
    if target.repo:
        _upload(scratch, target, order, door, done)
    elif not order.to:
        place = f"{FOLDER}/{order.format}"
        if run.stage(place).exists():  # it goes to `old/`, as whatever is replaced
            done.replaced = str(run.retire(place))
        scratch.rename(run.stage(place))
    elif target.folder is not None:
        with disk_errors(target.folder):
            shutil.copytree(scratch, target.folder, dirs_exist_ok=True)
        make_private(target.folder)


def _upload(scratch: Path, target: Destination, order: Order, door: Door, done: Done) -> None:
    from imbik.privacy.hub import upload
    from imbik.privacy.keys import HUB_TOKEN, find_key

    assert target.endpoint is not None
    if order.public and done.sensitivity is not Sensitivity.PUBLIC:
        raise BlockedError(
            f"{done.sensitivity.value} rows go to no public repository", where="--public", next="leave it out"
        )
    place, decision = door.at(target.endpoint)
    if not decision.allowed or place.address is None:
        raise BlockedError(decision.reason, where=target.text, next=advice(target))
    token = find_key(HUB_TOKEN, target.endpoint, place.address, door.gate.operator, push=True)
    upload(
        target.endpoint, scratch, target.repo, ask=door.at, token=token, private=not order.public, kind="dataset",
        message="A data set made with imbik",
    )  # fmt: skip


def _where(order: Order, target: Destination) -> str:
    if not order.to:
        return f"{FOLDER}/{order.format}"
    return str(target.folder) if target.folder is not None else f"{target.endpoint}/datasets/{target.repo}"


def _receipts(run: RunFolder) -> list[str]:
    """Erasures of this run."""
    folder = run.path / "receipts"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
