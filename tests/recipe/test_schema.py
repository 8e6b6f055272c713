"""The schema accepts what loading accepts, refuses a misspelt plug-in or setting, and knows plug-ins of elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import Field

from imbik.core.plugins import PluginInfo, PluginSettings, available, load_plugin
from imbik.pipeline.preflight import check_plugins
from imbik.recipe import build, json_schema, to_yaml
from imbik.recipe.schema import FIRST_LINE
from imbik.recipe.write import GROUPS

WHOLE = """
name: deneme
tasks: {source: rows.csv, kind: math}
teachers: {buyuk: {use: in_process, model: "embedded:teacher"}}
refine: [shape, {use: agreement, at_least: 0.75}]
student: {model: "embedded:base"}
capture: {}
train:
  method: {use: lora, r: 8}
  losses: [cross_entropy, {use: forward_kl, weight: 0.2}]
export: [{use: safetensors, precision: bfloat16}]
evaluate: {metrics: [accuracy]}
"""


def changed(**sections: Any) -> dict[str, Any]:
    """A recipe with other sections."""
    return {**yaml.safe_load(WHOLE), **sections}


def defaults(value: Any) -> Iterator[Any]:
    """Every default in a schema."""
    if isinstance(value, dict):
        yield from ([value["default"]] if "default" in value and "description" in value else [])
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from defaults(item)


SOURCE = {"source": "rows.csv", "kind": "math"}
GOOD = [
    changed(),
    changed(generate={"samples": 2}),
    changed(generate={"samples": {"min": 1, "max": 4}}),
    changed(generate={"from": "reference", "samples": 3}),
    changed(tasks={**SOURCE, "kind": {"use": "classification", "labels": ["a"]}}),
    changed(tasks={**SOURCE, "source": {"use": "csv", "path": "a.csv"}, "test_source": "b.csv"}),
    changed(tasks={**SOURCE, "source": "owner/data-set"}),
    changed(teachers={"eski": "recorded"}),
    changed(teachers={"api": {"use": "openai", "model": "gpt-4o", "price": {"input": 2.5, "output": "10"}}}),
    changed(review=None),
    yaml.safe_load(to_yaml(build(changed()))),
]
BAD = {
    "a kind": changed(tasks={**SOURCE, "kind": "clasification"}),
    "a kind in a block": changed(tasks={**SOURCE, "kind": {"use": "clasification"}}),
    "a source": changed(tasks={**SOURCE, "source": {"use": "cvs", "path": "a.csv"}}),
    "a source of test rows": changed(tasks={**SOURCE, "test_source": {"use": "csv", "pth": "a.csv"}}),
    "a teacher's setting": changed(teachers={"b": {"use": "in_process", "modell": "m"}}),
    "a teacher without its model": changed(teachers={"b": "openai"}),
    "a run without its name": changed(teachers={"b": "run"}),
    "a nested setting": changed(teachers={"b": {"use": "openai", "model": "m", "price": {"inptu": 1}}}),
    "a check": changed(refine=["shapee"]),
    "a name in place of use": changed(refine=[{"shape": {}}]),
    "a method's setting": changed(train={"method": {"use": "lora", "rr": 8}}),
    "a loss": changed(train={"losses": ["forward_kll"]}),
    "a value": changed(train={"losses": [{"use": "forward_kl", "temperature": 0}]}),
    "a format": changed(export=["safetensor"]),
    "a metric": changed(evaluate={"metrics": ["acuracy"]}),
    "a section": changed(trian={}),
}


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return json_schema()


@pytest.mark.parametrize("data", GOOD)
def test_what_loads_is_accepted(data: dict[str, Any], schema: dict[str, Any]) -> None:
    check_plugins(build(json.loads(json.dumps(data))))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(data, schema)


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_what_does_not_load_is_refused(data: dict[str, Any], schema: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, schema)


@pytest.mark.parametrize("group", sorted(set(GROUPS.values())))
def test_every_setting_is_offered_with_its_description(group: str, schema: dict[str, Any]) -> None:
    for name in available(group):
        block = schema["$defs"][f"{group.replace('/', '.')}.{name}"]
        fields = load_plugin(group, name).Settings.model_fields
        written = {field.alias or key for key, field in fields.items()}  # `is` is no name in Python
        assert set(block["properties"]) == {"use", *written}
        assert all(field["description"] for field in block["properties"].values())
        assert block["additionalProperties"] is False


def test_defaults_are_what_a_person_writes(schema: dict[str, Any]) -> None:
    text = json.dumps(list(defaults(schema)))
    assert "raw" not in text
    assert schema["$defs"]["Train"]["properties"]["losses"]["default"] == ["cross_entropy"]
    assert schema["$defs"]["Train"]["properties"]["method"]["default"] == "full"


class Foreign:
    """A check of another package."""

    class Settings(PluginSettings):
        """One setting, which must be written."""

        limit: int = Field(description="how many")


class Broken:
    """A check whose package cannot be read here has no settings."""


def test_plug_ins_of_other_packages_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    here = dict(available("refine/checks"))
    for name in ("Foreign", "Broken", "Absent"):
        here[name] = PluginInfo("refine/checks", name, "from elsewhere", f"{__name__}:{name}")
    here["Absent"] = PluginInfo("refine/checks", "Absent", "from elsewhere", "no_such_package_here:Absent")
    for place in ("imbik.recipe.schema.available", "imbik.core.plugins.available"):
        monkeypatch.setattr(place, lambda group: here if group == "refine/checks" else available(group))
    checks = {"$ref": "#/$defs/refine.checks", "$defs": json_schema()["$defs"]}
    for good in ({"use": "Foreign", "limit": 1}, "Absent", {"use": "Absent", "any": 1}, {"use": "Broken", "any": 1}):
        jsonschema.validate(good, checks)
    for bad in ("Foreign", {"use": "Foreign", "limt": 1}):  # its bare name leaves out what must be set
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(bad, checks)


def test_the_first_line_is_a_comment_that_loading_passes_over(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(FIRST_LINE + WHOLE)
    assert "$schema" not in to_yaml(build(yaml.safe_load(path.read_text())))


def test_presets_of_teachers_are_names_with_their_own_defaults() -> None:
    defs = json_schema()["$defs"]
    assert {"$ref": "#/$defs/teachers.deepseek"} in defs["teachers"]["anyOf"]
    assert defs["teachers.deepseek"]["properties"]["base_url"]["default"] == "https://api.deepseek.com/v1"
    jsonschema.validate(changed(teachers={"t": {"use": "deepseek", "model": "deepseek-chat"}}), json_schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(changed(teachers={"t": {"use": "depseek", "model": "x"}}), json_schema())
