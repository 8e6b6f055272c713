"""What the check `duplicates` keeps of all samples: hashes in memory, what they are hashes of on the disk.

Enters: blocks of samples. Leaves: by row (in order of task id, teacher and number) what decides whether two rows are
twins: 64-bit hashes of the task, its question, the answer's meaning, the response; and, read back where two rows are
compared or told of, ids, meanings and runs of words. In memory a row takes some hundred bytes, however long it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from imbik.core.types import Sample, Task
from imbik.refine.shelves import Columns, Shelf
from imbik.tasks.grams import Runs, Words, mixed, runs, task_text, word_hashes, word_keys
from imbik.tasks.minhash import ODD, bands

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from imbik.refine.checks import CheckContext
    from imbik.tasks.grams import Grams

    Keys = NDArray[np.uint64]


class Pieces(NamedTuple):
    """Texts as bytes, one behind the other."""

    flat: bytes
    lengths: NDArray[np.int64]

    @staticmethod
    def of(texts: Sequence[bytes]) -> Pieces:
        """Joined."""
        import numpy as np

        return Pieces(b"".join(texts), np.fromiter(map(len, texts), np.int64, len(texts)))


@dataclass(frozen=True)
class Told:
    """A block. `of_task` says which of its tasks a row is of; `task`, `ids`, `same_as`, `question`, `questions` and
    `bands` (tasks, bands) are columns of the tasks, the others of the rows. Without a threshold there are no bands."""

    folder: Path
    of_task: NDArray[np.int64]
    teachers: Sequence[str]
    number: NDArray[np.int64]
    known: NDArray[np.bool_]
    meaning: Keys
    meanings: Pieces
    response: Keys
    responses: Runs
    task: Keys
    ids: Pieces
    same_as: Keys
    question: Keys
    questions: Runs
    bands: Keys


def told(samples: Sequence[Sample], context: CheckContext, shingle: int, threshold: float) -> Told:
    """What there is to keep of a block."""
    import numpy as np

    tasks = {sample.task.id: sample.task for sample in samples}
    place = {name: number for number, name in enumerate(tasks)}
    asked = [task_text(task) for task in tasks.values()]
    said = [f"{sample.reasoning}\n{sample.answer}" for sample in samples]
    means = [_bytes(_meaning(sample, context)) for sample in samples]
    asked_words, said_words = [word_hashes(text) for text in asked], [word_hashes(text) for text in said]
    questions, ids = runs(asked_words, shingle), [_bytes(name) for name in tasks]
    keys = _hashes(ids)
    meanings = {text: number for number, text in enumerate(dict.fromkeys(means))}
    return Told(
        folder=context.run,
        of_task=np.array([place[sample.task.id] for sample in samples], np.int64),
        teachers=[sample.teacher for sample in samples],
        number=np.array([sample.number for sample in samples], np.int64),
        known=np.array([sample.task.reference is not None for sample in samples], bool),
        meaning=_hashes(list(meanings))[[meanings[text] for text in means]],
        meanings=Pieces.of(means),
        response=_keys(said_words, said),
        responses=runs(said_words, shingle).halved(),
        task=keys,
        ids=Pieces.of(ids),
        same_as=_same_as(tasks.values(), keys),
        question=_keys(asked_words, asked),
        questions=questions,
        bands=bands(questions, threshold) if threshold < 1 else np.empty((len(tasks), 0), np.uint64),
    )


class Heard:
    """All blocks. After `arrange` rows are numbered in order, and `starts` says where a task's begin."""

    starts: NDArray[np.int64]
    asked: Keys

    def __init__(self, blocks: Iterable[Told]) -> None:
        import numpy as np

        whole: list[tuple[NDArray[np.generic], ...]] = []
        entries: list[tuple[Keys, ...]] = []
        teachers: dict[str, int] = {}
        tasks = 0
        for block in blocks:
            if not whole:
                self._open(block.folder)
            self._put(block)
            by = np.array([teachers.setdefault(name, len(teachers)) for name in block.teachers], np.int32)
            of = (block.of_task + tasks).astype(np.int32)
            whole.append((of, by, block.number.astype(np.int32), block.known, block.meaning, block.response))
            entries.append((block.task, block.same_as, block.question))
            tasks += len(block.task)
        self._of, self._by, self._number, self.known, self.meaning, self.response = (
            np.concatenate(column) for column in zip(*whole, strict=True)
        )
        whole.clear()
        self._task, self._same_as, self._question = (np.concatenate(column) for column in zip(*entries, strict=True))
        self._teachers = list(teachers)
        for shelf in (self._ids, self._meanings, self._responses, self._questions):
            shelf.close()

    def _open(self, folder: Path) -> None:
        self._ids, self._meanings = Shelf(folder, "uint8"), Shelf(folder, "uint8")
        self._responses, self._questions = Shelf(folder, "uint32"), Shelf(folder, "uint64")
        self._bands = Columns(folder)

    def _put(self, block: Told) -> None:
        import numpy as np

        self._ids.add(block.ids.flat, block.ids.lengths)
        self._meanings.add(block.meanings.flat, block.meanings.lengths)
        self._responses.add(block.responses.flat, np.diff(block.responses.starts))
        self._questions.add(block.questions.flat, np.diff(block.questions.starts))
        self._bands.add(block.bands)

    def arrange(self, set_of: Mapping[str, str]) -> None:
        """Rows in order; `set_of` says which tasks are of another set than the training one."""
        import numpy as np

        self._row = self._in_order()
        for name in ("_of", "known", "meaning", "response"):
            setattr(self, name, getattr(self, name)[self._row])
        task = self._task[self._of]
        begins = np.concatenate([[True], task[1:] != task[:-1]])
        self.starts = np.concatenate([np.flatnonzero(begins), [len(task)]])
        self.same_as = self._same_as[self._of]
        self._set = _sets(task, set_of)
        self.asked = mixed(self._question[self._of] + self._set * np.uint64(ODD))

    def _in_order(self) -> NDArray[np.int64]:
        """Rows by task id, teacher and number."""
        import numpy as np

        ids = self._ids.every()
        by_id = sorted(range(len(ids)), key=ids.__getitem__)
        rank = np.empty(len(ids), np.int32)
        at = 0
        for place, number in enumerate(by_id):  # the tasks of several blocks may be the same
            at += place > 0 and ids[by_id[place - 1]] != ids[number]
            rank[number] = at
        by_name = {name: at for at, name in enumerate(sorted(self._teachers))}
        teacher = np.array([by_name[name] for name in self._teachers], np.int32)[self._by]
        return np.lexsort((self._number, teacher, rank[self._of]))

    def items(self) -> tuple[NDArray[np.int64] | None, NDArray[np.int64]]:
        """For each row the first one of the same task that means the same (None: each its own), and all such firsts
        whose questions have words."""
        import numpy as np

        self._class = mixed(self.meaning + self._set * np.uint64(ODD))
        some = self._questions.lengths()[self._of] > 0
        if len(self.starts) - 1 == len(self._of):
            return None, np.flatnonzero(some)
        own = mixed(self._task[self._of] + self._class * np.uint64(ODD))
        _, first, inverse = np.unique(own, return_index=True, return_inverse=True)
        found = first[inverse]
        return found, np.flatnonzero(some & (found == np.arange(len(found))))

    def columns(self) -> Iterator[Keys]:
        """For each band the keys of all rows: other ones where the sets or the meanings differ."""
        import numpy as np

        for number in range(self._bands.count):
            yield mixed(self._bands.column(number)[self._of] + self._class * np.uint64(ODD))

    def task(self, row: int) -> str:
        """A row's task id."""
        return _text(self._ids.bytes_of(int(self._of[row])))

    def id(self, row: int) -> str:
        """A sample's id."""
        at = self._row[row]
        return f"{self.task(row)}#{self._teachers[self._by[at]]}#{self._number[at]}"

    def said(self, row: int) -> str:
        """What its answer means."""
        return _text(self._meanings.bytes_of(int(self._row[row])))

    def question_runs(self, row: int) -> Grams:
        """The runs of its question."""
        return self._questions.of(int(self._of[row]))

    def response_runs(self, row: int) -> Grams:
        """The runs of its response."""
        return self._responses.of(int(self._row[row]))


