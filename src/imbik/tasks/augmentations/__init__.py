"""Augmentations: a training task once more, in other words or with the errors that people make. A file here is one.

Enters: a task's own words (its last turn without the passage), randomness. Leaves: other words for the same task. The
reference, the category and the family stay; `imbik.tasks.augment` refuses what changes the task.

An augmentation is built from its `Settings` (below AugmentationSettings, or AskingAugmentationSettings where it asks).
It has `change`, or `prompts`: how many questions it asks one after another, and `prompt`, the words of each, which is
handed what the one before brought. `version` is raised when the same task would become another.
"""

from __future__ import annotations

from random import Random
from typing import Protocol

from pydantic import Field

from imbik.core.plugins import PluginSettings
from imbik.core.types import Task


class AugmentationSettings(PluginSettings):
    """What every augmentation takes."""

    share: float = Field(0.2, gt=0, le=1, description="share of the training tasks that are had once more like this")
    seed: int = Field(0, description="which tasks are drawn, and what becomes of them, follows from this number")


class AskingAugmentationSettings(AugmentationSettings):
    """What an augmentation that asks a teacher takes."""

    teacher: str = Field("", description="who is asked (default: grow.teacher, else the first)")
    temperature: float = Field(0.7, ge=0, description="sampling temperature")
    max_tokens: int = Field(1024, ge=1, description="longest answer")


class Changing(Protocol):
    """One that asks nobody."""

    version: int
    asks: bool

    def change(self, text: str, task: Task, random: Random) -> str:
        """Other words for the task's own."""
        ...


class Asking(Protocol):
    """One that asks a teacher."""

    version: int
    asks: bool
    prompts: int

    def prompt(self, step: int, text: str, task: Task) -> str:
        """Question `step` (from 0) about a text, which the step before brought."""
        ...
