"""The student of another imbik run as teacher, so that a teacher can itself be trained here.

Enters: `{use: run, recipe: teacher.yaml}` (the pipeline makes that recipe's run current first) or
`{use: run, run: NAME}`. Leaves: answers of that run's best student, as sensitive as the rows it was trained on.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from pydantic import Field, model_validator

from imbik.core.errors import ModelError, RunFolderError
from imbik.core.plugins import RecipePath
from imbik.core.runfolder import RunFolder
from imbik.core.students import best_weights
from imbik.core.types import Sensitivity
from imbik.models.folder import read_about
from imbik.recipe import load_recipe
from imbik.teachers import TeacherContext
from imbik.teachers._model import ModelSettings, ModelTeacher


class RunTeacher(ModelTeacher):
    """A local teacher over a run's best student."""

    class Settings(ModelSettings):
        """What the recipe may say: one of the two."""

        recipe: RecipePath = Field(
            "", description="recipe that trains the teacher; it runs first when it is not current"
        )
        run: RecipePath = Field("", description="name or folder of a finished run")

        @model_validator(mode="after")
        def _one_of_them(self) -> RunTeacher.Settings:
            if bool(self.recipe) == bool(self.run):
                raise ValueError("give either `recipe` or `run`")
            return self

    def __init__(self, settings: Settings, context: TeacherContext) -> None:
        super().__init__(settings)
        self.settings, self._context = settings, context

    def find(self) -> Path:
        """The weights of the run's best student.

        Raises: ModelError when the run, or its student, is not there yet.
        """
        folder = self._run_folder()
        try:
            return best_weights(RunFolder(folder))
        except RunFolderError:
            raise ModelError(
                f"teacher '{self._context.name}' is a run that has no trained student yet",
                where=str(folder),
                next=f"imbik run {self.settings.recipe or self.settings.run}",
            ) from None

    @cached_property
    def sensitivity(self) -> Sensitivity:
        """That of the rows the student was trained on; confidential where its folder does not say."""
        about = read_about(self.folder)
        return about.sensitivity if about else Sensitivity.CONFIDENTIAL

    def _run_folder(self) -> Path:
        base, runs = self._context.base, self._context.runs
        if self.settings.recipe:
            return runs / load_recipe(base / Path(self.settings.recipe).expanduser()).name
        here = base / Path(self.settings.run).expanduser()
        return here if (here / ".imbik").exists() else runs / self.settings.run
