"""The question a task becomes for a teacher: the same to the last byte, asked to learn from it or to compare.

Enters: the recipe, a task, a teacher's name, the number of the sample. Leaves: a `Question`. For a recorded teacher the
number picks one of the names under which answers were recorded: its voices.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

from imbik.core.questions import Question, Sampling
from imbik.core.types import Recorded, Task
from imbik.recipe import Recipe
from imbik.tasks.kinds import Kind


@dataclass(frozen=True)
class Voices:
    """Names of a recorded teacher's answers; sample n is the n-th name. No names: whatever the row has recorded."""

    names: tuple[str, ...]

    def of(self, task: Task) -> tuple[Recorded, ...]:
        """The task's answers by these names."""
        return tuple(item for item in task.recorded if not self.names or item.name in self.names)

    def numbers(self, task: Task) -> list[int]:
        """Samples to ask for: the names that this task has; one, which then fails, where it has none."""
        if not self.names:
            return list(range(max(len(task.recorded), 1)))
        have = {item.name for item in task.recorded}
        return [number for number, name in enumerate(self.names) if name in have] or [0]


def voices_of(recipe: Recipe, teacher: str) -> Voices | None:
    """The recorded names of a teacher, None when it is no recorded one."""
    block = recipe.teachers.get(teacher)
    if block is None or block.use != "recorded":
        return None
    answers, files = block.raw.get("answers"), block.raw.get("files")
    if isinstance(files, dict):
        return Voices(tuple(str(name) for name in files))
    if isinstance(answers, dict):
        return Voices(tuple(str(name) for name in answers))
    return Voices((teacher,) if files else ())


def question_of(recipe: Recipe, kind: Kind, teacher: str, task: Task, number: int) -> Question:
    """Sample `number` of a task, as `teacher` is asked for it by the recipe's `generate` section.

    A kind's own words ask for steps and a marker, which an answer that has to be JSON cannot hold: with a schema only
    the recipe's own instruction is put to the teacher, except where the kind's own words ask for JSON.
    """
    generate = recipe.generate
    bare = task.schema and generate.instruction is None and not getattr(kind, "json", False)
    instruction = "" if bare else generate.instruction
    return Question(
        messages=kind.question(task, reasoning=generate.reasoning == "steps", instruction=instruction),
        row=task.id,
        sensitivity=task.sensitivity,
        sampling=Sampling(
            temperature=generate.temperature,
            top_p=generate.top_p,
            seed=row_seed(generate.seed, task.id, number) if generate.temperature else None,
            max_tokens=generate.max_tokens,
        ),
        sample=number,
        choices=kind.choices(task),
        recorded=_recorded(recipe, teacher, task),
        schema=task.schema,
        task=task,
        longer=() if voices_of(recipe, teacher) else generate.longer.limits(generate.max_tokens),
    )


def _recorded(recipe: Recipe, teacher: str, task: Task) -> tuple[Recorded, ...]:
    """The answers that a recorded teacher, or a recorded member of several as one, may give."""
    if recipe.members(teacher) != [teacher]:
        return task.recorded
    voices = voices_of(recipe, teacher)
    return voices.of(task) if voices else ()


def row_seed(seed: int, row: str, number: int) -> int:
    """A seed in [0, 2^31) that depends on the recipe's seed, the row and the sample, and on nothing else."""
    return int.from_bytes(blake2b(f"{seed}\n{row}\n{number}".encode(), digest_size=4).digest(), "big") >> 1
