"""Presets: a name that is a plug-in with other defaults, one table of a `presets.toml` in the group's folder.

Enters: the folder of a group. Leaves: presets by name, and for one of them a class like the plug-in's own whose
`Settings` have the preset's defaults. A preset is data: which plug-in it uses, what it sets, when that was true and
where it can be read.

    [deepseek]
    use = "openai"
    summary = "DeepSeek's own API."
    date = 2025-12-09
    docs = "https://api-docs.deepseek.com"
    settings = { base_url = "https://api.deepseek.com", key = "DEEPSEEK_API_KEY" }
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from importlib.resources.abc import Traversable
from typing import Any, cast

from pydantic import BaseModel, Field, create_model

FILE_NAME = "presets.toml"


@dataclass(frozen=True)
class Preset:
    """One table: the plug-in used, what it is for a person, its defaults, and when and where that was read.

    `hosts` are the hosts that this provider's own key may be shown to, where `settings` do not name one (`.name`: all
    hosts below it). `checked` says what the table was compared with ("": nothing), `unchecked` which settings were not.
    """

    name: str
    use: str
    summary: str
    date: date
    docs: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    hosts: tuple[str, ...] = ()
    checked: str = ""
    unchecked: tuple[str, ...] = ()


def read_presets(folder: Traversable) -> dict[str, Preset]:
    """The presets of a group's folder; empty where it has none."""
    file = folder.joinpath(FILE_NAME)
    if not file.is_file():
        return {}
    lines = tomllib.loads(file.read_text(encoding="utf-8"))
    listed = ("hosts", "unchecked")
    return {
        name: Preset(name=name, **{**line, **{key: tuple(line.get(key, ())) for key in listed}})
        for name, line in lines.items()
    }


def with_defaults(plugin: type[Any], preset: Preset) -> type[Any]:
    """The plug-in's class with the preset's defaults in its `Settings`; everything else is the plug-in's own."""
    base = cast("type[BaseModel]", plugin.Settings)
    changed: dict[str, Any] = {
        name: (found.rebuild_annotation(), Field(preset.settings[name], description=found.description))
        for name, found in base.model_fields.items()
        if name in preset.settings
    }
    if unknown := sorted(set(preset.settings) - set(changed)):
        raise ValueError(f"preset '{preset.name}' sets '{unknown[0]}', which {preset.use} does not know")
    settings = create_model("Settings", __base__=base, __module__=base.__module__, __doc__=base.__doc__, **changed)
    own = {"Settings": settings, "__doc__": preset.summary, "__module__": plugin.__module__}
    return type(plugin.__name__, (plugin,), own)
