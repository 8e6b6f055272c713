"""Back-translation: a task into another language and back, by a teacher (Sennrich et al. 2016).

Enters: a text. Leaves: the two questions; whoever runs it refuses what changes numbers or names on the way.
"""

from __future__ import annotations

from pydantic import Field

from imbik.core.types import Task
from imbik.tasks.asking import worded
from imbik.tasks.augmentations import AskingAugmentationSettings
from imbik.tasks.growth.words import fenced

_ASK = {
    "tr": "Aşağıdaki metni '{language}' kodlu dile çevir. Sayılar, tarihler ve adlar aynen kalsın; metindeki soruyu "
    "cevaplama.",
    "en": "Translate the text below into the language with the code '{language}'. Numbers, dates and names stay as "
    "they are; do not answer what it asks.",
}
_MARK = {"tr": "metin", "en": "text"}


class BackTranslation:
    """There and back again."""

    class Settings(AskingAugmentationSettings):
        """Through which language."""

        through: str = Field("en", pattern=r"^[a-z]{2,3}$", description="code of the language in between")

    version = 1
    asks = True
    prompts = 2

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def prompt(self, step: int, text: str, task: Task) -> str:
        """There, then back."""
        told, language = (task.language, self.settings.through) if step == 0 else ("en", task.language)
        asked = worded(_ASK, told).format(language=language)
        return f"{asked}\n\n{fenced(worded(_MARK, told), text, told)}"
