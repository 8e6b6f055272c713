"""A recipe for people: YAML with every default written out.

Enters: a Recipe. Leaves: text. What is written loads again to an equal recipe.
"""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from imbik.core.plugins import PluginBlock, available, load_plugin, path_keys
from imbik.recipe.sections import Recipe

GROUPS = {
    "source": "tasks/sources",
    "validation_source": "tasks/sources",
    "test_source": "tasks/sources",
    "kind": "tasks/kinds",
    "strategies": "tasks/strategies",
    "augment": "tasks/augmentations",
    "teachers": "teachers",
    "refine": "refine/checks",
    "method": "train/methods",
    "losses": "train/losses",
    "accelerators": "train/accelerators",
    "export": "export/formats",
    "metrics": "evaluate/metrics",
}
"""Key of a section whose value names plug-ins -> their group."""


def to_data(recipe: Recipe) -> dict[str, Any]:
    """Plain data that loads to an equal recipe from any folder: relative paths of existing things become absolute."""
    data = _plain(recipe, recipe.base, "")
    assert isinstance(data, dict)
    return data


def to_yaml(recipe: Recipe) -> str:
    """The recipe as it will be kept in the run folder."""
    return str(yaml.safe_dump(to_data(recipe), allow_unicode=True, sort_keys=False, width=110))


def plain(value: Any) -> Any:
    """A section's value as plain data, paths as they are."""
    return _plain(value, Path(), "")


def _plain(value: Any, base: Path, group: str) -> Any:
    """Sections, lists and plug-in blocks (of a group) as plain data."""
    if isinstance(value, PluginBlock):
        if value.use == "auto":
            return _absolute(str(value.raw["path"]), base)
        known = group and value.use in available(group)
        paths = path_keys(load_plugin(group, value.use).Settings) if known else frozenset[str]()
        return {"use": value.use, **{k: _absolute(item, base) if k in paths else item for k, item in value.raw.items()}}
    if isinstance(value, BaseModel):
        return {
            field.alias or name: _field(name, getattr(value, name), base, path_keys(type(value)))
            for name, field in type(value).model_fields.items()
            if not field.exclude and getattr(value, name) is not None
        }
    if isinstance(value, dict):
        return {key: _plain(item, base, group) for key, item in value.items()}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal):
        return str(value)  # exact, and YAML has no decimals
    return [_plain(item, base, group) for item in value] if isinstance(value, list | tuple) else value


def _field(name: str, value: Any, base: Path, paths: Collection[str]) -> Any:
    """A section's field: a path, or whatever it holds."""
    return _absolute(value, base) if name in paths else _plain(value, base, GROUPS.get(name, ""))


def _absolute(value: Any, base: Path) -> Any:
    """Make paths absolute where they exist, also those inside lists and mappings; hub ids and addresses stay."""
    if isinstance(value, dict):
        return {key: _absolute(item, base) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_absolute(item, base) for item in value]
    if not isinstance(value, str) or not value or "://" in value:
        return value
    path = base / Path(value).expanduser()
    return str(path.resolve()) if path.exists() else value
