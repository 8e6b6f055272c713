"""Liger's kernels for norms and MLPs of the student, on a graphics card.

Hsu et al. 2024, "Liger Kernel", arXiv:2410.10989. Its losses are not taken: imbik's own never hold tokens by
vocabulary either, and know teachers (docs/losses.md has both side by side). Liger replaces classes of transformers for
the whole process; here only the student's own modules are changed, for teachers and the report run on processors too.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import Field

from imbik.core.errors import PluginError
from imbik.core.plugins import PluginSettings
from imbik.models.model import LanguageModel
from imbik.train.accelerators import TAKE_OUT, refuse_where_missing

_NEVER = ("rope", "cross_entropy", "fused_linear_cross_entropy")
_MLP = ("swiglu", "geglu")
_INSTALL = "pip install liger-kernel, on the machine with the card"


class Liger:
    """Fused norms and MLPs."""

    class Settings(PluginSettings):
        """Which modules."""

        norms: bool = Field(True, description="RMS norms")
        mlp: bool = Field(True, description="gated MLPs")

    version = 1

    def __init__(self, settings: Liger.Settings) -> None:
        self.settings = settings

    def check(self) -> None:
        """Liger has to be installed, and a card to be there.

        Raises: MissingExtraError, PluginError.
        """
        refuse_where_missing("liger", "liger-kernel", "liger_kernel", _INSTALL)

    def apply(self, model: LanguageModel) -> str:
        """Patch the student's norms and MLPs.

        Raises: PluginError for an architecture that Liger does not know.
        """
        import torch
        from liger_kernel.transformers.monkey_patch import MODEL_TYPE_TO_APPLY_LIGER_FN

        network: Any = model.network
        if torch.cuda.is_available():
            network.to("cuda")  # whatever runs it from here on, its head's check above all, needs the card
        patch = MODEL_TYPE_TO_APPLY_LIGER_FN.get(network.config.model_type)
        if patch is None:
            raise PluginError(
                f"liger has no kernels for '{network.config.model_type}' models",
                where="train.accelerators",
                next=TAKE_OUT,
            )
        wanted = {**dict.fromkeys(_NEVER, False), **dict.fromkeys(_MLP, self.settings.mlp)}
        wanted |= {"rms_norm": self.settings.norms, "layer_norm": self.settings.norms}
        known = inspect.signature(patch).parameters
        with _only_here(network):
            patch(model=network, **{name: value for name, value in wanted.items() if name in known})
        chosen = [name for name, on in (("norms", self.settings.norms), ("MLPs", self.settings.mlp)) if on]
        return f"liger computes {' and '.join(chosen) or 'nothing'}"


@contextmanager
def _only_here(network: Any) -> Iterator[None]:
    """Put the architecture's own classes back into its module: other models of the process keep them."""
    module = sys.modules[type(network).__module__]
    before = dict(vars(module))
    try:
        yield
    finally:
        for name, value in before.items():
            if vars(module).get(name) is not value:
                setattr(module, name, value)
