"""Leakage: no training row may hold a task that the student will be measured on.

Enters: samples, and the held-out tasks by set. Leaves: verdicts for training rows only, naming the held-out row: same
text, same words (case, punctuation and white space aside), nearly the same words (exact Jaccard of runs of three words;
with another known answer, other numbers say, it is another problem), or a large overlap of longer runs with one
held-out task. Runs that stand in more than a few held-out tasks are boilerplate (a template, a greeting) and prove
nothing. A row is compared with held-out tasks alone, so a sketch is what was found, and memory does not follow the set.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from pydantic import Field

from imbik.core.plugins import PluginSettings
from imbik.core.types import Sample, Task, Verdict
from imbik.refine.checks import CheckContext
from imbik.refine.shared_runs import Shared, SharedRuns
from imbik.tasks.grams import runs, task_text, text_key, word_hashes
from imbik.tasks.kinds import Kind

_SHINGLE, _FEWEST_RUNS = 3, 3


class Leakage:
    """Training rows that a held-out row is found in."""

    class Settings(PluginSettings):
        """`test` covers further test sets (B, C …) too; `overlap` is the share of the shorter text's n-grams."""

        against: list[str] = Field(
            ["validation", "test"], description="held-out sets; `test` means further test sets too"
        )
        near: float = Field(0.8, gt=0, le=1, description="Jaccard similarity that counts as leaked (1: do not look)")
        ngram: int = Field(8, ge=2, description="words in an n-gram")
        overlap: float = Field(0.8, gt=0, le=1, description="share of n-grams in common that counts as leaked")

    version = 2
    scope = "all"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def sketch(self, samples: Sequence[Sample], context: CheckContext) -> dict[str, str]:
        """Why samples of a block are leaked, by sample id; each task is looked up once."""
        index = _index(context, self.settings)
        tasks = {sample.task.id: sample.task for sample in samples if sample.task.id not in index.ids}
        reasons = dict(zip(tasks, index.find(list(tasks.values()), context.kind), strict=True))
        return {sample.id: reason for sample in samples if (reason := reasons.get(sample.task.id, ""))}

    def merge(self, sketches: Iterable[dict[str, str]]) -> dict[str, str]:
        """What was found in all blocks."""
        return {name: reason for part in sketches for name, reason in part.items()}

    def decide(self, sketch: dict[str, str], context: CheckContext) -> dict[str, Verdict]:  # noqa: ARG002 - the contract
        """Verdicts of rejected samples only; rows of a held-out set are never rejected here."""
        return {name: Verdict(by="leakage", keep=False, reason=reason) for name, reason in sketch.items()}


class _Index:
    """Held-out tasks, found by text, by words and by runs of words."""

    def __init__(self, held_out: Mapping[str, Sequence[Task]], kind: Kind, settings: Leakage.Settings) -> None:
        self.settings = settings
        self.ids = {task.id for tasks in held_out.values() for task in tasks}
        # In a fixed order, so that reasons do not depend on the order of rows.
        rows = [
            (f"{name} row '{task.id}'", task)
            for name in sorted(held_out)
            if name in settings.against or (name != "validation" and "test" in settings.against)
            for task in sorted(held_out[name], key=lambda item: item.id)
        ]
        self.names = [name for name, _ in rows]
        self.meanings = [_meaning(task, kind) for _, task in rows]
        texts = [task_text(task) for _, task in rows]
        self.texts = {text.strip(): name for text, name in reversed(list(zip(texts, self.names, strict=True)))}
        self.keys = {text_key(text): name for text, name in reversed(list(zip(texts, self.names, strict=True)))}
        words = [word_hashes(text) for text in texts]
        self.near, self.part = SharedRuns(runs(words, _SHINGLE)), SharedRuns(runs(words, settings.ngram))

    def find(self, tasks: Sequence[Task], kind: Kind) -> list[str]:
        """Why each of these tasks is leaked, or ""."""
        if not self.names or not tasks:
            return [""] * len(tasks)
        texts = [task_text(task) for task in tasks]
        words = [word_hashes(text) for text in texts]
        near = self.near.found(runs(words, _SHINGLE)) if self.settings.near < 1 else {}
        part = self.part.found(runs(words, self.settings.ngram))
        reasons = []
        for number, (task, text) in enumerate(zip(tasks, texts, strict=True)):
            reason = self._same(text)
            if not reason and number in near:
                reason = self._near(near[number], _meaning(task, kind))
            if not reason and number in part:
                reason = self._part(part[number])
            reasons.append(reason)
        return reasons

    def _same(self, text: str) -> str:
        if name := self.texts.get(text.strip()):
            return f"the same text as {name}"
        name = self.keys.get(text_key(text))
        return f"the same words as {name}" if name else ""

    def _near(self, shared: Shared, meaning: str) -> str:
        best, of = 0.0, -1
        for row, common in sorted(shared.rows.items()):
            share = common / (shared.size + self.near.sizes[row] - common)
            if share > best and not (meaning and self.meanings[row] and meaning != self.meanings[row]):
                best, of = share, row
        return f"{best:.0%} the same words as {self.names[of]}" if best >= self.settings.near else ""

    def _part(self, shared: Shared) -> str:
        best, of = 0.0, -1
        for row, common in sorted(shared.telling_rows.items()):
            shorter = min(shared.telling, self.part.telling_sizes[row])
            if shorter >= _FEWEST_RUNS and common / shorter > best:
                best, of = common / shorter, row
        if best < self.settings.overlap:
            return ""
        return f"{best:.0%} of its {self.settings.ngram}-word runs stand in {self.names[of]}"


def _meaning(task: Task, kind: Kind) -> str:
    """What the known answer means; '' where nobody knows it."""
    return kind.canonical(task.reference.text, task) if task.reference is not None else ""


class _Built(NamedTuple):
    """The index that was built last in this process, and what of."""

    held_out: Mapping[str, Sequence[Task]]
    settings: str
    found: _Index


_built: list[_Built] = []


def _index(context: CheckContext, settings: Leakage.Settings) -> _Index:
    """Built once in a process: a context lasts as long as the held-out tasks are the same."""
    said = settings.model_dump_json()
    if not _built or _built[0].held_out is not context.held_out or _built[0].settings != said:
        _built[:] = [_Built(context.held_out, said, _Index(context.held_out, context.kind, settings))]
    return _built[0].found
