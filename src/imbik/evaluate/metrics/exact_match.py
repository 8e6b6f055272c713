"""Exact match: 1 when answer and reference are the same text after case, punctuation and spaces are set aside.

Enters: a task and a parsed answer. Leaves: 0 or 1. Case folds by the task's language, so that Turkish İ/i and I/ı stay
the letters they are.
"""

from __future__ import annotations

import unicodedata

from imbik.core.plugins import PluginSettings
from imbik.core.types import Task
from imbik.tasks.kinds import Kind

_TURKIC = {"tr", "az"}


class ExactMatch:
    """Equality of normalised text (NFC, folded case, words only)."""

    class Settings(PluginSettings):
        """`keep_case: true` and `keep_punctuation: true` compare more strictly."""

        keep_case: bool = False
        keep_punctuation: bool = False

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def score(self, task: Task, answer: str, kind: Kind) -> float:
        """1.0 when the normalised texts are equal and not empty, else 0.0."""
        if task.reference is None:
            return 0.0
        given = self.normalise(answer, task.language)
        return float(bool(given) and given == self.normalise(task.reference.text, task.language))

    def normalise(self, text: str, language: str) -> str:
        """The text that is compared; NFC first, so that a composed and a decomposed letter are one."""
        text = unicodedata.normalize("NFC", text)
        if not self.settings.keep_case:
            if language in _TURKIC:
                text = text.replace("I", "ı").replace("İ", "i")
            text = unicodedata.normalize("NFC", text.casefold())
        if not self.settings.keep_punctuation:
            text = "".join(" " if unicodedata.category(letter)[0] in "PZ" else letter for letter in text)
        return " ".join(text.split())
