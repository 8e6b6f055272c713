"""Plug-ins: a file in a plug-in folder is the registration, its name is what the recipe writes.

Enters: a group such as `refine/checks` and a name. Leaves: the file's one public class with a `Settings` model, typed
settings, or an error that names what exists. Listing reads docstrings without importing, so it stays instant. Packages
from elsewhere join through entry points of the group `imbik.GROUP` with dots (`imbik.refine.checks`). A preset (see
`core.presets`) is a name too: another plug-in with other defaults.
"""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import EntryPoint, distributions
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Annotated, Any, ClassVar, cast, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import PydanticCustomError

from imbik.core.errors import PluginError
from imbik.core.misspelt import UNNAMED, closest, explain_validation
from imbik.core.presets import Preset, read_presets, with_defaults
from imbik.core.secrets import KEY_NAMES, is_key_name

GROUPS = (
    "privacy/detectors",
    "teachers",
    "tasks/sources",
    "tasks/kinds",
    "tasks/strategies",
    "tasks/augmentations",
    "refine/checks",
    "train/methods",
    "train/losses",
    "train/accelerators",
    "export/formats",
    "evaluate/metrics",
    "exchange/formats",
)


class PluginSettings(BaseModel):
    """Base of every plug-in's typed settings: frozen, and a misspelt key is an error.

    `elsewhere` are keys that are looked for here and stand somewhere else in the recipe.
    """

    elsewhere: ClassVar[Mapping[str, str]] = {}

    model_config = ConfigDict(frozen=True, extra="forbid")


def _key_name(value: Any) -> Any:
    if value in (None, "") or is_key_name(value):
        return value
    raise PydanticCustomError(
        UNNAMED, "not the name of a key (what stands there is not repeated: it may be the key itself); " + KEY_NAMES
    )


KeyName = Annotated[str, BeforeValidator(_key_name)]
"""The type of a setting that names a key in the environment or the keyring, never the key itself; may be empty."""


@dataclass(frozen=True)
class _NamesPath:
    """Marks a setting that names a file or folder."""


RecipePath = Annotated[str, _NamesPath()]
"""A path as the recipe writes it, relative to the recipe's folder; a hub id or a name may stand there too.

Whatever copies a recipe to another folder finds these settings by their type and makes what exists absolute.
"""


@cache
def path_keys(settings: type[BaseModel]) -> frozenset[str]:
    """Names of the fields that hold paths: one, a list of them, or a mapping to them."""
    fields = settings.model_fields.items()
    return frozenset(name for name, field in fields if _marked([*field.metadata, field.annotation]))


def _marked(parts: Iterable[Any]) -> bool:
    """Whether the path's mark stands anywhere in an annotation's parts."""
    return any(
        isinstance(part, _NamesPath) or _marked(getattr(part, "__metadata__", ())) or _marked(get_args(part))
        for part in parts
    )


class PluginBlock(BaseModel):
    """A plug-in as the recipe names it: `use`, the settings as written, and where in the recipe they stand."""

    model_config = ConfigDict(frozen=True)

    use: str
    raw: dict[str, Any] = {}
    where: str = ""


@dataclass(frozen=True)
class PluginInfo:
    """One line of `imbik plugins`."""

    group: str
    name: str
    said: str | Traversable  # the summary, or the file whose first docstring line it is
    module: str

    @cached_property
    def summary(self) -> str:
        """What it is, in a line; a file is read when somebody asks."""
        if isinstance(self.said, str):
            return self.said
        return (ast.get_docstring(ast.parse(self.said.read_text(encoding="utf-8"))) or "").split("\n")[0]


def _package(group: str) -> str:
    return "imbik." + group.replace("/", ".")


@cache
def presets(group: str) -> dict[str, Preset]:
    """The names of a group that are one of its plug-ins with other defaults."""
    folder = files("imbik").joinpath(*group.split("/"))
    return read_presets(folder) if folder.is_dir() else {}


@cache
def _outside() -> tuple[EntryPoint, ...]:
    """What other packages offer; finding out reads about all that is installed, so it is done once."""
    return tuple(point for package in distributions() for point in package.entry_points)


@cache
def available(group: str) -> dict[str, PluginInfo]:
    """All plug-ins of a group by name, found by listing files; nothing is imported."""
    found: dict[str, PluginInfo] = {}
    folder = files("imbik").joinpath(*group.split("/"))
    if not folder.is_dir():
        return found
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if entry.name.startswith("_") or not entry.name.endswith(".py"):
            continue
        name = entry.name.removesuffix(".py")
        found[name] = PluginInfo(group, name, entry, f"{_package(group)}.{name}")
    for preset in presets(group).values():
        found[preset.name] = PluginInfo(group, preset.name, preset.summary, f"{_package(group)}.{preset.use}")
    for point in (point for point in _outside() if point.group == _package(group)):
        found.setdefault(point.name, PluginInfo(group, point.name, f"from {point.value}", point.value))
    return found


@cache
def load_plugin(group: str, name: str) -> type[Any]:
    """Import the one public class of a plug-in file; of a preset, that class with the preset's defaults.

    Raises: PluginError when no plug-in of that name exists in the group.
    """
    if preset := presets(group).get(name):
        return with_defaults(load_plugin(group, preset.use), preset)
    known = available(group)
    if name not in known:
        raise PluginError(
            f"there is no plug-in '{name}' in {group}; {closest(name, list(known))}",
            next="imbik plugins lists them all",
        )
    module_name, _, attribute = known[name].module.partition(":")
    module = importlib.import_module(module_name)
    if attribute:
        return cast("type[Any]", getattr(module, attribute))
    classes = [
        item
        for item in vars(module).values()
        if inspect.isclass(item) and item.__module__ == module_name and hasattr(item, "Settings")
    ]
    public = [item for item in classes if not item.__name__.startswith("_")]
    if len(public) != 1:
        raise PluginError(f"{module_name} must hold exactly one public class with Settings, not {len(public)}")
    return cast("type[Any]", public[0])


def typed_settings(group: str, block: PluginBlock) -> PluginSettings:
    """The block's settings as the plug-in's own `Settings`; errors name the recipe's line and the key meant."""
    try:
        plugin = load_plugin(group, block.use)
    except PluginError as error:
        raise PluginError(error.what, where=error.where or block.where, next=error.next) from None
    settings = cast("type[PluginSettings]", plugin.Settings)
    try:
        return settings.model_validate(block.raw)
    except ValidationError as error:
        raise PluginError(
            f"plug-in '{block.use}': {explain_validation(error, settings)}",
            where=block.where or block.use,
            next=f"imbik explain {block.use} says what it can be told",
        ) from None


def identity(group: str, block: PluginBlock) -> dict[str, object]:
    """What a stage's hash holds of a plug-in: its name, its version, its settings with every default."""
    settings = typed_settings(group, block).model_dump(mode="json")
    return {"use": block.use, "version": load_plugin(group, block.use).version, "settings": settings}


def make(group: str, block: PluginBlock) -> Any:
    """The plug-in, built with its typed settings."""
    return load_plugin(group, block.use)(typed_settings(group, block))
