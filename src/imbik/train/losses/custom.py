"""A loss of one's own: a class that Python can import, named in the recipe as `module:Class`.

Either it fulfils the contract of a loss (`imbik.train.losses`: `needs`, `weight`, `value(signals)`), built with what
`settings:` holds; or it is a plain `torch.nn.Module` with `forward(output1, output2, label)`, as Siamese networks use:
it gets the pooled final hidden states of `train.pairs` (P, H) and labels (P,), where 0 means same, and gives one number
or one a pair. A module's own weights are learned along; they lie in the checkpoints and are never exported.
"""

from __future__ import annotations

import copy
import hashlib
import importlib
import inspect
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from imbik.core.errors import PluginError
from imbik.core.plugins import PluginSettings
from imbik.train.losses import NEEDS, PAIRS, LearnsAlong, Signals

if TYPE_CHECKING:
    from torch import Tensor, nn

_HOW = "write it as `module:Class`, and put the folder of the module on PYTHONPATH (or install its package)"


class Custom:
    """What the recipe names, as a loss."""

    class Settings(PluginSettings):
        """Which class, and what it is built with."""

        weight: float = Field(1.0, gt=0, description="factor of this loss in the weighted sum")
        loss: str = Field(pattern=r"^[\w.]+:\w+$", description="the class, as module:Class")
        settings: dict[str, Any] = Field({}, description="what the class is built with, as keywords")
        source: str = Field("", description="hash of the class's source; filled in, so that a change trains again")

        @model_validator(mode="before")
        @classmethod
        def _with_source(cls, value: Any) -> Any:
            if isinstance(value, dict) and isinstance(value.get("loss"), str) and not value.get("source"):
                return {**value, "source": _source(value["loss"])}
            return value

    version = 1
    needs: frozenset[str] = frozenset()

    def __init__(self, settings: Custom.Settings) -> None:
        """Raises: PluginError for a class that is not there, cannot be built, or is no loss."""
        import torch

        self.weight, self._name = settings.weight, settings.loss
        made = _found(settings.loss)
        if not issubclass(made, torch.nn.Module) and not (hasattr(made, "needs") and hasattr(made, "value")):
            raise _refused(settings.loss, "it has neither `value(signals)` and `needs`, nor is it a torch.nn.Module")
        try:
            self._own: Any = made(**settings.settings)
        except Exception as error:
            raise _refused(settings.loss, f"it cannot be built ({type(error).__name__}: {error})") from None
        self._of_pairs = not hasattr(made, "value")
        self.needs = frozenset({PAIRS}) if self._of_pairs else frozenset(self._own.needs)
        if not self.needs <= NEEDS:
            raise _refused(settings.loss, f"`needs` may hold {', '.join(sorted(NEEDS))}")

    def learned(self, student: Any, teacher: Any) -> nn.Module | None:
        """A copy of the module for each training, or what the user's loss learns along."""
        import torch

        if self._of_pairs or (isinstance(self._own, torch.nn.Module) and not hasattr(self._own, "learned")):
            return copy.deepcopy(self._own)  # type: ignore[no-any-return]
        found: nn.Module | None = self._own.learned(student, teacher) if isinstance(self._own, LearnsAlong) else None
        return found

    def value(self, signals: Signals) -> Tensor:
        """As the user's loss says; of a plain module the mean over the global batch's pairs."""
        if not self._of_pairs:
            made: Tensor = self._own.value(signals)
            return made
        assert signals.pairs is not None
        pairs, module = signals.pairs, self._own if signals.learned is None else signals.learned
        found: Tensor = module(pairs.first, pairs.second, pairs.labels)
        if found.ndim > 1 or (found.ndim == 1 and len(found) != len(pairs.labels)):
            raise _refused(self._name, f"forward gave {tuple(found.shape)}: one number, or one a pair, is wanted")
        return (found.sum() if found.ndim else found * len(pairs.labels)) / pairs.count


def _found(name: str) -> Any:
    module, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise _refused(name, f"it cannot be imported ({error})") from None
    if not inspect.isclass(found):
        raise _refused(name, "it is no class")
    return found


def _source(name: str) -> str:
    """A hash of the class's module, '' where there is no source."""
    try:
        text = inspect.getsource(inspect.getmodule(_found(name)))  # type: ignore[arg-type]
    except (OSError, TypeError):
        return ""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _refused(name: str, why: str) -> PluginError:
    return PluginError(f"loss {name}: {why}", where="train.losses", next=_HOW)
