"""Accelerators: other kernels for the same arithmetic. A file here is an accelerator.

Enters: a loaded student whose method has said what learns. Leaves: the same network computing faster, or an error
that says what is missing. What it computes stays the same within rounding; tests marked `gpu` hold each to it.
"""

from __future__ import annotations

from typing import Protocol

from imbik.models.model import LanguageModel


class Accelerator(Protocol):
    """The contract of an accelerator; built as `Accelerator(settings)`."""

    version: int

    def check(self) -> None:
        """Refuse before anything is paid what cannot be used here.

        Raises: MissingExtraError where its library is not installed, PluginError where the machine has no card.
        """
        ...

    def apply(self, model: LanguageModel) -> str:
        """Change how the network computes; says in words what was changed.

        Raises: PluginError for an architecture that it does not know.
        """
        ...
