"""The trained student of a run, ready to answer: what `imbik chat` and `imbik predict` share.

Enters: a run folder. Leaves: for tasks the student's answers as the run's kind reads them, by the same path that the
report measured. The model is loaded once; its sensitivity is that of whatever it says.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imbik.advise.runs import recipe_of
from imbik.core import students
from imbik.core.runfolder import RunFolder
from imbik.core.types import Completion, Message, Outcome, Sampling, Sensitivity, Task
from imbik.recipe import Recipe
from imbik.tasks.kinds import Kind
from imbik.tasks.read import kind_of
from imbik.tasks.template import Template

if TYPE_CHECKING:
    from imbik.models.engines.transformers import TransformersEngine

_READ = (Outcome.ANSWERED, Outcome.TRUNCATED)


@dataclass(frozen=True)
class Answered:
    """One answer: what was read from it, the text as written, a chosen class's probability, what went wrong."""

    answer: str
    reasoning: str
    text: str
    confidence: float | None
    problem: str


class Student:
    """The best student of a run, in this process."""

    def __init__(self, run: RunFolder) -> None:
        from imbik.models.engines.transformers import TransformersEngine
        from imbik.models.load import load

        self.recipe: Recipe = recipe_of(run)
        self.kind: Kind = kind_of(self.recipe, run)
        model = load(students.best_weights(run))
        self.sensitivity: Sensitivity = model.sensitivity
        self.context: int = model.context
        self._engine: TransformersEngine = TransformersEngine(model)

    def answer(self, tasks: Sequence[Task]) -> list[Answered]:
        """One answer a task, greedy, in order. What does not fit the model becomes an answer with a problem."""
        from imbik.models.answer import answer_tasks

        longest = self.recipe.evaluate.max_tokens or self.recipe.generate.max_tokens
        choices = [self.kind.choices(task) for task in tasks]
        found = answer_tasks(self._engine, tasks, Sampling(max_tokens=min(longest, self.context - 1)), choices)
        return [read(self.kind, task, completion) for task, completion in zip(tasks, found, strict=True)]


def read(kind: Kind, task: Task, completion: Completion) -> Answered:
    """What the kind reads from a completion."""
    if completion.outcome not in _READ:
        return Answered("", "", completion.answer, None, completion.reason or completion.outcome.value)
    reading = kind.read(completion, task)
    chosen = completion.logprobs[0].logprob if len(completion.logprobs) == 1 else None
    probability = math.exp(min(chosen, 0.0)) if chosen is not None else None
    problem = "" if reading.answer else completion.reason or "no answer found in what the student wrote"
    return Answered(reading.answer, reading.reasoning, completion.answer, probability, problem)


def typed_task(recipe: Recipe, history: Sequence[Message], sensitivity: Sensitivity) -> Task:
    """What a person typed, as a task of the recipe's kind; `history` ends with the person's own turn.

    A recipe with a text_template gets the text in its first field that is not learned.
    """
    level = recipe.tasks.language if len(recipe.tasks.language) <= 3 else "tr"
    template = Template(recipe.tasks.text_template, recipe.tasks.learn) if recipe.tasks.text_template else None
    fields = {}
    if template is not None:
        asked = next(
            name for name in [*template.names, template.learn] if name != template.learn or len(template.names) == 1
        )
        fields = {name: "" for name in template.names if name != template.learn} | {asked: history[-1].content}
    return Task(
        id="typed",
        kind=recipe.tasks.kind.use,
        messages=tuple(history),
        language=level,
        sensitivity=sensitivity,
        template=template.text if template else "",
        fields=fields,
        learn=template.learn if template else "",
    )
