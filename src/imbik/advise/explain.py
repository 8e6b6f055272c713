"""What a recipe key or a plug-in means, in words.

Enters: a dotted key, or a plug-in's name with or without its group. Leaves: text; errors name what was meant.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel

from imbik.core.errors import UsageError
from imbik.core.plugins import GROUPS, PluginInfo, available, closest, load_plugin
from imbik.recipe import Recipe
from imbik.recipe import explain as explain_key


def explain(key: str) -> str:
    """What a key does with its type and default, or what a plug-in does with its settings.

    Raises: UsageError naming the key that was meant.
    """
    if key.partition(".")[0] in Recipe.model_fields:
        return explain_key(key)
    found = [info for group in GROUPS for info in available(group).values() if key in _names(info)]
    if found:
        return "\n\n".join(_plugin(info) for info in found)
    sections = [name for name, field in Recipe.model_fields.items() if not field.exclude]
    known = [*sections, *(info.name for group in GROUPS for info in available(group).values())]
    raise UsageError(
        f"there is no key or plug-in '{key}'; {closest(key, known)}", next="imbik plugins lists all plug-ins"
    )


def plugin_groups(wanted: str = "") -> Iterator[tuple[str, list[PluginInfo]]]:
    """Groups with their plug-ins; `wanted` keeps one (`teachers`, `refine/checks` or just `checks`).

    Raises: UsageError naming the groups.
    """
    chosen = [group for group in GROUPS if wanted in {"", group, group.rpartition("/")[2], group.replace("/", ".")}]
    if not chosen:
        raise UsageError(f"there is no group '{wanted}'; {closest(wanted, list(GROUPS))}")
    for group in chosen:
        members = list(available(group).values())
        if members:
            yield group, members


def _names(info: PluginInfo) -> set[str]:
    return {info.name, f"{info.group}.{info.name}", f"{info.group}/{info.name}".replace("/", ".")}


def _plugin(info: PluginInfo) -> str:
    settings: type[BaseModel] = load_plugin(info.group, info.name).Settings
    lines = [f"{info.name} ({info.group}): {info.summary}"]
    for name, field in settings.model_fields.items():
        default = "required" if field.is_required() else f"default: {field.get_default(call_default_factory=True)!r}"
        lines.append(f"  {field.alias or name}: {field.description or ''} ({default})")
    return "\n".join(lines)
