"""The best student of a run, ready to answer tasks: what `predict` and `chat` share.

Enters: a run folder. Leaves: answers as the run's kind reads them, by the same path that the report measured. The model
is loaded once; its sensitivity is that of whatever it says.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from imbik.core import students
from imbik.core.questions import Sampling
from imbik.core.runfolder import RunFolder
from imbik.core.types import Completion, Outcome, Sensitivity, Task
from imbik.recipe import Recipe, load_recipe
from imbik.tasks.kinds import Kind

LIKELY = 3
_READ = (Outcome.ANSWERED, Outcome.TRUNCATED)


@dataclass(frozen=True)
class Answered:
    """One answer: what was read from it, the text as written, a chosen class's probability, what went wrong ('').

    `likely` are the best classes with their probabilities, () for free text.
    """

    answer: str
    reasoning: str
    text: str
    confidence: float | None
    problem: str
    likely: tuple[tuple[str, float], ...] = ()


class Student:
    """The best seed's model, or that of one of its adapters, with the run's kind; loaded once, asked often.

    Raises: RunFolderError when the run is no run folder or has no trained student, or no such adapter.
    """

    def __init__(self, run: RunFolder, adapter: str = "") -> None:
        run.check()
        weights = students.best_weights(run, adapter)
        from imbik.models.engines.transformers import TransformersEngine
        from imbik.models.load import load
        from imbik.tasks.read import kind_of

        self.run, self.adapter = run, adapter
        self.recipe: Recipe = load_recipe(run.path / "recipe.yaml")
        self.kind: Kind = kind_of(self.recipe, run)
        model = load(weights)
        self.sensitivity: Sensitivity = model.sensitivity
        self._engine = TransformersEngine(model)

    def answer(self, tasks: Sequence[Task]) -> list[Answered]:
        """Answers in the order of the tasks, greedily; a row too long for the model says so."""
        from imbik.models.answer import answer_tasks

        choices = [self.kind.choices(task) for task in tasks]
        sampling = Sampling(max_tokens=self.recipe.longest_answer)
        completions = answer_tasks(self._engine, tasks, sampling, choices)
        return [read(self.kind, task, item) for task, item in zip(tasks, completions, strict=True)]


def read(kind: Kind, task: Task, completion: Completion) -> Answered:
    """What the kind reads from a completion; what cannot be read is an answer with a problem, never a crash."""
    if completion.outcome not in _READ:
        return Answered("", "", completion.answer, None, completion.reason or completion.outcome.value)
    try:
        reasoning, answer = kind.read(completion, task)
    except Exception:  # what a model writes must never end a session
        reasoning, answer = "", ""
    chosen = completion.logprobs[0] if len(completion.logprobs) == 1 else None
    return Answered(
        answer=answer,
        reasoning=reasoning or completion.reasoning,
        text=completion.answer,
        confidence=_probability(chosen.logprob) if chosen else None,
        problem="" if answer else completion.reason or "no answer can be read from what it says",
        likely=tuple((text, _probability(value)) for text, value in chosen.top[:LIKELY]) if chosen else (),
    )


def _probability(logprob: float) -> float:
    return math.exp(min(logprob, 0.0))
