"""Accelerators: other kernels for the same arithmetic. A file here is an accelerator.

Enters: a loaded student whose method has said what learns. Leaves: the same network computing faster, or an error
that says what is missing. What it computes stays the same within rounding; tests marked `gpu` hold each to it.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Protocol

from imbik.core.errors import MissingExtraError, PluginError
from imbik.models.model import LanguageModel

TAKE_OUT = "take it out: --set train.accelerators=[]"


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


def refuse_where_missing(name: str, package: str, module: str, install: str) -> None:
    """What every accelerator needs: its library (`package`, imported as `module`), and a card.

    Raises: MissingExtraError, PluginError.
    """
    if find_spec(module) is None:
        raise MissingExtraError(
            f"accelerator {name} needs {package}, which is not installed", where="train.accelerators", next=install
        )
    import torch

    if not torch.cuda.is_available():
        raise PluginError(
            f"accelerator {name} computes on a graphics card, and there is none here",
            where="train.accelerators",
            next=TAKE_OUT,
        )
