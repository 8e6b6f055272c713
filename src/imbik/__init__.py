"""imbik distils a large language model into a small one and reports, with intervals, how much of it is left.

From Python: `imbik.run("recipe.yaml")` or `imbik.run(imbik.Recipe(...))` returns a typed result. Importing this package
costs nothing: everything is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imbik.core.errors import ImbikError
    from imbik.pipeline.result import RunResult
    from imbik.pipeline.run import run
    from imbik.recipe import Recipe, load_recipe

__version__ = "0.1.0"
__all__ = ["ImbikError", "Recipe", "RunResult", "__version__", "load_recipe", "run"]
_HOMES = {
    "ImbikError": "imbik.core.errors",
    "Recipe": "imbik.recipe",
    "RunResult": "imbik.pipeline",
    "load_recipe": "imbik.recipe",
    "run": "imbik.pipeline",
}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'imbik' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
