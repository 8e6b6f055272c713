"""Self-instruct: new tasks like a few seeds (Wang et al. 2023).

Enters: training seeds. Leaves: for each category ideas that show some of its seeds, another handful each time; where it
has too few, seeds of other categories show the form.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from imbik.privacy.sensitivity import highest
from imbik.tasks.asking import worded
from imbik.tasks.growth.words import fenced, form, listed, rules, shown
from imbik.tasks.strategies import AskingSettings, Ground, Idea, family_of

_ASK = {
    "tr": "Aşağıda örnek görevler var. Bunlara benzeyen ama onları tekrarlamayan {count} yeni görev yaz: örneklerin "
    "cümlelerini, adlarını ve sayılarını kullanma.{topic}",
    "en": "Below are examples of tasks. Write {count} new ones of their kind that repeat none of them: use none of "
    "their sentences, names and numbers.{topic}",
}
_TOPIC = {"tr": " Konu: {topic}.", "en": " Subject: {topic}."}
_MARK = {"tr": "örnekler", "en": "examples"}


class SelfInstruct:
    """More of the same kind, from a few shown."""

    class Settings(AskingSettings):
        """How many examples a question shows."""

        examples: int = Field(4, ge=1, le=20, description="seeds shown in a question")

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
        """A handful of the category's seeds, drawn anew."""
        ground, wanted = self.ground, self.settings.examples
        own = list(ground.seeds_of(category))
        draw = ground.draw("self_instruct", category, number)
        picked = draw.sample(own, min(wanted, len(own)))
        if len(picked) < wanted:
            others = [task for task in ground.seeds if task not in own]
            picked += draw.sample(others, min(wanted - len(picked), len(others)))
        if not picked:
            return None
        language, lead = picked[0].language, picked[0]
        topic = worded(_TOPIC, language).format(topic=category) if category else ""
        count = self.settings.per_answer
        prompt = "\n\n".join(
            (
                worded(_ASK, language).format(count=count, topic=topic),
                rules(language),
                fenced(worded(_MARK, language), listed(shown(task, ground.fields) for task in picked), language),
                form(ground.fields, language, count, ground.labels),
            )
        )
        return Idea(
            category=category,
            family=family_of(lead),
            sensitivity=highest(task.sensitivity for task in picked),
            language=language,
            prompt=prompt,
            wanted=count,
            made_of=tuple(task.id for task in picked),
        )
