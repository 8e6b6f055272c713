"""Clean: mends what was read from an answer, as a first step: letters composed, control characters, HTML, encodings.

Enters: one sample. Leaves: the sample with reasoning and answer cleaned, and what was changed how often, which the
stage counts and shows. What the teacher wrote stays as it came. `tasks.clean` does the same to rows as they are read.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from pydantic import Field

from imbik.core.plugins import PluginSettings
from imbik.core.types import ProgramReference, Sample
from imbik.refine.checks import CheckContext
from imbik.tasks.clean import Cleaner


class Clean:
    """Cleans reasoning and answer."""

    class Settings(PluginSettings):
        """What is cleaned."""

        nfc: bool = Field(True, description="letters and their marks put together (NFC)")
        control: bool = Field(True, description="characters that show nothing taken out, ends of lines made one kind")
        html: bool = Field(True, description="tags taken out, entities read; never in programs")
        mojibake: bool = Field(True, description="text that was read in a wrong encoding mended")

    version = 1
    scope = "edit"

    def __init__(self, settings: Settings) -> None:
        self._cleaner = Cleaner(**settings.model_dump())
        self._program = Cleaner(**{**settings.model_dump(), "html": False})

    def edit(self, sample: Sample, context: CheckContext) -> tuple[Sample, Mapping[str, int]]:  # noqa: ARG002 - the contract
        """The sample, cleaned; the same object where there was nothing to do."""
        cleaner = self._program if isinstance(sample.task.reference, ProgramReference) else self._cleaner
        reasoning, changes = cleaner.text(sample.reasoning)
        answer, more = cleaner.text(sample.answer)
        changes += more
        return (msgspec.structs.replace(sample, reasoning=reasoning, answer=answer) if changes else sample), changes
