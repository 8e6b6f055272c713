"""Evolve: one task made deeper, broader or more constrained, by named operations (Evol-Instruct, Xu et al. 2023).

Enters: training seeds and what was grown of them. Leaves: for each category ideas that show one task and ask for it
changed by one operation. What comes of a task belongs to its family.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from imbik.tasks.asking import worded
from imbik.tasks.growth.words import fenced, form, rules, shown
from imbik.tasks.strategies import AskingSettings, Ground, Idea, family_of

Operation = Literal["deeper", "broader", "constrained", "concrete", "longer_reasoning", "another_view"]
_OPERATIONS: dict[str, dict[str, str]] = {
    "deeper": {
        "tr": "Daha derin sor: nedenini, sonucunu ya da istisnasını bilmeyen cevaplayamasın.",
        "en": "Ask deeper: whoever does not know the reason, the consequence or the exception cannot answer.",
    },
    "broader": {
        "tr": "Aynı konunun daha az bilinen bir yanını sor; asıl görevle yalnızca konusu ortak kalsın.",
        "en": "Ask about a lesser-known side of the same subject; only the subject stays the same.",
    },
    "constrained": {
        "tr": "Cevabı değiştiren bir iki koşul, süre ya da sınır ekle.",
        "en": "Add one or two conditions, time limits or bounds that change the answer.",
    },
    "concrete": {
        "tr": "Soyut olanı somut bir olaya çevir: kimin başına, nerede, ne zaman geldiği belli olsun.",
        "en": "Turn what is abstract into a concrete case: who, where and when.",
    },
    "longer_reasoning": {
        "tr": "Cevabı en az bir adım daha uzun düşünmeyi gerektirsin.",
        "en": "Make the answer need at least one more step of reasoning.",
    },
    "another_view": {
        "tr": "Aynı olayı başka bir tarafın gözünden sor.",
        "en": "Ask the same case from another party's point of view.",
    },
}
_ASK = {
    "tr": "Aşağıdaki görevi şu yönde değiştirerek {count} yeni görev yaz. {operation}\nYeni görevler asıl görevi "
    "anmasın, onun sözleriyle başlamasın.",
    "en": "Change the task below in this direction and write {count} new tasks. {operation}\nThe new tasks neither "
    "mention the original nor begin with its words.",
}
_MARK = {"tr": "görev", "en": "task"}


class Evolve:
    """A task, changed by one named operation."""

    class Settings(AskingSettings):
        """Which operations, and how often what came of them is changed again."""

        per_answer: int = Field(3, ge=1, le=50, description="tasks asked for in one question")
        operations: list[Operation] = Field(
            ["deeper", "broader", "constrained", "concrete", "longer_reasoning", "another_view"],
            min_length=1,
            description="how a task is changed, in turn",
        )
        depth: int = Field(3, ge=1, description="steps from a seed at most: 1 changes seeds only")

    version = 1
    asks = True

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def files(self, base: Path) -> Sequence[Path]:  # noqa: ARG002
        """None: it stands on the seeds."""
        return []

    def prepare(self, ground: Ground) -> Sequence[str]:
        """The categories of the seeds."""
        self.ground = ground
        return ground.categories()

    def idea(self, category: str, number: int) -> Idea | None:
        """One task of the category, one operation. Seeds take turns with what was grown until each seed was changed in
        every way; seeds again only where nothing was grown."""
        ground, operations = self.ground, self.settings.operations
        draw = ground.draw("evolve", category, number)
        pairs = [(task, operation) for task in ground.seeds_of(category) for operation in operations]
        ground.draw("evolve", category).shuffle(pairs)
        grown = [task for task in ground.grown(category) if _depth(task.origin) < self.settings.depth]
        if not pairs and not grown:
            return None
        if grown and (number % 2 or number // 2 >= len(pairs)):
            task, operation = draw.choice(grown), draw.choice(operations)
        else:
            task, operation = pairs[number // (2 if grown else 1) % len(pairs)]
        count = self.settings.per_answer
        asked = worded(_ASK, task.language).format(count=count, operation=worded(_OPERATIONS[operation], task.language))
        prompt = "\n\n".join(
            (
                asked,
                rules(task.language),
                fenced(worded(_MARK, task.language), shown(task, ground.fields), task.language),
                form(ground.fields, task.language, count, ground.labels),
            )
        )
        return Idea(
            category=category,
            family=family_of(task),
            sensitivity=task.sensitivity,
            language=task.language,
            prompt=prompt,
            wanted=count,
            how=operation,
            made_of=(task.id,),
            depth=_depth(task.origin) + 1,
        )


def _depth(origin: object) -> int:
    """Steps from a seed; a seed is 0 away."""
    return int(getattr(origin, "depth", 0))