def _sets(task: Keys, set_of: Mapping[str, str]) -> Keys:
    """The number of each row's set; 0 is the training set."""
    import numpy as np

    numbers = {name: number for number, name in enumerate(sorted(set(set_of.values())), 1)}
    keys = _hashes([_bytes(name) for name in set_of])
    order, found = np.argsort(keys), np.zeros(len(task), np.uint64)
    if len(keys):
        sets = np.array([numbers[name] for name in set_of.values()], np.uint64)[order]
        places = np.searchsorted(keys[order], task)
        held = keys[order].take(places, mode="clip") == task
        found[held] = sets[places[held]]
    return found


def _meaning(sample: Sample, context: CheckContext) -> str:
    """Of the known answer, else of the given one."""
    reference = sample.task.reference
    return context.kind.canonical(sample.answer if reference is None else reference.text, sample.task)


def _same_as(tasks: Iterable[Task], own: Keys) -> Keys:
    """The task that each says in other words (an augmented one is meant to be near it), else the task itself."""
    named = [task.origin.same_as if task.origin is not None else "" for task in tasks]
    found = own.copy()
    for place, name in enumerate(named):
        if name:
            found[place] = _hashes([_bytes(name)])[0]
    return found


def _keys(words: Sequence[Words], texts: Sequence[str]) -> Keys:
    """Of texts' words; one without words keeps its signs."""
    found = word_keys(words)
    for place in [place for place, own in enumerate(words) if not own]:
        found[place] = _hashes([_bytes(" ".join(texts[place].split()))])[0]
    return found


def _hashes(texts: Sequence[bytes]) -> Keys:
    import numpy as np

    return np.frombuffer(b"".join([blake2b(text, digest_size=8).digest() for text in texts]), np.uint64)


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def _text(data: bytes) -> str:
    return data.decode(errors="surrogatepass")
