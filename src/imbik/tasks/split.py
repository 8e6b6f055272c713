"""Dividing tasks into train, validation and test so that no row ever changes its set.

Enters: tasks, the recipe's `split:`, the assignments of earlier runs. Leaves: an Assignment a task. A new row's place
is a keyed hash of its group (or of its text without case, spaces and signs), balanced within each stratum; assigned
rows stay where they are. Equal texts and equal groups share a set. Prescribed sets are kept and never added to: what
a free row has in common with them is reported (`likeness`) and dropped by the check `leakage`, not moved.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from imbik.core.errors import InputError
from imbik.core.files import digest, read_lines
from imbik.core.runfolder import RunFolder
from imbik.core.types import Record, Task
from imbik.recipe.tasks import Split
from imbik.tasks.build import stratum
from imbik.tasks.normal import same_text_key

FEW_ROWS = 100
_GIANT = 0.3


class Assignment(Record, frozen=True, kw_only=True):
    """One line of `splits.jsonl`. `key` is a keyed hash of what decided (group or text), '' for a prescribed set."""

    id: str
    set: str
    key: str = ""
    rule: str = ""


@dataclass(frozen=True)
class Shares:
    """The shares wanted of the free rows that are new, and what identifies the division: another rule divides anew."""

    validation: float
    test: float
    stratify: bool
    by: str
    seed: int
    rule: str

    def key(self, text: str) -> str:
        """The keyed hash of a group or text: what a place is decided by, and no content."""
        return digest("split", str(self.seed), text)[:24]


@dataclass
class Division:
    """The result: a set for each task in order, and what a person should know."""

    assignments: list[Assignment] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass
class _Cluster:
    """Rows that stay together: indices, the hash that orders them, the stratum of most, the set, whether it is old."""

    rows: list[int]
    key: str
    stratum: str
    set: str = ""
    old: bool = False


def shares_for(split: Split, tasks: Sequence[Task]) -> Shares:
    """The recipe's shares; a set that is prescribed takes nothing more from the free rows.

    The rule is a short hash of the recipe's `split` alone, never of the rows: else one more row that prescribes a set
    would divide all the others anew.
    """
    written = (split.validation, split.test, split.stratify, split.by, split.seed)
    prescribed = {task.set for task in tasks if task.set}
    return Shares(
        0.0 if "validation" in prescribed else split.validation,
        0.0 if "test" in prescribed else split.test,
        split.stratify,
        split.by,
        split.seed,
        digest(*map(str, written))[:12],
    )


def divide(tasks: Sequence[Task], split: Split, earlier: Iterable[Assignment] = ()) -> Division:
    """Assign every task.

    Raises: InputError when there are too few different rows for the sets that are wanted.
    """
    shares = shares_for(split, tasks)
    rule = shares.rule
    free = [index for index, task in enumerate(tasks) if not task.set]
    known = [item for item in earlier if item.key]
    valid = [item for item in known if item.rule == rule]
    keys = _keys(tasks, free, shares)
    clusters = _clusters(tasks, free, keys)
    old = _place_old(clusters, tasks, keys, valid)
    _place_new(clusters, shares)
    _fill_empty(clusters, shares)
    sets = {index: cluster.set for cluster in clusters for index in cluster.rows} | old
    division = Division()
    for index, task in enumerate(tasks):
        if task.set:
            division.assignments.append(Assignment(id=task.id, set=task.set))
        else:
            division.assignments.append(Assignment(id=task.id, set=sets[index], key=keys[index][0], rule=rule))
    division.notes = _notes(clusters, bool(known) and not valid)
    return division


def size_notes(assigned: Iterable[Assignment], shares: Shares) -> list[str]:
    """What a person should know of how many rows each set has, once all of them are there."""
    notes = []
    counts = Counter(item.set for item in assigned)
    for name, share in (("validation", shares.validation), ("test", shares.test)):
        if not counts[name]:
            notes.append(f"there are no {name} rows: set split.{name} or give {name}_source")
        elif share and counts[name] < FEW_ROWS:
            notes.append(f"only {counts[name]} {name} rows: a figure on so few is uncertain (100 or more are useful)")
    if not counts["train"]:
        notes.append("there are no training rows")
    return notes


def earlier_assignments(run: RunFolder, folder: str = "1_tasks") -> list[Assignment]:
    """Assignments of the run's former task stages, the newest of each row: what lies in `old/`."""
    found: dict[str, Assignment] = {}
    for path in run.replaced(folder):
        if (path / "splits.jsonl").exists():
            found |= {item.id: item for item in read_lines(path / "splits.jsonl", Assignment)}
    return list(found.values())


def _keys(tasks: Sequence[Task], free: Sequence[int], shares: Shares) -> dict[int, tuple[str, ...]]:
    """For each free row the keys that tie it to others; the first decides its place."""
    keys: dict[int, tuple[str, ...]] = {}
    for index in free:
        task = tasks[index]
        text = shares.key("text\n" + same_text_key(task.text))
        keys[index] = (shares.key("group\n" + task.group), text) if task.group else (text,)
    return keys


