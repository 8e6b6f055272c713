"""Paraphrase: the same task in other words, by a teacher.

Enters: a text. Leaves: the question that asks for it anew; whoever runs it refuses what changes numbers or names.
"""

from __future__ import annotations

from imbik.core.types import Task
from imbik.tasks.asking import worded
from imbik.tasks.augmentations import AskingAugmentationSettings
from imbik.tasks.growth.words import fenced

_ASK = {
    "tr": "Aşağıdaki görevi aynı anlama gelecek biçimde başka sözlerle yeniden yaz. Sayılar, tarihler, adlar ve "
    "istenen şey aynen kalsın; cevabı yazma.",
    "en": "Write the task below anew in other words with the same meaning, in its own language. Numbers, dates, names "
    "and what is asked for stay as they are; do not answer it.",
}
_MARK = {"tr": "görev", "en": "task"}


class Paraphrase:
    """Other words, the same task."""

    class Settings(AskingAugmentationSettings):
        """Nothing of its own."""

    version = 1
    asks = True
    prompts = 1

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def prompt(self, step: int, text: str, task: Task) -> str:  # noqa: ARG002
        """The one question."""
        return f"{worded(_ASK, task.language)}\n\n{fenced(worded(_MARK, task.language), text, task.language)}"
