"""Custom: a function of your own, `module:function`, says what holds.

Enters: one sample. Leaves: what the function says: a `Verdict`, True or None to keep, False or a sentence to reject.
The module has to be installed, or to lie in a folder that PYTHONPATH names: one that lies beside the recipe and is
found by chance (the folder you stand in) is refused, so that a recipe from elsewhere runs no code of its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import Field

from imbik.core.errors import PluginError
from imbik.core.plugins import PluginSettings
from imbik.core.types import Sample, Verdict
from imbik.refine.checks import CheckContext


class Custom:
    """Calls a function with the sample, the context and your options."""

    class Settings(PluginSettings):
        """Which function, and what it is told."""

        function: str = Field(
            pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$",
            description="`module:function`, called as function(sample, context)",
        )
        options: dict[str, str | int | float | bool] = Field({}, description="arguments that it gets by name besides")

    version = 1
    scope = "row"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def files(self, base: Path) -> Sequence[Path]:
        """The module, whose content is part of what the check does."""
        return [_file(self.settings.function, base)]

    def verify(self, base: Path) -> None:
        """Raises: PluginError where the function cannot be called."""
        _allowed(self.settings.function, base)

    def judge(self, sample: Sample, context: CheckContext) -> Verdict:
        """What the function says; whatever it raises rejects the sample."""
        function = _allowed(self.settings.function, context.base)
        said = function(sample, context, **self.settings.options)
        if isinstance(said, Verdict):
            return said
        if said is None or said is True or said == "":
            return Verdict(by="custom", keep=True)
        if said is False:
            return Verdict(by="custom", keep=False, reason=f"{self.settings.function} says no")
        if isinstance(said, str):
            return Verdict(by="custom", keep=False, reason=said)
        raise TypeError(f"{self.settings.function} gave a {type(said).__name__}: no Verdict, bool, text or None")


def _file(function: str, base: Path) -> Path:
    """The module's file.

    Raises: PluginError where there is none, or it lies beside the recipe and nobody asked for that.
    """
    module = function.partition(":")[0]
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        spec = None
    if spec is None or not spec.origin or not Path(spec.origin).is_file():
        raise PluginError(
            f"custom: there is no module '{module}'", where=function,
            next=f"install it, or name its folder in PYTHONPATH: PYTHONPATH={base} imbik run …",
        )  # fmt: skip
    path, home = Path(spec.origin).resolve(), base.resolve()
    named = {Path(folder).resolve() for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder}
    if path.is_relative_to(home) and not any(path.is_relative_to(folder) for folder in named):
        raise PluginError(
            f"custom: '{module}' lies beside the recipe, and a recipe may not bring code to run", where=str(path),
            next=f"read it, and if it is yours: PYTHONPATH={base} imbik run …",
        )  # fmt: skip
    return path


@cache
def _allowed(function: str, base: Path) -> Callable[..., Any]:
    """The function, imported once in a process.

    Raises: PluginError where the module may not be run, or has no such function.
    """
    _file(function, base)
    module, _, name = function.partition(":")
    found = getattr(import_module(module), name, None)
    if not callable(found):
        raise PluginError(
            f"custom: module '{module}' has no function '{name}'", where=function, next="correct `function:`"
        )
    return found  # type: ignore[no-any-return] # a module's attributes have no types
