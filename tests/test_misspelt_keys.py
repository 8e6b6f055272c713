"""A misspelt key names the key that was meant: in every file that a user writes, at every depth.

The files are those whose readers are named below; a reader that is not fails the first test.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
import yaml
from pydantic import BaseModel

from imbik.advise.judging.labels import labels_of_file
from imbik.core.errors import ImbikError
from imbik.core.plugins import GROUPS, PluginBlock, available, load_plugin, typed_settings
from imbik.core.runfolder import RunFolder
from imbik.judge.rubric import rubric_of
from imbik.privacy.operator import Operator, read_operator
from imbik.recipe import Recipe, build, load_recipe
from imbik.review.importing import import_verdicts
from imbik.tasks.answer_schema import schema_text
from imbik.tasks.strategies.templates import TemplatesFile, read_templates
from imbik.tasks.taxonomy import TaxonomyFile, read_taxonomy
from imbik.testing.rules import read_script

READERS = {
    "recipe/load.py": "the recipe",
    "recipe/ranged.py": "ranges of a search, checked as the recipe is",
    "recipe/overrides.py": "--set, checked as the recipe is",
    "privacy/operator.py": "the operator's file",
    "tasks/taxonomy.py": "a taxonomy",
    "tasks/strategies/templates.py": "templates",
    "judge/rubric.py": "a rubric",
    "testing/rules.py": "a script of faults",
    "judge/attacks.py": "no user's: it ships with imbik",
    "advise/init.py": "--columns, checked as tasks.columns is",
    "advise/handing_over.py": "--set of an export, checked as a plug-in's settings are",
}
PLAIN: dict[str, Any] = {
    "name": "a",
    "tasks": {"source": "x.jsonl", "kind": "qa"},
    "teachers": {"t": {"use": "openai", "model": "m"}},
    "student": {"architecture": "llama"},
}


def test_every_reader_of_yaml_is_named_here(root: Path) -> None:
    package = root / "src" / "imbik"
    found = set()
    for path in package.rglob("*.py"):
        calls = [node.func for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
        if any(isinstance(call, ast.Name) and call.id == "read_yaml" for call in calls):
            found.add(str(path.relative_to(package)))
    assert found == set(READERS)


Way = tuple[tuple[str, str], ...]  # from the top: a key, and whether a list ("l") or names ("d") stand below it


def parts(model: type[BaseModel], way: Way = ()) -> Iterator[tuple[Way, type[BaseModel]]]:
    """A model and all within it, each once on a way."""
    yield way, model
    for name, field in model.model_fields.items():
        for wrapped, inner in arms(field.annotation):
            if inner is not PluginBlock and inner is not model:
                yield from parts(inner, (*way, (field.alias or name, wrapped)))


def arms(annotation: Any, wrapped: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield wrapped, annotation
        return
    inner = {list: "l", tuple: "l", dict: "d"}.get(get_origin(annotation), "")  # type: ignore[arg-type]
    for arm in get_args(annotation):
        yield from arms(arm, wrapped + inner)


def keys(model: type[BaseModel], *, but: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Keys that are long enough to be misspelt, and the same with a letter missing."""
    known = {field.alias or name for name, field in model.model_fields.items() if not field.exclude}
    for key in sorted(known - set(but)):
        wrong = key[: len(key) // 2] + key[len(key) // 2 + 1 :]
        if len(key) >= 5 and wrong not in known:
            yield key, wrong


def at(way: Way, wrong: str) -> dict[str, Any]:
    """Data in which nothing stands but the misspelt key, in its place."""
    data: Any = {wrong: 1}
    for key, wrapped in reversed(way):
        for kind in reversed(wrapped):
            data = [data] if kind == "l" else {"x": data}
        data = {key: data}
    return dict(data)


def told(read: Callable[[], object]) -> str:
    with pytest.raises(ImbikError) as raised:
        read()
    return str(raised.value)


def names(way: Way, wrong: str) -> str:
    """The path as it stands in the file."""
    steps = [step for key, wrapped in way for step in (key, *("0" if kind == "l" else "x" for kind in wrapped))]
    return ".".join([*steps, wrong])


def everywhere(model: type[BaseModel], read: Callable[[dict[str, Any]], object], but: tuple[str, ...] = ()) -> int:
    """Misspells every key of a model and what is within it; how many were tried."""
    tried = 0
    for way, part in parts(model):
        for key, wrong in keys(part, but=but):
            data = at(way, wrong)
            said = told(lambda data=data: read(data))  # type: ignore[misc]
            assert f"unknown key '{names(way, wrong)}'; did you mean '{key}'" in said, said
            tried += 1
    return tried


def test_the_recipe(tmp_path: Path) -> None:
    def read(data: dict[str, Any]) -> Recipe:
        merged = {**PLAIN, **{key: {**PLAIN[key], **value} if key == "tasks" else value for key, value in data.items()}}
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump(merged))
        return load_recipe(path)

    assert everywhere(Recipe, read) > 100


@pytest.mark.parametrize("group", GROUPS)
def test_what_plug_ins_and_presets_can_be_told(group: str) -> None:
    for use in available(group):

        def read(raw: dict[str, Any], use: str = use) -> object:
            return typed_settings(group, PluginBlock(use=use, raw=raw))

        everywhere(load_plugin(group, use).Settings, read)


