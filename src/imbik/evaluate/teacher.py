"""The teacher as a system: asked through `ask`, exactly as generation asks it, on rows it never taught.

Enters: held-out tasks. Leaves: its completions. A row that no teacher may see, or that a broken connection kept from
it, counts as not asked and never as wrong. A teacher that ends (a revoked key, no credit, a spent budget) leaves its
rows pending, so that nobody else's evaluation is lost by it. Several recorded voices of one teacher stand beside one
another as seeds do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from imbik.core.questions import Question
from imbik.core.types import Completion, Message, Outcome, Sensitivity, Task
from imbik.evaluate.answers import NOT_ASKED, NOT_ROUTED, UNTRAINED
from imbik.evaluate.scores import SystemScores
from imbik.evaluate.systems import Advance, Asked, time_alone
from imbik.evaluate.timing import Request, latency
from imbik.models.gguf import is_gguf
from imbik.models.tokens import encode_prompt
from imbik.privacy.sensitivity import highest
from imbik.recipe import Recipe
from imbik.stage import Asker
from imbik.tasks.kinds import Kind
from imbik.tasks.questions import question_of, voices_of
from imbik.teachers import dtype_of

_ELSEWHERE = Completion(outcome=Outcome.PENDING, reason=NOT_ROUTED)


@dataclass(frozen=True)
class TeacherSystem:
    """What `generate.teacher` answers with, routed alike; `only` keeps one of several teachers.

    That may be a member of one that is made of several. Nobody is asked more for it than generation would ask: a
    member that votes has answered every row, one that rows are routed to stands with its own rows alone.
    """

    name: str
    recipe: Recipe
    asker: Asker
    only: str = ""

    @property
    def rounds(self) -> int:
        """One; a recorded teacher's voices come as they are found."""
        return 1

    def takes(self, task: Task) -> bool:  # noqa: ARG002
        """Every row has an answer or a reason."""
        return True

    def answer(self, tasks: Sequence[Task], kind: Kind, advance: Advance) -> Asked:
        """One completion a task, or one for each voice of a recorded teacher."""
        routed = self._routed(tasks)
        voices = max((self._voices(teacher) for teacher in routed), default=1)
        found = {number: [_ELSEWHERE] * len(tasks) for number in range(voices)}
        for teacher, indexes in routed.items():
            for number in range(voices):
                questions = [question_of(self.recipe, kind, teacher, tasks[index], number) for index in indexes]
                for index, completion in zip(indexes, self._ask(teacher, questions), strict=True):
                    found[number][index] = completion
                    advance(number == 0)
        named = [teacher for teacher in routed if teacher]
        levels = [Sensitivity.PUBLIC, *(self.asker.sensitivity(teacher) for teacher in named)]
        cost = self._cost(named, [tasks[i] for i in routed[named[0]]], kind, found) if named else SystemScores()
        completions = found if voices > 1 else {UNTRAINED: found[0]}
        return Asked(completions, cost, highest(levels))

    def _routed(self, tasks: Sequence[Task]) -> dict[str, list[int]]:
        """Indexes of the tasks that each teacher answers ('' where no teacher may)."""
        routed: dict[str, list[int]] = defaultdict(list)
        for index, task in enumerate(tasks):
            for teacher in self.recipe.teachers_for(task.sensitivity):
                if not self.only or self.only in (teacher, *self.recipe.members(teacher)):
                    routed[teacher].append(index)
                    break  # of several that each answer all rows, the first stands for them
        return routed

    def _voices(self, teacher: str) -> int:
        """How many answers a recorded teacher has to a task; one for any other."""
        found = voices_of(self.recipe, teacher)
        return max(len(found.names), 1) if found else 1

    def _ask(self, teacher: str, questions: Sequence[Question]) -> Iterable[Completion]:
        if not teacher:
            reason = "no teacher is named for rows of this sensitivity"
            return [Completion(outcome=Outcome.BLOCKED, reason=reason)] * len(questions)
        if not self.only or self.only == teacher:
            return self.asker.ask(teacher, questions, purpose="evaluation", leave_pending=True)
        if self.recipe.teachers[teacher].raw.get("by", "vote") == "vote":
            return self.asker.ask(self.only, questions, purpose="evaluation", leave_pending=True)
        answers = self.asker.ask(teacher, questions, purpose="evaluation", leave_pending=True)
        return [answer if answer.by == self.only else _ELSEWHERE for answer in answers]

    def _cost(
        self, teachers: Sequence[str], tasks: Sequence[Task], kind: Kind, found: Mapping[int, Sequence[Completion]]
    ) -> SystemScores:
        """Timed here when it is one folder's model in this process; else the seconds it took when it was asked."""
        folder = self.asker.model_folder(teachers[0]) if len(teachers) == 1 else None
        if folder is not None and not is_gguf(folder):
            return self._timed_here(teachers[0], folder, tasks, kind)
        asked = [c for completions in found.values() for c in completions if c.outcome not in NOT_ASKED]
        paid = sum((completion.cost for completion in asked), Decimal(0))
        seconds = [completion.seconds for completion in asked if completion.seconds > 0]
        return SystemScores(
            latency_ms=latency(seconds), cost_per_1000=float(1000 * paid / len(asked)) if paid else None
        )

    def _timed_here(self, teacher: str, folder: Path, tasks: Sequence[Task], kind: Kind) -> SystemScores:
        from imbik.models.load import load

        model = load(folder, dtype=dtype_of(self.recipe.teachers[teacher]))
        first = tasks[: self.recipe.evaluate.latency_rows]
        questions = [question_of(self.recipe, kind, teacher, task, 0) for task in first]
        bare = Task(id="", kind="", messages=(Message(role="user", content=""),))
        prompts = [encode_prompt(model.tokenizer, question.messages) for question in questions]
        requests = [Request(ids, q.sampling, q.choices, bare) for ids, q in zip(prompts, questions, strict=True)]
        return time_alone(model, requests)
