"""No secret in a recipe: it is copied into the run folder, and shown to whoever asks for it.

Enters: a recipe as plain data, before anything is written. Leaves: nothing, or a RecipeError that names the key and
its line and never repeats the value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BeforeValidator

from imbik.core.errors import PluginError, RecipeError
from imbik.core.plugins import load_plugin
from imbik.core.secrets import KEY_NAMES, holds_secret, is_key_name, is_secret_name, masked

Path = tuple[str, ...]


def refuse_secrets(value: Any, where: Callable[[Path], str] = lambda _: "recipe", path: Path = ()) -> None:
    """Refuse a secret anywhere below `path`; `where` gives the place of a path for the error.

    Raises: RecipeError.
    """
    if isinstance(value, dict):
        for key, item in value.items():
            inner = (*path, str(key))
            if holds_secret(str(key)) or (is_secret_name(str(key)) and _written(item)):
                raise _holds(inner, where)
            of_teacher = len(inner) == 3 and (inner[0], inner[2]) == ("teachers", "key")
            if of_teacher and _written(item) and _is_secret(value):
                _refuse_unnamed(item, inner, where)
            refuse_secrets(item, where, inner)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            refuse_secrets(item, where, (*path, str(index)))
    elif isinstance(value, str) and holds_secret(value):
        raise _holds(path, where)


def _written(value: Any) -> bool:
    """Whether anything stands there; yes and no are no secrets."""
    return not isinstance(value, bool) and value not in (None, "", [], {})


def _is_secret(teacher: dict[Any, Any]) -> bool:
    """Whether this teacher's `key` opens a door; a recorded teacher's names a column. Of unknown ones it may be."""
    try:
        field = load_plugin("teachers", str(teacher.get("use"))).Settings.model_fields.get("key")
    except PluginError:
        return True
    return field is None or any(isinstance(mark, BeforeValidator) for mark in field.metadata)


def _refuse_unnamed(value: Any, path: Path, where: Callable[[Path], str]) -> None:
    """A teacher's `key` is the name of a key; anything else there may be the key itself."""
    if not is_key_name(value):
        raise RecipeError(
            f"'{_shown(path)}' is not the name of a key (what stands there is not repeated: it may be the key itself)",
            where=where(path),
            next=f"export IMBIK_MY_KEY=…, or keep it with: keyring set imbik IMBIK_MY_KEY; then write "
            f"key: IMBIK_MY_KEY ({KEY_NAMES})",
        )


def _holds(path: Path, where: Callable[[Path], str]) -> RecipeError:
    return RecipeError(
        f"'{_shown(path)}' holds a secret, and a recipe is copied into the run folder",
        where=where(path),
        next="take it out and set it in the environment (OPENAI_API_KEY=…) or with: keyring set imbik NAME",
    )


def _shown(path: Path) -> str:
    return masked(".".join(path))
