"""Leakage: no training row may hold a task that the student will be measured on.

Enters: samples, and the held-out tasks by set. Leaves: verdicts for training rows only, naming the held-out row: same
text, same words (case, punctuation and white space aside), or a large overlap of word n-grams with one held-out task.
N-grams that stand in more than a few held-out tasks are boilerplate (a template, a greeting) and prove nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from pydantic import Field

from imbik.core.plugins import PluginSettings
from imbik.core.types import Sample, Task, Verdict
from imbik.refine.checks import CheckContext
from imbik.tasks.grams import grams, task_text, text_key, tokens

if TYPE_CHECKING:
    from imbik.tasks.grams import Grams

_BOILERPLATE_ROWS = 10
_FEWEST_GRAMS = 3


class Asked(NamedTuple):
    """What one task asks, ready to be compared."""

    text: str
    key: str
    grams: Grams


@dataclass
class LeakageSketch:
    """Tasks by id, and the samples that belong to each."""

    tasks: dict[str, Asked] = field(default_factory=dict)
    samples: dict[str, list[str]] = field(default_factory=dict)


class Leakage:
    """Training rows that a held-out row is found in."""

    class Settings(PluginSettings):
        """`test` covers further test sets (B, C …) too; `overlap` is the share of the shorter text's n-grams."""

        against: list[str] = Field(
            ["validation", "test"], description="held-out sets; `test` means further test sets too"
        )
        ngram: int = Field(8, ge=2, description="words in an n-gram")
        overlap: float = Field(0.8, gt=0, le=1, description="share of n-grams in common that counts as leaked")

    version = 1
    scope = "all"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def sketch(self, samples: Sequence[Sample], context: CheckContext) -> LeakageSketch:  # noqa: ARG002 - the contract
        """Each task once."""
        found = LeakageSketch()
        for sample in samples:
            found.samples.setdefault(sample.task.id, []).append(sample.id)
            if sample.task.id not in found.tasks:
                found.tasks[sample.task.id] = self._asked(sample.task)
        return found

    def merge(self, sketches: Sequence[LeakageSketch]) -> LeakageSketch:
        """All tasks of all blocks."""
        whole = LeakageSketch()
        for part in sketches:
            whole.tasks.update(part.tasks)
            for task, samples in part.samples.items():
                whole.samples.setdefault(task, []).extend(samples)
        return whole

    def decide(self, sketch: LeakageSketch, context: CheckContext) -> dict[str, Verdict]:
        """Verdicts of rejected samples only; rows of a held-out set are never rejected here."""
        held_out = {task.id for tasks in context.held_out.values() for task in tasks}
        index = _Index(self._held_out(context.held_out))
        verdicts = {}
        for row, asked in sketch.tasks.items():
            if row in held_out or not (reason := index.find(asked, self.settings)):
                continue
            verdicts.update({name: Verdict(by="leakage", keep=False, reason=reason) for name in sketch.samples[row]})
        return verdicts

    def _held_out(self, held_out: Mapping[str, Sequence[Task]]) -> Iterable[tuple[str, Asked]]:
        """Names such as `test row 'x'` in a fixed order, so that reasons do not depend on the order of rows."""
        for name in sorted(held_out):
            if name in self.settings.against or (name != "validation" and "test" in self.settings.against):
                for task in sorted(held_out[name], key=lambda item: item.id):
                    yield f"{name} row '{task.id}'", self._asked(task)

    def _asked(self, task: Task) -> Asked:
        text = task_text(task)
        return Asked(text.strip(), text_key(text), grams(tokens(text), self.settings.ngram))


class _Index:
    """Held-out tasks, found by text, by words and by n-gram."""

    def __init__(self, rows: Iterable[tuple[str, Asked]]) -> None:
        self.names: list[str] = []
        self.texts: dict[str, str] = {}
        self.keys: dict[str, str] = {}
        self.sizes: list[int] = []
        self.rows_of: dict[int, list[int]] = defaultdict(list)
        for number, (name, asked) in enumerate(rows):
            self.names.append(name)
            self.texts.setdefault(asked.text, name)
            self.keys.setdefault(asked.key, name)
            for gram in asked.grams.tolist():
                self.rows_of[gram].append(number)
        self.boilerplate = {gram for gram, rows_ in self.rows_of.items() if len(rows_) > _BOILERPLATE_ROWS}
        sizes = Counter(row for gram, rows_ in self.rows_of.items() if gram not in self.boilerplate for row in rows_)
        self.sizes = [sizes[number] for number in range(len(self.names))]

    def find(self, asked: Asked, settings: Leakage.Settings) -> str:
        """Why this task is leaked, or ""."""
        if name := self.texts.get(asked.text):
            return f"the same text as {name}"
        if name := self.keys.get(asked.key):
            return f"the same words as {name}"
        telling = [gram for gram in asked.grams.tolist() if gram not in self.boilerplate]
        hits = Counter(row for gram in telling for row in self.rows_of.get(gram, ()))
        best = (0.0, 0)
        for row, common in hits.items():
            shorter = min(len(telling), self.sizes[row])
            if shorter >= _FEWEST_GRAMS:
                best = max(best, (common / shorter, -row))
        if best[0] < settings.overlap:
            return ""
        return f"{best[0]:.0%} of its {settings.ngram}-word runs stand in {self.names[-best[1]]}"