def _clusters(tasks: Sequence[Task], free: Sequence[int], keys: Mapping[int, tuple[str, ...]]) -> list[_Cluster]:
    """Connected rows (a shared group or text) as clusters, in an order that does not depend on the rows' order."""
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        while parent.setdefault(key, key) != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for index in free:
        first = root(keys[index][0])
        for other in keys[index][1:]:
            low, high = sorted((first, root(other)))
            parent[high] = first = low
    members: dict[str, list[int]] = defaultdict(list)
    for index in free:
        members[root(keys[index][0])].append(index)
    found = [
        _Cluster(
            rows,
            min(keys[index][0] for index in rows),
            Counter(sorted(stratum(tasks[index]) for index in rows)).most_common(1)[0][0],
        )
        for rows in members.values()
    ]
    return sorted(found, key=lambda cluster: cluster.key)


def _place_old(
    clusters: Sequence[_Cluster],
    tasks: Sequence[Task],
    keys: Mapping[int, tuple[str, ...]],
    known: Sequence[Assignment],
) -> dict[int, str]:
    """Give clusters the set their rows (or rows of the same key) had; rows that had another keep their own."""
    by_id = {item.id: item for item in known}
    by_key = {item.key: item.set for item in known}
    kept: dict[int, str] = {}
    for cluster in clusters:
        for index in cluster.rows:
            item = by_id.get(tasks[index].id)
            if item is not None and (item.key == keys[index][0] or not tasks[index].group):
                kept[index] = item.set
        found = [kept[index] for index in cluster.rows if index in kept]
        found = found or [by_key[key] for index in cluster.rows for key in keys[index] if key in by_key]
        if found:
            cluster.set, cluster.old = Counter(sorted(found)).most_common(1)[0][0], True
    return kept


def _place_new(clusters: Sequence[_Cluster], shares: Shares) -> None:
    """Fill test, then validation, within each stratum; what is left is train. Clusters come in hash order."""
    strata: dict[str, list[_Cluster]] = defaultdict(list)
    for cluster in clusters:
        strata[cluster.stratum if shares.stratify else ""].append(cluster)
    for name, share in (("test", shares.test), ("validation", shares.validation)):
        wanted = _quotas({key: _rows(items) for key, items in strata.items()}, share, shares)
        for key, items in strata.items():
            missing = wanted[key] - sum(len(cluster.rows) for cluster in items if cluster.set == name)
            for cluster in items:
                if not cluster.set and missing >= 1 and len(cluster.rows) <= 2 * missing - 1:
                    cluster.set = name
                    missing -= len(cluster.rows)
    for cluster in clusters:
        cluster.set = cluster.set or "train"


def _quotas(sizes: Mapping[str, int], share: float, shares: Shares) -> dict[str, int]:
    """Rows of a set for each stratum: whole parts, then the largest remainders, so that the total is right as well."""
    exact = {key: size * share for key, size in sizes.items()}
    quotas = {key: math.floor(value) for key, value in exact.items()}
    left = round(sum(exact.values())) - sum(quotas.values())
    order = sorted(exact, key=lambda key: (quotas[key] - exact[key], shares.key(f"stratum\n{key}")))
    for key in order[:left]:
        quotas[key] += 1
    return quotas


def _fill_empty(clusters: Sequence[_Cluster], shares: Shares) -> None:
    """Small data: every wanted set has at least one cluster, as far as new ones can be moved.

    Raises: InputError when there are fewer clusters than sets.
    """
    wanted = [name for name, share in (("test", shares.test), ("validation", shares.validation)) if share > 0]
    if not clusters or all(any(cluster.set == name for cluster in clusters) for name in (*wanted, "train")):
        return
    if len(clusters) < len(wanted) + 1:
        what = f"groups of '{shares.by}'" if shares.by else "different rows"
        raise InputError(
            f"{len(clusters)} {what} cannot fill {len(wanted) + 1} sets (train, {', '.join(wanted)})",
            where="tasks.split",
            next="give more rows, or fewer sets: split: {validation: 0, test: 0} or test_source: FILE",
        )
    for name in ("train", *wanted):
        counts = Counter(cluster.set for cluster in clusters)
        fresh = [cluster for cluster in clusters if not cluster.old and counts[cluster.set] > 1]
        if not counts[name] and fresh:
            donor = max(sorted(counts), key=lambda item: counts[item])
            best = [cluster for cluster in fresh if cluster.set == donor] or fresh
            min(best, key=lambda cluster: (len(cluster.rows), cluster.key)).set = name


def _rows(clusters: Iterable[_Cluster]) -> int:
    return sum(len(cluster.rows) for cluster in clusters)


def _notes(clusters: Sequence[_Cluster], anew: bool) -> list[str]:
    """What a person should know of this division."""
    notes = []
    if anew:
        notes.append(
            "the split settings changed, so all rows were divided anew: figures of earlier runs do not compare"
        )
    largest = max((len(cluster.rows) for cluster in clusters), default=0)
    if largest > 1 and largest > _GIANT * _rows(clusters):
        notes.append(
            f"{largest} of {_rows(clusters)} rows share a group or text and stay in one set, so shares are off"
        )
    return notes
