"""The JSON Schema of a recipe, with which editors complete and check it: sections, and every plug-in's own settings.

Enters: the sections, and the plug-ins that are installed now. Leaves: a schema of what loading and preflight accept: a
plug-in is its bare name where it needs no settings, or `{use: NAME, …}`; a source may be a path or hub id.
"""

from __future__ import annotations

import json
from typing import Any, cast

from pydantic import BaseModel, ValidationError
from pydantic.json_schema import GenerateJsonSchema

from imbik.core.errors import PluginError
from imbik.core.plugins import PluginBlock, PluginInfo, available, load_plugin
from imbik.recipe.sections import Recipe
from imbik.recipe.write import GROUPS

SCHEMA_FILE = "recipe.schema.json"
"""What the schema is called beside a recipe."""
FIRST_LINE = f"# yaml-language-server: $schema={SCHEMA_FILE}\n"
"""A recipe's first line, by which editors find the schema."""
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_BLOCK = {"$ref": "#/$defs/PluginBlock"}


def json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a recipe as people write it."""
    schema = Recipe.model_json_schema(by_alias=True, schema_generator=_AsWritten)
    defs = schema["$defs"]
    del schema["properties"]["base"]
    defs["Samples"] = {"anyOf": [{"type": "integer", "minimum": 1}, defs["Samples"]]}
    for section in (schema, *defs.values()):
        for key, field in section.get("properties", {}).items():
            if key in GROUPS:
                section["properties"][key] = _pointed(field, GROUPS[key])
    del defs["PluginBlock"]
    for group in dict.fromkeys(GROUPS.values()):
        defs.update(_group(group))
    return {"$schema": _DIALECT, **schema, "title": "imbik recipe"}


def schema_text() -> str:
    """The schema as the text of a file."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


class _AsWritten(GenerateJsonSchema):
    """Defaults as a person writes them: a plug-in's bare name, not the record that it becomes."""

    def encode_default(self, dft: Any) -> Any:
        if isinstance(dft, PluginBlock):
            return {"use": dft.use, **dft.raw} if dft.raw else dft.use
        return [self.encode_default(item) for item in dft] if isinstance(dft, list) else super().encode_default(dft)


def _pointed(value: Any, group: str) -> Any:
    """A field's schema with its plug-ins pointed at those of one group."""
    if isinstance(value, dict):
        return _reference(group) if value == _BLOCK else _with_block(value, group)
    return [_pointed(item, group) for item in value] if isinstance(value, list) else value


def _with_block(value: dict[str, Any], group: str) -> dict[str, Any]:
    """The parts of a schema, which may hold a plug-in beside its description."""
    pointed = {key: _pointed(item, group) for key, item in value.items()}
    return pointed | _reference(group) if value.get("$ref") == _BLOCK["$ref"] else pointed


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/$defs/{name.replace('/', '.')}"}


def _group(group: str) -> dict[str, Any]:
    """Definitions of a group: the forms that name one of its plug-ins, and each plug-in's settings."""
    defs: dict[str, Any] = {}
    bare: list[dict[str, Any]] = []
    for name, info in available(group).items():
        settings = _settings(info)
        defs |= _plugin(info, settings)
        if settings is None or _needs_nothing(settings):
            bare.append({"const": name, "description": info.summary})
    forms = [_reference(f"{group}.{name}") for name in available(group)]
    if group == "tasks/sources":  # a bare word is a path there, and its plug-in is found from what it leads to
        bare = [{"type": "string", "minLength": 1, "description": "a file, a folder or a hub id"}]
    return {group.replace("/", "."): {"anyOf": [*bare, *forms]}, **defs}


def _key(info: PluginInfo) -> str:
    return f"{info.group.replace('/', '.')}.{info.name}"


def _settings(info: PluginInfo) -> type[BaseModel] | None:
    """A plug-in's settings; None for one of another package that cannot be imported here."""
    try:
        return cast("type[BaseModel]", load_plugin(info.group, info.name).Settings)
    except (ImportError, AttributeError, PluginError):
        return None


def _needs_nothing(settings: type[BaseModel]) -> bool:
    """Whether a plug-in's bare name says enough."""
    try:
        settings.model_validate({})
    except ValidationError:
        return False
    return True


def _plugin(info: PluginInfo, settings: type[BaseModel] | None) -> dict[str, Any]:
    """Definitions of `{use: NAME, …}` with typed settings and of what these are made of; unknown ones may be any."""
    use = {"use": {"const": info.name, "description": info.summary}}
    block = {"title": info.name, "type": "object", "description": info.summary, "properties": use, "required": ["use"]}
    if settings is None:
        return {_key(info): block}
    found = settings.model_json_schema(by_alias=True, ref_template=f"#/$defs/{_key(info)}.{{model}}")
    nested = {f"{_key(info)}.{name}": made for name, made in found.pop("$defs", {}).items()}
    typed = {"properties": use | found.get("properties", {}), "required": ["use", *found.get("required", [])]}
    return {**nested, _key(info): {**found, **block, **typed}}
