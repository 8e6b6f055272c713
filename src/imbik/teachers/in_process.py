"""A model in this process: a folder, a GGUF file, a hub id, or one that ships with imbik.

Enters: `{use: in_process, model: embedded:teacher}` and questions. Leaves: completions, in blocks as large as memory
allows. No key and no network are needed for a folder. Its answers carry the sensitivity that `imbik.json` beside the
weights states; a model from elsewhere has none and counts as public.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from imbik.core.plugins import RecipePath
from imbik.models.load import resolve
from imbik.teachers import TeacherContext
from imbik.teachers._model import ModelSettings, ModelTeacher


class InProcessTeacher(ModelTeacher):
    """A local teacher over a model's folder."""

    class Settings(ModelSettings):
        """What the recipe may say."""

        model: RecipePath = Field(description="folder, .gguf file, hub id, embedded:teacher or embedded:base")

    def __init__(self, settings: Settings, context: TeacherContext) -> None:
        super().__init__(settings)
        self.settings, self._base = settings, context.base

    def find(self) -> Path:
        """The model's folder; a hub model is downloaded into the hub's cache the first time."""
        return resolve(self.settings.model, self._base)
