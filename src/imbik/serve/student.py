"""The best student of a run, ready to answer tasks.

Enters: a run folder. Leaves: readings with confidence. Shared by `predict` and `chat`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from imbik.core import students
from imbik.core.runfolder import RunFolder
from imbik.core.types import Completion, Outcome, Sampling, Sensitivity, Task
from imbik.recipe import Recipe, load_recipe
from imbik.tasks.kinds import Kind

LIKELY = 3


class Answered(NamedTuple):
    """What the student says to a task. `confidence`: its probability among the allowed answers."""

    answer: str
    reasoning: str
    text: str
    outcome: Outcome
    reason: str
    seconds: float
    confidence: float | None
    likely: tuple[tuple[str, float], ...]


class Student:
    """The best seed's model with the run's kind; loaded once, asked often.

    Raises: RunFolderError when the run is no run folder or has no trained student.
    """

    def __init__(self, run: RunFolder) -> None:
        run.check()
        weights = students.best_weights(run)
        from imbik.models.engines.transformers import TransformersEngine
        from imbik.models.load import load
        from imbik.tasks.read import kind_of

        self.run = run
        self.recipe: Recipe = load_recipe(run.path / "recipe.yaml")
        self.kind: Kind = kind_of(self.recipe, run)
        self.model = load(weights)
        self._engine = TransformersEngine(self.model)

    @property
    def sensitivity(self) -> Sensitivity:
        """What its answers carry at least."""
        return self.model.sensitivity

    def answer(self, tasks: Sequence[Task]) -> list[Answered]:
        """Answers in the order of the tasks, greedily; a row too long for the model says so."""
        from imbik.models.answer import answer_tasks

        longest = self.recipe.evaluate.max_tokens or self.recipe.generate.max_tokens
        choices = [self.kind.choices(task) for task in tasks]
        completions = answer_tasks(self._engine, tasks, Sampling(max_tokens=longest), choices)
        return [self._read(task, item) for task, item in zip(tasks, completions, strict=True)]

    def _read(self, task: Task, completion: Completion) -> Answered:
        reasoning, answer = read_with(self.kind, task, completion)
        chosen = completion.logprobs[0] if len(completion.logprobs) == 1 else None
        return Answered(
            answer=answer,
            reasoning=reasoning,
            text=completion.answer,
            outcome=completion.outcome,
            reason=completion.reason,
            seconds=completion.seconds,
            confidence=math.exp(min(chosen.logprob, 0.0)) if chosen else None,
            likely=tuple((text, math.exp(min(value, 0.0))) for text, value in chosen.top[:LIKELY]) if chosen else (),
        )


def read_with(kind: Kind, task: Task, completion: Completion) -> tuple[str, str]:
    """Reasoning and answer; of what cannot be read nothing."""
    if completion.outcome not in (Outcome.ANSWERED, Outcome.TRUNCATED):
        return "", ""
    try:
        return kind.read(completion, task)
    except Exception:  # what a model writes must never end a session
        return "", ""
