"""The systems that are compared: each answers the same held-out rows, and says what it costs to run.

Enters: held-out tasks. Leaves: one completion a row for every training seed. Students, controls, baseline and exports
answer the bare task, greedily, as they were trained to; the teacher has a module of its own.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from imbik.core.executor import blocks_of
from imbik.core.questions import Sampling
from imbik.core.types import Completion, Outcome, Sensitivity, Task
from imbik.evaluate.scores import SystemScores
from imbik.evaluate.timing import Request, cost_to_run
from imbik.models.tokens import encode_task_prompt
from imbik.privacy.sensitivity import highest
from imbik.recipe import Recipe
from imbik.tasks.adapters import adapters_of
from imbik.tasks.kinds import Kind

if TYPE_CHECKING:
    from imbik.models.model import LanguageModel
Advance = Callable[[int], None]
LARGE = 30_000_000  # from here on a model is worth the second that collecting garbage takes


@dataclass(frozen=True)
class Asked:
    """What a system gave: completions by training seed (UNTRAINED: none), its costs, its sensitivity."""

    completions: Mapping[int, Sequence[Completion]]
    cost_to_run: SystemScores
    sensitivity: Sensitivity
    notes: tuple[str, ...] = ()


class System(Protocol):
    """One row of the report's table."""

    @property
    def name(self) -> str:
        """As in scores.json."""
        ...

    @property
    def rounds(self) -> int:
        """How often it answers every row (once a seed)."""
        ...

    def takes(self, task: Task) -> bool:
        """Whether it is asked this row at all."""
        ...

    def answer(self, tasks: Sequence[Task], kind: Kind, advance: Advance) -> Asked:
        """One completion a task for every seed; `advance` is told of rows as they are done."""
        ...


@dataclass(frozen=True)
class ModelSystem:
    """A model in this process. `timed` is the seed whose costs are measured; an `adapter` has its own rows alone."""

    name: str
    load: Mapping[int, Callable[[], LanguageModel]]
    timed: int
    recipe: Recipe
    adapter: str = ""

    @property
    def rounds(self) -> int:
        """One a seed."""
        return len(self.load)

    def takes(self, task: Task) -> bool:
        """All rows, or the adapter's."""
        return not self.adapter or self.adapter in adapters_of(self.recipe.train.adapters, task)

    def answer(self, tasks: Sequence[Task], kind: Kind, advance: Advance) -> Asked:
        """Load each seed's model once: answer all rows in batches, then time single requests of one seed."""
        completions, cost, levels = {}, SystemScores(), [Sensitivity.PUBLIC]
        for seed, load in self.load.items():
            model = load()
            requests = [self._request(model, task, kind) for task in tasks]
            completions[seed] = answer_all(model, requests, self.recipe.evaluate.batch_size, advance)
            if seed == self.timed:
                cost = time_alone(model, requests[: self.recipe.evaluate.latency_rows])
            levels.append(model.sensitivity)
            large = model.parameters > LARGE
            del model
            if large:
                gc.collect()
        return Asked(completions, cost, highest(levels))

    def _request(self, model: LanguageModel, task: Task, kind: Kind) -> Request:
        prompt = encode_task_prompt(model.tokenizer, task)
        return Request(prompt, Sampling(max_tokens=self.recipe.longest_answer), kind.choices(task), task)


def answer_all(model: LanguageModel, requests: Sequence[Request], batch: int, advance: Advance) -> list[Completion]:
    """Answer in batches of like lengths; a row that is longer than the model's context gets no answer and says why."""
    from imbik.models.answer import answer_prompts
    from imbik.models.engines.transformers import TransformersEngine

    engine = TransformersEngine(model)
    reason = f"the row is longer than the model's {model.context} tokens"
    found = [Completion(outcome=Outcome.TRUNCATED, reason=reason)] * len(requests)
    fitting = [index for index, request in enumerate(requests) if _fits(request, model)]
    fitting.sort(key=lambda index: len(requests[index].prompt))
    advance(len(requests) - len(fitting))
    for indexes in blocks_of(fitting, batch):
        block = [requests[index] for index in indexes]
        answered = answer_prompts(
            engine,
            [request.prompt for request in block],
            [request.sampling for request in block],
            [0] * len(block),
            [request.choices for request in block],
            tasks=[request.task for request in block],
        )
        for index, completion in zip(indexes, answered, strict=True):
            found[index] = completion
        advance(len(block))
    return found


def time_alone(model: LanguageModel, requests: Sequence[Request]) -> SystemScores:
    """What the model costs to run on the processor, measured on these requests one by one."""
    from imbik.models.engines.transformers import TransformersEngine

    return cost_to_run(
        TransformersEngine(model, device="cpu"), model, [request for request in requests if _fits(request, model)]
    )


def _fits(request: Request, model: LanguageModel) -> bool:
    return 0 < len(request.prompt) < model.context
