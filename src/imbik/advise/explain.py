"""What a recipe key or a plug-in means, in words.

Enters: a dotted key, or a plug-in's name with or without its group. Leaves: text; errors name what was meant.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from pydantic import BaseModel

from imbik.advise.models import about
from imbik.core.errors import UsageError
from imbik.core.misspelt import closest
from imbik.core.plugins import GROUPS, PluginInfo, available
from imbik.recipe import Recipe
from imbik.recipe import explain as explain_key
from imbik.recipe.meaning import described, settings_of


def explain(key: str) -> str:
    """What a key does with its type and default, or what a plug-in does with its settings.

    Raises: UsageError naming the key that was meant.
    """
    if key.partition(".")[0] in Recipe.model_fields:
        return explain_key(key)
    found = [info for group in GROUPS for info in available(group).values() if key in _names(info)]
    if found:
        return "\n\n".join(_plugin(info) for info in found)
    near = _near(key)
    meant = f"; did you mean {' or '.join(repr(name) for name in near)}?" if near else ""
    raise UsageError(
        f"there is no key or plug-in '{key}'{meant}",
        next="imbik plugins lists all plug-ins, imbik schema all keys; sections are explained too: imbik explain train",
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


def _near(word: str) -> list[str]:
    """Up to three sections, keys of sections and plug-ins that are written much alike, the nearest first."""
    sections = {name: field.annotation for name, field in Recipe.model_fields.items() if not field.exclude}
    keys = {
        key: f"{name}.{key}"
        for name, section in sections.items()
        if isinstance(section, type) and issubclass(section, BaseModel)
        for key in section.model_fields
    }
    plugins = (info.name for group in GROUPS for info in available(group).values())
    written = {**keys, **{name: name for name in (*sections, *plugins)}}
    return [written[name] for name in get_close_matches(word, written, n=3)]


def _names(info: PluginInfo) -> set[str]:
    return {info.name, f"{info.group}.{info.name}", f"{info.group}/{info.name}".replace("/", ".")}


def _plugin(info: PluginInfo) -> str:
    lines = [f"{info.name} ({info.group}): {info.summary}"]
    settings = settings_of(info)
    lines += [f"  {name}: {described(field)}" for name, field in settings.items()]
    lines += [] if settings else ["  nothing to set"]
    return "\n".join([*lines, *(about(info.name) if info.group == "teachers" else [])])
