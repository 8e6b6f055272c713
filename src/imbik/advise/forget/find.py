"""Which rows of a run are meant: every stage's files are read, those that a changed recipe replaced too.

Enters: a run, a person, ids of rows. Leaves: the tasks that go with all that was made of them (grown tasks too),
samples that go by themselves (a teacher named the person in an answer to somebody else's row), and how many of them a
student learned.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass, field

from imbik.advise.forget.erasing import mentions, mentions_task
from imbik.advise.forget.places import How, files_of
from imbik.core.errors import UsageError
from imbik.core.files import read_lines
from imbik.core.runfolder import RunFolder
from imbik.core.types import Sample, Task
from imbik.privacy.person import Person
from imbik.review.content import content_key
from imbik.tasks.split import Assignment

_LEARNED = ("train", "validation")
_KEPT = ("3_refined", "4_reviewed")


@dataclass
class Chosen:
    """What goes. `named` are ids of tasks in which the person stands; the others were chosen by id."""

    tasks: dict[str, Task] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)
    samples: set[str] = field(default_factory=set)
    contents: set[str] = field(default_factory=set)
    learned: set[str] = field(default_factory=set)
    sets: dict[str, str] = field(default_factory=dict)

    @property
    def held_out(self) -> int:
        """Tasks that were kept from training."""
        return sum(self.sets.get(name, "") not in ("", *_LEARNED) for name in self.tasks)


def find(run: RunFolder, person: Person, rows: Set[str] = frozenset()) -> Chosen:
    """Read all of a run.

    Raises: RunFolderError for a damaged file; UsageError for a row that is not there.
    """
    chosen = Chosen()
    for task in tasks_of(run):
        named = mentions_task(person, task)
        if named or task.id in rows:
            chosen.tasks.setdefault(task.id, task)
            chosen.named |= {task.id} if named else set()
    _with_children(run, chosen)
    if missing := sorted(set(rows) - set(chosen.tasks)):
        raise UsageError(
            f"there is no row '{missing[0]}' in this run",
            where="--rows",
            next=f"imbik show {run.typed} tasks shows rows with their ids",
        )
    for folder, sample in samples_of(run):
        if mentions_task(person, sample.task):
            chosen.tasks.setdefault(sample.task.id, sample.task)
            chosen.named.add(sample.task.id)
        whole = sample.task.id in chosen.tasks
        if whole or mentions(person, sample):
            chosen.samples |= set() if whole else {sample.id}
            chosen.contents.add(content_key(sample))
            chosen.learned |= {sample.id} if folder in _KEPT else set()
    chosen.sets = _sets(run)
    chosen.learned = {name for name in chosen.learned if _was_learned(chosen.sets, name)}
    # Another stage's copy of a sample that goes by itself may not say the name (an expert took it out).
    for _, sample in samples_of(run) if chosen.samples else ():
        if sample.id in chosen.samples:
            chosen.contents.add(content_key(sample))
    return chosen


def _with_children(run: RunFolder, chosen: Chosen) -> None:
    """Tasks that were made of one chosen task alone (evolved, paraphrased …) go with it, and so on. What was grown with
    it as one example among others goes where it names the person, which its own text tells."""
    more = bool(chosen.tasks)
    while more:
        more = False
        for task in tasks_of(run):
            made_of = task.origin.of if task.origin is not None else ()
            if len(made_of) == 1 and made_of[0] in chosen.tasks and task.id not in chosen.tasks:
                chosen.tasks[task.id] = task
                more = True


def _was_learned(sets: dict[str, str], sample: str) -> bool:
    """Whether a kept sample was trained on, or chose the step; where nothing says so, it is taken to have been."""
    return sets.get(sample.partition("#")[0], "train") in _LEARNED


def tasks_of(run: RunFolder) -> Iterator[Task]:
    """Tasks of all tasks stages, current and replaced."""
    for found in files_of(run.path):
        if found.how is How.TASKS:
            yield from read_lines(found.path, Task)


def samples_of(run: RunFolder) -> Iterator[tuple[str, Sample]]:
    """Samples of all stages with the folder they lie in; '' for those that were turned away there."""
    for found in files_of(run.path):
        if found.how in (How.SAMPLES, How.TURNED_AWAY):
            folder = found.stage.name.partition("-")[0] if found.how is How.SAMPLES else ""
            for sample in read_lines(found.path, Sample):
                yield folder, sample


def _sets(run: RunFolder) -> dict[str, str]:
    """The set of each task; in the newest tasks stage that knows it."""
    sets: dict[str, str] = {}
    for folder in (*run.replaced("1_tasks"), run.stage("1_tasks")):
        path = folder / "splits.jsonl"
        if path.exists():
            sets |= {item.id: item.set for item in read_lines(path, Assignment)}
    return sets
