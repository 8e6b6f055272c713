"""The texts of a run's training rows, for tokenizers that are made of them.

Enters: a recipe and its run (refined rows on disk). Leaves: (task id, text) pairs, or each row's tokens as another
tokenizer cuts it, with the highest sensitivity among them. The run folder is read through core types alone: models
stand left of tasks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from imbik.core.errors import ModelError
from imbik.core.files import read_lines
from imbik.core.runfolder import RunFolder, read_parts
from imbik.core.types import Record, Sample, Sensitivity
from imbik.models.kind import kind_with_labels
from imbik.models.tokens import encode_row
from imbik.privacy.sensitivity import inherited
from imbik.recipe import Recipe

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


class _Assigned(Record, frozen=True, kw_only=True):
    id: str
    set: str


class RunTexts(NamedTuple):
    """(task id, text) pairs a tokenizer is made of, and the highest sensitivity among them."""

    pairs: list[tuple[str, str]]
    sensitivity: Sensitivity


def training_texts(recipe: Recipe, run: RunFolder) -> RunTexts:
    """Texts of the training rows: each task's own once, and every kept answer as the student will write it.

    Raises: ModelError where there are none.
    """
    kind = kind_with_labels(recipe, run)
    pairs: list[tuple[str, str]] = []
    level, seen = Sensitivity.PUBLIC, set[str]()
    for sample in _kept(recipe, run):
        task = sample.task
        level = inherited(level, sample.sensitivity)
        if task.id not in seen:
            seen.add(task.id)
            pairs.extend((task.id, text) for text in _task_texts(sample))
        pairs.append((task.id, str(kind.render(sample.reasoning, sample.answer, task))))
    if not pairs:
        raise ModelError(
            "there are no kept training rows to make a tokenizer of",
            where=str(run.path),
            next=f"imbik show {run.typed} says where the rows went",
        )
    return RunTexts(pairs, level)


def training_ids(recipe: Recipe, run: RunFolder, tokenizer: PreTrainedTokenizerFast) -> Iterator[Sequence[int]]:
    """Each training row as this tokenizer cuts it, with reasoning and without."""
    kind, tasks = kind_with_labels(recipe, run), recipe.tasks
    for sample in _kept(recipe, run):
        texts = {str(kind.render(reasoning, sample.answer, sample.task)) for reasoning in (sample.reasoning, "")}
        for text in sorted(texts):
            yield encode_row(tokenizer, sample.task, text, turns=tasks.turns, loss_on=tasks.loss_on).ids


def _task_texts(sample: Sample) -> list[str]:
    task = sample.task
    if not task.template:
        return [message.content for message in task.messages]
    return [task.template, *(text for name, text in task.fields.items() if name != task.learn)]


def _kept(recipe: Recipe, run: RunFolder) -> Iterator[Sample]:
    """Kept samples of training tasks."""
    assigned = read_lines(run.stage("1_tasks") / "splits.jsonl", _Assigned)
    training = {item.id for item in assigned if item.set == "train"}
    folder = run.stage("4_reviewed" if recipe.review is not None else "3_refined")
    return (sample for sample in read_parts(folder, Sample) if sample.task.id in training)