def test_what_is_said_of_answers_is_not_said_of_their_teacher() -> None:
    for use in ("openai", "anthropic", "in_process"):
        said = told(lambda use=use: typed_settings("teachers", PluginBlock(use=use, raw={"temprature": 1})))  # type: ignore[misc]
        assert "unknown key 'temprature'; did you mean 'temperature'? It is not said here: write generate.temp" in said


def test_the_operators_file(tmp_path: Path) -> None:
    def read(data: dict[str, Any]) -> Operator:
        path = tmp_path / "operator.yaml"
        path.write_text(yaml.safe_dump(data))
        path.chmod(0o600)
        return read_operator(path)

    assert everywhere(Operator, read, but=("path", "hash", "ignored")) > 20


def test_a_taxonomy_and_templates(tmp_path: Path) -> None:
    def written(data: dict[str, Any]) -> Path:
        path = tmp_path / "file.yaml"
        path.write_text(yaml.safe_dump(data))
        return path

    assert everywhere(TaxonomyFile, lambda data: read_taxonomy(written(data).name, tmp_path)) > 6
    assert everywhere(TemplatesFile, lambda data: read_templates(written(data))) > 12
    deep = {"branches": {"hukuk": {"branches": {"borçlar": {"taks": ["x"]}}}}}
    said = told(lambda: read_taxonomy(written(deep).name, tmp_path))
    assert "unknown key 'branches.hukuk.branches.borçlar.taks'; did you mean 'tasks'?" in said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"kısalık": {"waht": "kısa mı?"}}, "criterion 'kısalık': unknown key 'waht'; did you mean 'what'?"),
        ({"a": {"what": "x", "ancors": {1: "y"}}}, "criterion 'a': unknown key 'ancors'; did you mean 'anchors'?"),
    ],
)
def test_a_rubric_in_a_file_and_in_the_recipe(tmp_path: Path, content: dict[str, Any], said: str) -> None:
    (tmp_path / "r.yaml").write_text(yaml.safe_dump(content, allow_unicode=True))
    assert said in told(lambda: rubric_of("r.yaml", tmp_path))
    assert said in told(lambda: rubric_of(content, tmp_path))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"ruls": [{"do": "429"}]}, "unknown key 'ruls'; did you mean 'rules'?"),
        ({"rules": [{"do": "429"}], "rulez": []}, "unknown key 'rulez'; did you mean 'rules'?"),
        ({"rules": [{"do": "429", "tims": 1}]}, "rule 1: 'tims' is nothing a rule says; did you mean 'times'?"),
        (["429 tims=1"], "'tims=1' is not NAME=VALUE; did you mean 'times'?"),
    ],
)
def test_a_script_of_faults(tmp_path: Path, content: object, said: str) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(yaml.safe_dump(content))
    assert said in told(lambda: read_script(path))


SCHEMAS = [
    ({"type": "object", "propertis": {}}, "did you mean 'properties'?"),
    ({"type": "object", "properties": {"a": {"type": "array", "itmes": {}}}}, "did you mean 'items'?"),
    ({"$defs": {"a": {"requierd": ["x"]}}, "$ref": "#/$defs/a"}, "did you mean 'required'?"),
]


@pytest.mark.parametrize(("schema", "said"), SCHEMAS)
def test_a_json_schema_of_answers(tmp_path: Path, schema: dict[str, Any], said: str) -> None:
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(schema))
    recipe = build({**PLAIN, "tasks": {**PLAIN["tasks"], "answer_schema": "schema.json"}}, base=tmp_path)
    assert said in told(lambda: schema_text(recipe))
    check = load_plugin("refine/checks", "format")
    made = check(check.Settings(answer_schema="schema.json"))
    assert said in told(lambda: made.verify(tmp_path))


def test_a_json_schema_may_hold_what_is_no_keyword_and_names_that_look_like_one(tmp_path: Path) -> None:
    properties = {"itmes": {"type": "string", "x-hint": "a", "example": "b"}, "requierd": {"enum": [{"tpye": 1}]}}
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", "properties": properties, "$comment": "c"}
    (tmp_path / "schema.json").write_text(json.dumps(schema))
    recipe = build({**PLAIN, "tasks": {**PLAIN["tasks"], "answer_schema": "schema.json"}}, base=tmp_path)
    assert json.loads(schema_text(recipe)) == schema


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"by": "ayşe", "kepe": True, "row": "t1"}, "unknown key 'kepe'; did you mean 'keep'?"),
        ({"by": "ayşe", "keep": True, "rows": "t1"}, "unknown key 'rows'; did you mean 'row'?"),
    ],
)
def test_lines_of_labels_and_of_verdicts(tmp_path: Path, line: dict[str, Any], said: str) -> None:
    path, run = tmp_path / "lines.jsonl", RunFolder(tmp_path / "runs" / "a")
    path.write_text(json.dumps(line) + "\n")
    assert said in told(lambda: labels_of_file(path, run, build(PLAIN)))
    assert said in told(lambda: import_verdicts(run, path))
