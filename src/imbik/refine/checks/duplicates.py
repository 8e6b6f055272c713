"""Duplicates: a question asked twice, or an answer given twice, teaches nothing new.

Enters: all samples. Leaves: verdicts for the rejected ones, naming the twin. Rows of one set are compared (leakage
looks across sets). Exact after case, punctuation and white space; near by MinHash candidates verified with exact
Jaccard over word shingles. The first by row id stays. A near twin with another known answer (other numbers, say) is
another problem and stays; the same question with another known answer goes, and the reason names both. An augmented
task may be near the one that it was made of, but not the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from itertools import groupby
from typing import TYPE_CHECKING

from pydantic import Field

from imbik.core.plugins import PluginSettings
from imbik.core.types import Sample, Task, Verdict
from imbik.refine.checks import CheckContext
from imbik.refine.twins import Twins
from imbik.tasks.grams import Runs, jaccard, runs, task_text, word_hashes

if TYPE_CHECKING:
    from imbik.tasks.grams import Grams, Words


@dataclass
class Rows:
    """Samples as duplicates see them: texts by key, and what each task's answer (known, else given) means. Columns, for
    a hundred thousand small objects are a burden to the garbage collector."""

    task: list[str] = field(default_factory=list)
    teacher: list[str] = field(default_factory=list)
    number: list[int] = field(default_factory=list)
    question: list[bytes] = field(default_factory=list)
    response: list[bytes] = field(default_factory=list)
    meaning: list[str] = field(default_factory=list)
    known: list[bool] = field(default_factory=list)
    same_as: list[str] = field(default_factory=list)

    def extend(self, more: Rows) -> None:
        """Take in another block's."""
        for mine, theirs in zip(vars(self).values(), vars(more).values(), strict=True):
            mine.extend(theirs)

    def in_order(self) -> Rows:
        """The same by row id, teacher and number."""
        key = list(zip(self.task, self.teacher, self.number, strict=True))
        order = sorted(range(len(key)), key=key.__getitem__)
        return Rows(*(list(map(column.__getitem__, order)) for column in vars(self).values()))

    def id(self, row: int) -> str:
        """A sample's."""
        return f"{self.task[row]}#{self.teacher[row]}#{self.number[row]}"


@dataclass
class Texts:
    """Distinct texts: keys, and the runs of words of each."""

    keys: list[bytes] = field(default_factory=list)
    runs: list[Runs] = field(default_factory=list)

    def add(self, texts: Sequence[str], size: int, *, short: bool = False) -> list[bytes]:
        """Take texts in; their keys, equal for texts that differ in case, punctuation and white space only. `short`
        keeps half of each hash, which is enough for texts that are compared with a few others."""
        words = [word_hashes(text) for text in texts]
        keys = [_key(found, text) for found, text in zip(words, texts, strict=True)]
        first = {key: number for number, key in reversed(list(enumerate(keys)))}
        self.keys.extend(first)
        found = runs([words[number] for number in first.values()], size)
        self.runs.append(found.halved() if short else found)
        return keys

    def places(self) -> dict[bytes, tuple[int, int]]:
        """In which of the runs each text is, and its number there."""
        numbers = ((part, number) for part, runs_ in enumerate(self.runs) for number in range(len(runs_.starts) - 1))
        return dict(zip(self.keys, numbers, strict=True))


@dataclass
class DuplicatesSketch:
    """All rows, and each distinct question and response of a block once."""

    rows: Rows = field(default_factory=Rows)
    questions: Texts = field(default_factory=Texts)
    responses: Texts = field(default_factory=Texts)


