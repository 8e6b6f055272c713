"""Methods: which weights of the student are trained. A file here is a method.

Enters: a loaded model. Leaves: a network whose parameters with `requires_grad` are what is trained (adapters stay apart
from the base), and a line that says what was adapted, checked on the network itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from imbik.models.model import LanguageModel

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Prepared:
    """A network ready to train. `adapted` says in words what learns; `warnings` what a person should know."""

    network: nn.Module
    adapted: str
    warnings: tuple[str, ...] = ()


class Method(Protocol):
    """The contract of a method; built as `Method(settings)`."""

    version: int
    needs_base: bool
    """Whether the saved weights stand on the base model's folder."""

    def prepare(self, model: LanguageModel, *, seed: int) -> Prepared:
        """Make the model's network trainable; new weights are drawn from `seed`.

        Raises: PluginError when the settings do not fit this network.
        """
        ...


@runtime_checkable
class TakesContext(Protocol):
    """A method whose weights take a place among the tokens of each row."""

    takes: int
    """How many tokens of the context."""


@runtime_checkable
class LoadsBase(Protocol):
    """A method that reads the base in a way of its own."""

    def load(self, folder: Path) -> LanguageModel:
        """The base, as the method wants it held."""
        ...
