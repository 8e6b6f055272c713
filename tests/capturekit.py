"""What tests of capturing share: an asker that knows one teacher's folder, a recipe, and the stage run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from imbik.capture.stage import CaptureStage
from imbik.core.runfolder import RunFolder
from imbik.recipe import Recipe
from imbik.stage import StageContext, StageResult
from stagekit import FakeAsker, context_of, make_recipe

STUDENT = {"architecture": "llama", "hidden_size": 16, "layers": 1, "heads": 2, "context": 64}


class Asker(FakeAsker):
    """Knows one teacher's folder."""

    def __init__(self, folder: Path | None) -> None:
        super().__init__(lambda teacher, question: pytest.fail("capture asks nothing"))
        self.weights = folder

    def model_folder(self, teacher: str) -> Path | None:
        return self.weights if teacher == "t" else None


def recipe(**sections: Any) -> Recipe:
    teachers = {"t": {"use": "in_process", "model": "m"}, "u": {"use": "openai", "model": "m"}}
    usual = {"teachers": teachers, "capture": {"top_k": 5}, "student": STUDENT, "generate": {"teacher": "t"}}
    return make_recipe(**{**usual, **sections})


def context(run: RunFolder, weights: Path | None, made: Recipe | None = None, **more: Any) -> StageContext:
    return context_of(CaptureStage(), made or recipe(), run, Asker(weights), **more)


def capture(run: RunFolder, weights: Path | None, made: Recipe | None = None, **more: Any) -> StageResult:
    return CaptureStage().run(context(run, weights, made, **more))