class Duplicates:
    """Repeated questions across tasks, repeated answers within a task."""

    class Settings(PluginSettings):
        """`threshold: 1` finds exact duplicates only; `per_task` caps how many different answers a task keeps."""

        threshold: float = Field(0.85, gt=0, le=1, description="Jaccard similarity of word shingles that makes twins")
        shingle: int = Field(3, ge=1, description="words in a shingle")
        per_task: int = Field(0, ge=0, description="different answers kept for one task (0: all)")

    version = 2
    scope = "all"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def sketch(self, samples: Sequence[Sample], context: CheckContext) -> DuplicatesSketch:
        """Keys and runs of words of a block."""
        found = DuplicatesSketch()
        tasks = {sample.task.id: sample.task for sample in samples}
        asked = found.questions.add([task_text(task) for task in tasks.values()], self.settings.shingle)
        question = dict(zip(tasks, asked, strict=True))
        said = found.responses.add(
            [f"{sample.reasoning}\n{sample.answer}" for sample in samples], self.settings.shingle
        )
        rows = found.rows
        for sample, response in zip(samples, said, strict=True):
            task, reference = sample.task, sample.task.reference
            rows.task.append(task.id)
            rows.teacher.append(sample.teacher)
            rows.number.append(sample.number)
            rows.question.append(question[task.id])
            rows.response.append(response)
            rows.meaning.append(context.kind.canonical(sample.answer if reference is None else reference.text, task))
            rows.known.append(reference is not None)
            rows.same_as.append(_same_as(task))
        return found

    def merge(self, sketches: Sequence[DuplicatesSketch]) -> DuplicatesSketch:
        """All rows and texts of all blocks."""
        whole = DuplicatesSketch()
        for part in sketches:
            whole.rows.extend(part.rows)
            for texts, more in ((whole.questions, part.questions), (whole.responses, part.responses)):
                texts.keys.extend(more.keys)
                texts.runs.extend(more.runs)
        return whole

    def decide(self, sketch: DuplicatesSketch, context: CheckContext) -> dict[str, Verdict]:
        """Verdicts of rejected samples only; the same whatever order the rows came in."""
        set_of = {task.id: name for name, tasks in context.held_out.items() for task in tasks}
        rows = sketch.rows.in_order()
        if not rows.task:
            return {}
        sets = [set_of.get(task, "") for task in rows.task]
        seen = _Seen(rows, sets, self._twins(sketch.questions, rows, sets))
        within = _Within(self.settings, rows, sketch.responses)
        verdicts = {}
        for _, numbers in groupby(range(len(rows.task)), key=rows.task.__getitem__):
            alone = []
            for number in numbers:
                if reason := seen.find(number):
                    verdicts[rows.id(number)] = Verdict(by="duplicates", keep=False, reason=reason)
                else:
                    alone.append(number)
            if len(alone) > 1:
                verdicts.update(within.verdicts(alone))
            seen.add(alone)
        return verdicts

    def _twins(self, questions: Texts, rows: Rows, sets: Sequence[str]) -> Twins:
        """An index of the questions; those of two sets, or with two answers, are of two classes."""
        places = {key: number for number, key in enumerate(questions.keys)}
        classes: dict[tuple[str, str], int] = {}
        pairs = zip(sets, rows.meaning, strict=True)
        return Twins(
            Runs.joined(questions.runs), [places[key] for key in rows.question],
            [classes.setdefault(pair, len(classes)) for pair in pairs], self.settings.threshold,
        )  # fmt: skip


class _Within:
    """Answers to one task that say the same in (nearly) the same words."""

    def __init__(self, settings: Duplicates.Settings, rows: Rows, responses: Texts) -> None:
        self.settings, self.rows, self.responses = settings, rows, responses

    @cached_property
    def _places(self) -> dict[bytes, tuple[int, int]]:
        """Made when first a task has several answers."""
        return self.responses.places()

    def verdicts(self, numbers: Sequence[int]) -> dict[str, Verdict]:
        """Those of the answers that go."""
        rows, verdicts = self.rows, dict[str, Verdict]()
        kept: list[tuple[int, Grams]] = []
        for number in numbers:
            part, place = self._places[rows.response[number]]
            grams = self.responses.runs[part].of(place)
            same = (self._same(number, grams, other, theirs) for other, theirs in kept)
            reason = next(filter(None, same), "")
            if not reason and self.settings.per_task and len(kept) >= self.settings.per_task:
                reason = f"this task keeps {self.settings.per_task} answers already"
            if reason:
                verdicts[rows.id(number)] = Verdict(by="duplicates", keep=False, reason=reason)
            else:
                kept.append((number, grams))
        return verdicts

    def _same(self, number: int, grams: Grams, other: int, theirs: Grams) -> str:
        rows = self.rows
        if rows.response[number] == rows.response[other]:
            return f"the same answer as '{rows.id(other)}'"
        if rows.meaning[number] != rows.meaning[other] or self.settings.threshold == 1:
            return ""
        likeness = jaccard(grams, theirs)
        return f"{likeness:.0%} the same words as '{rows.id(other)}'" if likeness >= self.settings.threshold else ""


def _key(words: Words, text: str) -> bytes:
    """Of a text's words; one without words keeps its signs."""
    return blake2b(words or " ".join(text.split()).encode(errors="surrogatepass"), digest_size=16).digest()


def _same_as(task: Task) -> str:
    """The task that this one says in other words (an augmented one is meant to be near it), else the task itself."""
    return (task.origin.same_as if task.origin is not None else "") or task.id


class _Seen:
    """Questions that stay, found again by words and by bands; those of two sets are never compared."""

    def __init__(self, rows: Rows, sets: Sequence[str], twins: Twins) -> None:
        self.rows, self.sets, self.twins = rows, sets, twins
        self.exact: dict[str, dict[bytes, int]] = {name: {} for name in set(sets)}

    def find(self, number: int) -> str:
        """Why this row's question is a duplicate of a kept one of another task, or ""."""
        rows = self.rows
        twin = self.exact[self.sets[number]].get(rows.question[number])
        if twin is not None:
            mine, theirs = rows.meaning[number], rows.meaning[twin]
            differ = rows.known[number] and rows.known[twin] and mine != theirs
            return f"the same question as row '{rows.task[twin]}'" + (
                f", whose known answer is '{theirs:.40}' and not '{mine:.40}'" if differ else ""
            )
        for likeness, other in self.twins.near(number):
            if rows.same_as[other] != rows.same_as[number]:
                return f"{likeness:.0%} the same question as row '{rows.task[other]}'"
        return ""

    def add(self, numbers: Sequence[int]) -> None:
        """The rows of one task that are no duplicates of another task's."""
        first: dict[str, int] = {}
        for number in numbers:
            first.setdefault(self.rows.meaning[number], number)
        for number in first.values():
            self.twins.keep(number)
        if numbers:
            self.exact[self.sets[numbers[0]]].setdefault(self.rows.question[numbers[0]], numbers[0])
