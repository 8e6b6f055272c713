"""Formats: what a student is handed over as. A file here is a format.

Enters: the trained student as a LanguageModel, adapters still apart. Leaves: a folder that another program loads
without imbik, and the logits that folder gives, which the stage compares with the student's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from imbik.models.model import LanguageModel


class Format(Protocol):
    """The contract of a format; built as `Format(settings)`.

    `name` is folder and system name (`safetensors-bfloat16`); `tolerance` is the largest deviation of a logit that
    the format may show, as a share of the largest logit; `version` is raised only when the same student would give
    other files; `usage` is the code, as Markdown, that loads the folder.
    """

    version: int
    name: str
    tolerance: float
    usage: str

    def write(self, model: LanguageModel, folder: Path, lineage: dict[str, str]) -> None:
        """Write the whole folder, or nothing."""
        ...

    def logits(self, folder: Path, prompts: Sequence[Sequence[int]]) -> list[NDArray[np.float32]]:
        """Next-token logits (length, vocabulary) of each prompt, by the folder alone as a foreign program loads it."""
        ...
