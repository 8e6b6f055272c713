"""What a recipe key means and what it is where nothing is written: for `imbik explain`, and for `--set` to start from.

Enters: a dotted key. Leaves: text, or plain data. A list of plug-ins that the recipe leaves to the kind (`refine`,
`evaluate.metrics`) is the kind's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from imbik.core.errors import UsageError
from imbik.core.misspelt import closest
from imbik.core.plugins import PluginBlock, PluginInfo, available, load_plugin
from imbik.recipe.sections import Recipe
from imbik.recipe.write import GROUPS, plain

_OF_KIND = {("refine",): "checks", ("evaluate", "metrics"): "metrics"}
_ALL = "imbik schema lists all keys of a recipe"
_OWN_DEFAULT = "(default:"
_ONE = ("kind", "method", "source", "validation_source", "test_source")  # the others are lists, or named


def default_at(path: Sequence[str], data: Mapping[str, Any]) -> Any:
    """What a key of sections is as plain data where the recipe `data` does not write it; None for what has no default.

    A whole section is {}: its keys have their defaults each.
    """
    if wanted := _OF_KIND.get(tuple(path)):
        return _of_kind(data, wanted)
    model: Any = Recipe
    field: FieldInfo | None = None
    for part in path:
        field = _fields(model).get(part) if model is not None else None
        if field is None:
            return None
        model = _section_of(field.annotation)
    if field is None or field.is_required():
        return None
    default = field.get_default(call_default_factory=True)
    return {} if isinstance(default, BaseModel) and not isinstance(default, PluginBlock) else plain(default)


def explain(key: str) -> str:
    """What a dotted recipe key does, its type and default; settings of plug-ins are those that may stand there.

    Raises: UsageError naming the key that was meant.
    """
    model: Any = Recipe
    field: Any = None
    parts = key.split(".")
    for place, part in enumerate(parts):
        fields = _fields(model)
        if part not in fields:
            raise UsageError(f"there is no key '{key}'; {closest(part, list(fields))}", next=_ALL)
        field = fields[part]
        if part in GROUPS and parts[place + 1 :]:
            return _of_plugins(key, part, field, parts[place + 1 :])
        model = _section_of(field.annotation)
        if model is None and parts[place + 1 :]:
            whole = ".".join(parts[: place + 1])
            raise UsageError(
                f"there is no key '{key}': {whole} is one value, without keys", next=f"imbik explain {whole}"
            )
    lines = [f"{key}: {field.description or ''}"]
    if model is not None and (field.is_required() or field.default_factory or field.default is None):
        lines += [f"  {name}: {described(item)}" for name, item in _fields(model).items()]
    elif not field.is_required() and not _in_words(field):
        lines.append(f"  {told_default(field)}")
    return "\n".join(lines)


def described(field: FieldInfo) -> str:
    """What a key does, and its default; where that depends on something, the description names it in words."""
    said = field.description or ""
    if _in_words(field):
        return said
    told, found, _ = said.rpartition(f" {_OWN_DEFAULT}")  # a preset's own stands in its place
    return f"{told if found else said} ({told_default(field)})"


def _in_words(field: FieldInfo) -> bool:
    """Whether nothing written stands for a default that the description names."""
    unset = not field.is_required() and field.get_default(call_default_factory=True) in (None, "")
    return unset and _OWN_DEFAULT in (field.description or "")


def told_default(field: FieldInfo) -> str:
    """`required`, `default: 0.1`, or that a section has defaults of its own."""
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    section = isinstance(default, BaseModel) and not isinstance(default, PluginBlock)
    return "a section of its own" if section else f"default: {plain(default)!r}"


def settings_of(info: PluginInfo) -> dict[str, FieldInfo]:
    """A plug-in's settings, as the recipe writes their names."""
    return _fields(load_plugin(info.group, info.name).Settings)


def _of_plugins(key: str, name: str, field: FieldInfo, rest: list[str]) -> str:
    """A place where a plug-in stands, or a setting of those that may stand there; the default one's first."""
    infos = available(GROUPS[name])
    inner = rest if name in _ONE else rest[1:]
    default = field.get_default(call_default_factory=True)
    first = [block.use for block in (default if isinstance(default, list) else [default]) if block]
    members = sorted(infos.values(), key=lambda info: (info.name not in first, info.name))
    if not inner or inner[0] == "use":
        said = [f"  {info.name}: {info.summary}" for info in members]
        return "\n".join([f"{key}: a plug-in of {GROUPS[name]}, {field.description}; there are", *said])
    have = {info.name: settings_of(info) for info in members}
    found = [(use, settings[inner[0]]) for use, settings in have.items() if inner[0] in settings]
    if not found:
        known = "; ".join(f"{use}: {', '.join(settings) or 'nothing to set'}" for use, settings in have.items())
        raise UsageError(f"there is no key '{key}'; known settings are {known}", next=_ALL)
    said = [f"  of {use}: {described(setting)}" for use, setting in found]
    unset = f" (not of {first[0]}, the default)" if first and inner[0] not in have.get(first[0], {}) else ""
    return "\n".join([f"{key}: a setting{unset}", *said])


def _of_kind(data: Mapping[str, Any], wanted: str) -> list[dict[str, str]] | None:
    """The checks or metrics of the recipe's kind; None where it names no kind there is."""
    tasks = data.get("tasks")
    kind = tasks.get("kind") if isinstance(tasks, dict) else None
    use = kind.get("use") if isinstance(kind, dict) else kind
    known = isinstance(use, str) and use in available("tasks/kinds")
    return [{"use": name} for name in getattr(load_plugin("tasks/kinds", str(use)), wanted)] if known else None


def _fields(model: Any) -> dict[str, FieldInfo]:
    """Fields of a section or of settings, by the names that a recipe writes."""
    return {field.alias or name: field for name, field in model.model_fields.items() if not field.exclude}


def _section_of(annotation: Any) -> Any:
    arms = [annotation, *getattr(annotation, "__args__", ())]
    models = [arm for arm in arms if isinstance(arm, type) and issubclass(arm, BaseModel) and arm is not PluginBlock]
    return models[0] if models else None
