"""Duplicates: a question asked twice, or an answer given twice, teaches nothing new.

Enters: all samples. Leaves: verdicts for the rejected ones, naming the twin. Rows of one set are compared (leakage
looks across sets). Exact after case, punctuation and white space; near by MinHash candidates verified with exact
Jaccard over word shingles. The first by row id stays. A near twin with another known answer (other numbers, say) is
another problem and stays; the same question with another known answer goes, and the reason names both. An augmented
task may be near the one that it was made of, but not the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from pydantic import Field

from imbik.core.plugins import PluginSettings
from imbik.core.types import Sample, Task, Verdict
from imbik.refine.checks import CheckContext
from imbik.tasks.grams import grams, jaccard, task_text, text_key, tokens
from imbik.tasks.minhash import band_keys

if TYPE_CHECKING:
    from imbik.tasks.grams import Grams


class Row(NamedTuple):
    """One sample as duplicates see it: texts by key, and what its task's answer (known, else given) means."""

    task: str
    teacher: str
    number: int
    id: str
    question: str
    response: str
    meaning: str
    known: bool
    same_as: str


class Text(NamedTuple):
    """A distinct text: its shingles, and the bands under which near texts are found."""

    grams: Grams
    bands: tuple[bytes, ...]


@dataclass
class DuplicatesSketch:
    """All rows, and each distinct text once."""

    rows: list[Row] = field(default_factory=list)
    texts: dict[str, Text] = field(default_factory=dict)


class Duplicates:
    """Repeated questions across tasks, repeated answers within a task."""

    class Settings(PluginSettings):
        """`threshold: 1` finds exact duplicates only; `per_task` caps how many different answers a task keeps."""

        threshold: float = Field(0.85, gt=0, le=1, description="Jaccard similarity of word shingles that makes twins")
        shingle: int = Field(3, ge=1, description="words in a shingle")
        per_task: int = Field(0, ge=0, description="different answers kept for one task (0: all)")

    version = 1
    scope = "all"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def sketch(self, samples: Sequence[Sample], context: CheckContext) -> DuplicatesSketch:
        """Keys and shingles of a block."""
        found = DuplicatesSketch()
        shingles: dict[str, Grams] = {}
        for sample in samples:
            question = self._note(task_text(sample.task), shingles)
            response = self._note(f"{sample.reasoning}\n{sample.answer}", shingles)
            reference = sample.task.reference
            answer = sample.answer if reference is None else reference.text
            meaning = context.kind.canonical(answer, sample.task)
            found.rows.append(
                Row(
                    sample.task.id, sample.teacher, sample.number, sample.id,
                    question, response, meaning, reference is not None, _same_as(sample.task),
                )
            )  # fmt: skip
        bands = band_keys(list(shingles.values()), self.settings.threshold)
        found.texts = {key: Text(grams_, keys) for (key, grams_), keys in zip(shingles.items(), bands, strict=True)}
        return found

    def _note(self, text: str, shingles: dict[str, Grams]) -> str:
        key = blake2b(text_key(text).encode(errors="surrogatepass"), digest_size=16).hexdigest()
        if key not in shingles:
            shingles[key] = grams(tokens(text), self.settings.shingle)
        return key

    def merge(self, sketches: Sequence[DuplicatesSketch]) -> DuplicatesSketch:
        """All rows and texts of all blocks."""
        whole = DuplicatesSketch()
        for part in sketches:
            whole.rows.extend(part.rows)
            whole.texts.update(part.texts)
        return whole

    def decide(self, sketch: DuplicatesSketch, context: CheckContext) -> dict[str, Verdict]:
        """Verdicts of rejected samples only; the same whatever order the rows came in."""
        set_of = {task.id: name for name, tasks in context.held_out.items() for task in tasks}
        by_task: dict[str, list[Row]] = defaultdict(list)
        for row in sorted(sketch.rows):
            by_task[row.task].append(row)
        seen: dict[str, _Seen] = defaultdict(lambda: _Seen(sketch.texts, self.settings.threshold))
        verdicts = {}
        for task, rows in by_task.items():
            twins = seen[set_of.get(task, "")]
            alone = []
            for row in rows:
                reason = twins.find(row)
                if reason:
                    verdicts[row.id] = Verdict(by="duplicates", keep=False, reason=reason)
                else:
                    alone.append(row)
            verdicts.update(self._within(alone, sketch.texts))
            twins.add(alone)
        return verdicts

    def _within(self, rows: Sequence[Row], texts: dict[str, Text]) -> dict[str, Verdict]:
        """Answers to one task that say the same in (nearly) the same words."""
        kept: list[Row] = []
        verdicts = {}
        for row in rows:
            reason = next((why for other in kept if (why := self._same(row, other, texts))), "")
            if not reason and self.settings.per_task and len(kept) >= self.settings.per_task:
                reason = f"this task keeps {self.settings.per_task} answers already"
            if reason:
                verdicts[row.id] = Verdict(by="duplicates", keep=False, reason=reason)
            else:
                kept.append(row)
        return verdicts

    def _same(self, row: Row, other: Row, texts: dict[str, Text]) -> str:
        if row.response == other.response:
            return f"the same answer as '{other.id}'"
        if row.meaning != other.meaning or self.settings.threshold == 1:
            return ""
        likeness = jaccard(texts[row.response].grams, texts[other.response].grams)
        return f"{likeness:.0%} the same words as '{other.id}'" if likeness >= self.settings.threshold else ""


def _same_as(task: Task) -> str:
    """The task that this one says in other words (an augmented one is meant to be near it), else the task itself."""
    return (task.origin.same_as if task.origin is not None else "") or task.id


class _Seen:
    """Questions of one set that stay, found again by words and by bands."""

    def __init__(self, texts: dict[str, Text], threshold: float) -> None:
        self.texts, self.threshold = texts, threshold
        self.exact: dict[str, Row] = {}
        self.near: dict[tuple[bytes, str], list[Row]] = defaultdict(list)

    def find(self, row: Row) -> str:
        """Why this row's question is a duplicate of a kept one of another task, or ""."""
        if twin := self.exact.get(row.question):
            differ = row.known and twin.known and row.meaning != twin.meaning
            return f"the same question as row '{twin.task}'" + (
                f", whose known answer is '{twin.meaning:.40}' and not '{row.meaning:.40}'" if differ else ""
            )
        tried = set()
        for band in self.texts[row.question].bands if self.threshold < 1 else ():
            for twin in self.near.get((band, row.meaning), ()):
                if twin.task in tried or twin.same_as == row.same_as:
                    continue
                tried.add(twin.task)
                likeness = jaccard(self.texts[row.question].grams, self.texts[twin.question].grams)
                if likeness >= self.threshold:
                    return f"{likeness:.0%} the same question as row '{twin.task}'"
        return ""

    def add(self, rows: Sequence[Row]) -> None:
        """The rows of one task that are no duplicates of another task's."""
        for row in rows[:1]:
            self.exact.setdefault(row.question, row)
        for meaning, row in {row.meaning: row for row in reversed(rows)}.items():
            for band in self.texts[row.question].bands:
                self.near[band, meaning].append(row)
