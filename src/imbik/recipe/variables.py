"""`${NAME}` in a recipe: what differs from machine to machine is read from the environment.

Enters: a recipe as plain data. Leaves: the same with variables replaced, or a RecipeError with what to type. Elsewhere
than in paths, where words may leave this machine, only names that begin with IMBIK_TEXT_ are read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

from imbik.core.errors import RecipeError
from imbik.core.secrets import TEXT, is_key_name, is_secret_name

_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


def expand(value: Any, path: tuple[str, ...], where: Callable[[tuple[str, ...]], str], use: str = "") -> Any:
    """`${NAME}` and `${NAME:-default}` from the environment, for paths that differ from machine to machine.

    Elsewhere, where words may leave this machine, only names that begin with IMBIK_TEXT_ are read, and no key has one
    of these: a recipe that somebody else wrote chooses endpoints, so it must not choose what is sent there.
    """
    if isinstance(value, dict):
        kind = str(value.get("use", ""))
        return {key: expand(item, (*path, str(key)), where, kind) for key, item in value.items()}
    if isinstance(value, list):
        return [expand(item, (*path, str(number)), where, use) for number, item in enumerate(value)]
    if not isinstance(value, str):
        return value
    return _VARIABLE.sub(lambda found: _variable(found, where(path), is_path=_is_path(path, use)), value)


def _is_path(path: tuple[str, ...], use: str) -> bool:
    """Whether what stands there names a file of this machine (or a key, which is held to its own rules)."""
    match path:
        case ("tasks", "source" | "validation_source" | "test_source" | "answer_schema", *_) | ("student", "model"):
            return True
        case ("tasks", "grow", "strategies", _, "taxonomy" | "personas" | "folder" | "file"):
            return True
        case ("teachers", _, "recipe" | "run" | "key") | ("teachers", _, "files", *_):
            return True
        case ("teachers", _, "model"):
            return use == "in_process"
    return False


def _variable(match: re.Match[str], where: str, *, is_path: bool) -> str:
    name, default = match.group(1), match.group(2)
    if is_secret_name(name) or (not is_path and name.endswith("_KEY")):
        raise RecipeError(
            f"${{{name}}} would write a secret into the run folder",
            where=where,
            next=f"leave it out: {name} is read by itself",
        )
    if not is_path and not name.startswith(TEXT):
        may_be_key = f" ({name} may be the name of a key)" if is_key_name(name) else ""
        raise RecipeError(
            f"${{{name}}} stands where words may leave this machine, so it is not read{may_be_key}",
            where=where,
            next=f"variables are for paths; elsewhere their names begin with {TEXT}: "
            f"${{{TEXT}{name.removeprefix('IMBIK_')}}}",
        )
    found = os.environ.get(name, default)
    if found is None:
        raise RecipeError(
            f"the environment variable {name} is not set", where=where, next=f"export {name}=/path/to/your/data"
        )
    return found
