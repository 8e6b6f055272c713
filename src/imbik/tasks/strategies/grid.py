"""Grid: topics of a taxonomy crossed with personas: who asks about what, cell by cell.

Enters: a taxonomy (see `imbik.tasks.taxonomy`), personas, training seeds. Leaves: for each topic ideas that name the
topic with its rubric, a persona and a form of question, with the topic's own tasks as examples. A task of the taxonomy
that stands in a held-out set is never shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import Field

from imbik.core.plugins import RecipePath
from imbik.core.types import Sensitivity, Task
from imbik.privacy.sensitivity import highest
from imbik.tasks.asking import worded
from imbik.tasks.growth.words import fenced, form, listed, rules, shown
from imbik.tasks.sources import located
from imbik.tasks.strategies import AskingSettings, Ground, Idea, category_of, family_of
from imbik.tasks.taxonomy import JOINT, Branch, Taxonomy, is_shipped, read_taxonomy, taxonomy_file

_ASK = {
    "tr": "Şu konuda {count} yeni görev yaz: {topic}.{about}",
    "en": "Write {count} new tasks on this subject: {topic}.{about}",
}
_PERSONA = {"tr": "Soran: {persona}.", "en": "Who asks: {persona}."}
_SHAPE = {"tr": "Görevin türü: {shape}.", "en": "Form of the task: {shape}."}
_RUBRIC = {"tr": "İyi bir görev ve cevabı:\n{rubric}", "en": "A good task and its answer:\n{rubric}"}
_AVOID = {
    "tr": "Bu konuda şu görevler zaten var; bunları sorma, bunlara benzemeyen şeyler sor.",
    "en": "These tasks on the subject exist already; ask none of them, and nothing like them.",
}
_KNOWN = 4
_MARK = {"tr": "örnekler", "en": "examples"}
_FORMS = {
    "tr": (
        "somut bir olayın çözümü",
        "iki kavramın ya da olayın karşılaştırılması",
        "hesap, süre ya da tarih gerektiren soru",
        "yaygın bir yanlışın düzeltilmesi",
        "adım adım ne yapılacağının anlatılması",
    ),
    "en": (
        "solving a concrete case",
        "comparing two concepts or events",
        "a question that needs a calculation, a time limit or a date",
        "correcting a common mistake",
        "explaining step by step what to do",
    ),
}


class Grid:
    """Persona by topic by form of question."""

    class Settings(AskingSettings):
        """Which topics, who asks, and in what form."""

        taxonomy: RecipePath = Field(
            min_length=1, description="a taxonomy file, or a shipped one's name such as turkce"
        )
        personas: RecipePath | list[str] = Field(
            [], description="who asks: a list, or a text file with one a line (default: those of the taxonomy)"
        )
        forms: list[str] = Field([], description="forms of question, in turn (default: five of our own)")
        examples: int = Field(3, ge=0, le=20, description="tasks of the topic that are shown")

    version = 1
    asks = True

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def files(self, base: Path) -> Sequence[Path]:
        """The taxonomy, and the personas where they are a file."""
        named = self.settings.personas
        return [
            taxonomy_file(self.settings.taxonomy, base),
            *([located(named, base)] if isinstance(named, str) else []),
        ]

    def prepare(self, ground: Ground) -> Sequence[str]:
        """The topics, as their paths are written.

        Raises: InputError for a file that is no taxonomy.
        """
        self.ground = ground
        self.taxonomy: Taxonomy = read_taxonomy(self.settings.taxonomy, ground.base)
        shipped = is_shipped(self.settings.taxonomy, ground.base)
        self.level = Sensitivity.PUBLIC if shipped else ground.level
        self.topics = {branch.name: branch for branch in self.taxonomy.topics}
        named = self.settings.personas
        lines = _lines(located(named, ground.base)) if isinstance(named, str) else named
        self.personas = list(lines) or list(self.taxonomy.personas)
        return list(self.topics)

    def idea(self, category: str, number: int) -> Idea | None:
        """The next cell of a topic: personas in an order of its own, then the next form; then the same once more."""
        topic, language = self.topics[category], self.taxonomy.language
        forms = self.settings.forms or list(_FORMS.get(language, _FORMS["en"]))
        people = list(self.personas) or [""]
        self.ground.draw("grid", category).shuffle(people)
        persona = people[number % len(people)]
        shape = forms[(number // len(people) + number) % len(forms)]
        seeds, texts = self._examples(topic, number)
        known = self._known(category, number) if number >= len(people) * len(forms) else []
        parts = [
            worded(_ASK, language).format(
                count=self.settings.per_answer, topic=category, about=f" {topic.about}." if topic.about else ""
            ),
            worded(_PERSONA, language).format(persona=persona) if persona else "",
            worded(_SHAPE, language).format(shape=shape),
            worded(_RUBRIC, language).format(rubric=topic.rubric) if topic.rubric else "",
            rules(language),
            fenced(worded(_MARK, language), listed(texts), language) if texts else "",
            _avoided(known, self.ground.fields, language),
            form(self.ground.fields, language, self.settings.per_answer, self.ground.labels),
        ]
        return Idea(
            category=category,
            family=family_of(seeds[0]) if seeds else f"grid: {category}",
            sensitivity=highest([self.level, *(task.sensitivity for task in (*seeds, *known))]),
            language=language,
            prompt="\n\n".join(part for part in parts if part),
            wanted=self.settings.per_answer,
            how=persona,
            made_of=tuple(task.id for task in (*seeds, *known)),
        )

    def _known(self, category: str, number: int) -> list[Task]:
        """A few tasks that the topic has by now: shown, so that they are not written again, once every cell was had."""
        grown = self.ground.grown(category)
        return self.ground.draw("known", category, number).sample(list(grown), min(_KNOWN, len(grown)))

    def _examples(self, topic: Branch, number: int) -> tuple[list[Task], list[str]]:
        """Training seeds of the topic and of the branches above it, then the taxonomy's own tasks: drawn anew."""
        ground, wanted = self.ground, self.settings.examples
        draw = ground.draw("grid", topic.name, number)
        names = [JOINT.join(topic.path[:depth]) for depth in range(len(topic.path), 0, -1)]
        seeds = [task for task in ground.seeds if category_of(task) in names]
        picked = draw.sample(seeds, min(wanted, len(seeds)))
        texts = [shown(task, ground.fields) for task in picked]
        known = {task.text for task in ground.seeds}
        own = [text for text in self._written(topic) if text not in known and ground.may_show(text)]
        more = draw.sample(own, min(wanted - len(picked), len(own)))
        return picked, [*texts, *more]

    def _written(self, topic: Branch) -> Iterator[str]:
        """The questions of the taxonomy's own tasks, the nearest branch's first."""
        for branch in self.taxonomy.above(topic):
            for task in branch.tasks:
                texts = [str(task.values[name]) for name in self.ground.fields if name in task.values]
                yield texts[0] if texts else str(next(iter(task.values.values())))


def _avoided(known: Sequence[Task], fields: Sequence[str], language: str) -> str:
    """The tasks that are not to be written again."""
    if not known:
        return ""
    texts = listed(shown(task, fields) for task in known)
    return f"{worded(_AVOID, language)}\n{fenced(worded(_MARK, language), texts, language)}"


def _lines(path: Path) -> list[str]:
    """The lines of a text file that say something."""
    return [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
