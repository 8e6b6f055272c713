"""A recipe is read with line numbers; a wrong one stops with file, line, key and what was meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from imbik.core.errors import ExitCode, RecipeError
from imbik.recipe import Recipe, build, load_recipe
from recipe.conftest import GOOD, write


def test_a_recipe_is_read_with_its_place(good: Path) -> None:
    recipe = load_recipe(good)
    assert recipe.base == good.parent
    assert recipe.train.losses[0].where == f"{good}:10"
    assert recipe.train.losses[0].raw == {"weight": 0.5, "temperature": 2}
    assert recipe.tasks.source.use == "auto"
    assert recipe.path("a/b.csv") == good.parent / "a" / "b.csv"
    assert load_recipe(good.parent) == recipe


@pytest.mark.parametrize("text", ["1e-6", "1.0e-6", "1E-6", ".000001", "+1e-06", "0.000001"])
def test_small_numbers_are_numbers_in_yaml_and_on_the_command_line(good: Path, text: str) -> None:
    from_yaml = load_recipe(write(good.parent, GOOD.replace("1e-6", text)))
    from_line = load_recipe(good, [f"train.learning_rate={text}"])
    assert from_yaml.train.learning_rate == from_line.train.learning_rate == 1e-6


@pytest.mark.parametrize("text", ["1e", "e6", "v1.0e6", "0x1e-6", "1.2.3"])
def test_words_that_look_like_numbers_stay_words(good: Path, text: str) -> None:
    with pytest.raises(RecipeError, match="learning_rate"):
        load_recipe(good, [f"train.learning_rate={text}"])


def test_a_byte_order_mark_and_crlf_are_accepted(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load_recipe(path).name == "destek"


ENSEMBLE = """teachers:
  a: {{use: openai, model: m}}
  hep:
    use: ensemble
    teachers:
      - a
      - {}
"""
BAD = [
    (GOOD.replace("  kind:", "  knd:"), 4, "did you mean 'kind'"),
    (GOOD.replace("train:", "trian:"), 7, "did you mean 'train'"),
    (GOOD.replace("learning_rate: 1e-6", "learning_rate: fast"), 8, "learning_rate"),
    (GOOD.replace("{use: forward_kl, ", "{"), 10, "'use' is missing"),
    (GOOD + "student: {model: x}\n", 12, "written twice"),
    (GOOD.replace("{from: reference}", "{from: reference"), 6, "not valid YAML"),
    (GOOD.replace("name: destek", "name: ../destek"), 1, "name"),
    (GOOD.replace("{architecture: llama}", "{architecture: llama, model: x}"), 6, "either `model`"),
    (GOOD.replace("{from: reference}", "{teacher: big}"), 5, "teacher 'big' is not under"),
    (GOOD + ENSEMBLE.format("z"), 18, "teacher 'z' is not under"),
    (GOOD + ENSEMBLE.format("hep"), 18, "which is itself made of several"),
    (GOOD.replace("{from: reference}", "{}"), None, "from: reference"),
    (GOOD.replace("train:", "train:\n  epochs: -1"), 8, "epochs"),
    (GOOD.replace("name: destek", "name: 2026-13-45"), 1, "'2026-13-45' is written as a timestamp"),
    (GOOD + "? [a, b]\n: c\n", 12, "a key is a list or mapping"),
    (GOOD + "refine: &a [*a]\n", 12, "would hold itself"),
    (GOOD + "refine: " + "[" * 3000 + "]" * 3000, 12, "levels deep"),
    (GOOD.replace("source: rows.jsonl", 'source: "a\\0b"'), 3, "holds a NUL character"),
    ("- a\n- b\n", None, "mapping of sections"),
    ("", None, "mapping of sections"),
]


@pytest.mark.parametrize(("text", "line", "words"), BAD)
def test_a_wrong_recipe_names_line_and_key(tmp_path: Path, text: str, line: int | None, words: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(RecipeError, match=words) as raised:
        load_recipe(path)
    assert raised.value.where.startswith(str(path))
    if line is not None:
        assert raised.value.where == f"{path}:{line}"
    assert raised.value.exit_code is ExitCode.USAGE


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no such recipe") as raised:
        load_recipe(tmp_path / "absent.yaml")
    assert "imbik init" in raised.value.next
    (tmp_path / "latin.yaml").write_bytes("name: çöp".encode("cp1254"))
    with pytest.raises(RecipeError, match="UTF-8"):
        load_recipe(tmp_path / "latin.yaml")
    with pytest.raises(RecipeError, match="NUL"):
        load_recipe("a\0b.yaml")


SECRETS = [
    "teachers: {a: {use: openai, api_key: abc}}",
    "teachers: {a: {use: openai, API_KEY: abc}}",
    "teachers: {a: {use: openai, model: sk-abcdefghijkl1234}}",
    "teachers: {a: {use: openai, headers: {x: Bearer abcdefgh12}}}",
    "teachers: {a: {use: openai, model: hf_abcdefghijklmnopqrst}}",
    "teachers: {a: {use: openai, password: hunter2}}",
    "teachers: {a: {use: openai, password: 20011231}}",
    "teachers: {a: {use: openai, extra: {api-key: 9a8bhidden}}}",
    "teachers: {a: {use: openai, extra: {headers: [{X-Auth-Token: 9a8bhidden}]}}}",
    "teachers: {a: {use: openai, extra: {Authorization: Token 9a8bhidden}}}",
    "teachers: {a: {use: openai, extra: {secretAccessKey: 9a8bhidden}}}",
    "teachers: {a: {use: openai, extra: {x: Token 9a8bhidden}}}",
    "teachers: {a: {use: openai, base_url: 'http://u:hunter2@127.0.0.1/v1'}}",
    "teachers: {a: {use: openai, base_url: 'https://h/v1?api-key=9a8bhidden'}}",
    "evaluate: {token: 9a8bhidden}",
    "# a key as a key\nteachers: {a: {use: openai, extra: {gsk_9a8b7c6d5e4f3a2babcdefgh: 1}}}",
]
SHAPES = [
    "sk-abcdefghijkl1234",
    "sk-proj-abcdefgh_ijkl-mnop",
    "gsk_9a8b7c6d5e4f3a2b1c0d",
    "hf_abcdefghijklmnopqrst",
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_abcdefghijklmnopqrst01",
    "xoxb-1234567890-abcdef",
    "eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.SflKxwRJSMeKKF2",
]


@pytest.mark.parametrize("line", SECRETS)
def test_a_secret_in_a_recipe_is_refused_and_not_repeated(tmp_path: Path, line: str) -> None:
    path = write(tmp_path, GOOD + line + "\n")
    with pytest.raises(RecipeError, match="holds a secret") as raised:
        load_recipe(path)
    assert raised.value.where == f"{path}:{12 + line.count(chr(10))}"
    for value in ("abcdefgh", "hunter2", "abc}", "hidden", "20011231"):
        assert value not in str(raised.value)


@pytest.mark.parametrize("key", SHAPES)
def test_a_key_of_a_known_shape_is_refused_wherever_it_stands(good: Path, key: str) -> None:
    for text in (f"tasks.columns={{text: 'see {key} there'}}", f"teachers.a={{use: openai, extra: {{x: [{key}]}}}}"):
        with pytest.raises(RecipeError, match="holds a secret") as raised:
            load_recipe(good, [text])
        assert key not in str(raised.value)
    with pytest.raises(RecipeError, match="is not KEY=VALUE") as raised:
        load_recipe(good, [f"teachers.a.extra:{key}"])
    assert key not in str(raised.value)


@pytest.mark.parametrize("value", ["9a8b7c6d5e4f3a2b", "openai_api_key", "123456789012", "'${MY_OWN_WORD}'", "[x]"])
def test_a_teachers_key_is_the_name_of_one_and_anything_else_is_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("MY_OWN_WORD", "9a8b7c6d5e4f3a2b")
    path = write(tmp_path, GOOD + f"teachers: {{a: {{use: openai, model: m, key: {value}}}}}\n")
    with pytest.raises(RecipeError, match="not the name of a key") as raised:
        load_recipe(path)
    assert raised.value.where == f"{path}:12"
    assert value not in str(raised.value)
    assert "9a8b" not in str(raised.value)
    for name in ("OPENAI_API_KEY", "IMBIK_MY_KEY"):
        recipe = load_recipe(write(tmp_path, GOOD + f"teachers: {{a: {{use: openai, key: {name}}}}}\n"))
        assert recipe.teachers["a"].raw["key"] == name


def test_a_key_that_a_variable_brings_in_is_refused(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_OWN_WORD", SHAPES[2])
    with pytest.raises(RecipeError, match="holds a secret") as raised:
        load_recipe(good, ["tasks.source=${MY_OWN_WORD}"])
    assert SHAPES[2] not in str(raised.value)


def test_a_secret_in_set_is_refused(good: Path) -> None:
    for text in ("teachers.a.api_key=abc", "teachers.a.model=sk-abcdefghijkl1234"):
        with pytest.raises(RecipeError, match="holds a secret") as raised:
            load_recipe(good, [text])
        assert raised.value.where == f"--set {text.partition('=')[0]}"


def test_a_secret_from_the_environment_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "value-of-the-key")
    path = write(tmp_path, GOOD.replace("rows.jsonl", "${OPENAI_API_KEY}"))
    with pytest.raises(RecipeError, match="would write a secret") as raised:
        load_recipe(path)
    assert "value-of-the-key" not in str(raised.value)


def test_a_route_for_a_sensitivity_that_there_is_not_is_refused_with_its_line(tmp_path: Path) -> None:
    blocks = "teachers: {a: {use: openai, model: m}, b: {use: openai, model: m}}\n"
    routes = "generate:\n  teacher:\n    publik: a\n    otherwise: b\n"
    path = write(tmp_path, GOOD.replace("generate: {from: reference}\n", "") + blocks + routes)
    with pytest.raises(RecipeError, match="'publik' is no sensitivity.*'public'") as raised:
        load_recipe(path)
    line = path.read_text().splitlines().index("    publik: a") + 1
    assert raised.value.where.startswith(f"{path}:{line}")


def test_words_such_as_max_tokens_are_no_secrets(good: Path) -> None:
    assert load_recipe(good, ["generate.max_tokens=7"]).generate.max_tokens == 7
    extra = "{prompt_cache_key: a, eos_token: '</s>', use_auth_token: false, author: Ali, keys: [b]}"
    names = "hf-internal-testing/tiny-random-Llama, corpora/sk-wikipedia-20230101.jsonl, task-0123456789abcdef0"
    for value in (extra, f"{{x: [Basic mathematics, {names}]}}"):
        assert load_recipe(good, [f"teachers.a={{use: openai, extra: {value}}}"]).teachers["a"].raw["extra"]


def test_plug_ins_in_short_form_have_their_place(good: Path) -> None:
    more = "refine: [shap]\nexport: [gguf2]\nteachers: {a: openia}\nevaluate:\n  metrics:\n  - acuracy\n"
    recipe = load_recipe(write(good.parent, GOOD + more), ["train.method=lor", "train.losses.0.weight=1"])
    blocks = {
        4: recipe.tasks.kind,
        11: recipe.train.losses[1],
        12: recipe.refine[0],
        13: recipe.export[0],
        14: recipe.teachers["a"],
        17: recipe.evaluate.metrics[0],
    }
    assert {line: block.where for line, block in blocks.items()} == {line: f"{good}:{line}" for line in blocks}
    assert recipe.refine[0].use == "shap"
    assert recipe.refine[0].raw == {}
    assert recipe.train.method.where == "--set train.method"
    assert recipe.train.losses[0].where == f"{good}:10 with --set train.losses.0.weight"


def test_overrides_do_not_change_the_callers_data() -> None:
    data: dict[str, Any] = {
        "name": "a",
        "tasks": {"source": "x.csv", "kind": "qa"},
        "generate": {"from": "reference"},
        "student": {"architecture": "llama"},
    }
    build(data, overrides=["tasks.kind=math"])
    assert data["tasks"]["kind"] == "qa"


def test_a_row_is_asked_of_the_teacher_for_its_sensitivity(tmp_path: Path) -> None:
    from imbik.core.types import Sensitivity

    text = GOOD.replace("{from: reference}", "{teacher: {public: big, otherwise: near}}")
    recipe = load_recipe(write(tmp_path, text + "teachers: {big: openai, near: {use: in_process, model: m}}\n"))
    assert recipe.teacher_for(Sensitivity.PUBLIC) == "big"
    assert recipe.teacher_for(Sensitivity.SPECIAL) == "near"
    assert recipe.answering_teachers() == ["big", "near"]


def test_a_recipe_is_frozen(good: Path) -> None:
    recipe = load_recipe(good)
    with pytest.raises(ValueError, match="frozen"):
        recipe.name = "other"  # type: ignore[misc]
    assert isinstance(recipe, Recipe)


@pytest.mark.parametrize("override", ["base=a/b", "student.base=a/b"])
def test_the_model_to_begin_from_has_one_name(good: Path, override: str) -> None:
    """`base:` at the top level was once taken for the recipe's own folder, without a word."""
    with pytest.raises(RecipeError, match="begins from is student.model") as error:
        load_recipe(good, [override])
    assert "write student: {model: a/b}" in error.value.next
    assert override.partition("=")[0] in error.value.where
    with pytest.raises(RecipeError) as misspelt:
        load_recipe(good, ["bse=a/b"])
    assert "base" not in misspelt.value.what.replace("bse", "")


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("train.epochs=x", "imbik explain train.epochs"),
        ("generate.temprature=1", "imbik explain generate"),
        ("nosuchsection=1", "imbik schema lists all keys of a recipe"),
    ],
)
def test_an_error_names_the_key_that_explains_it(good: Path, override: str, line: str) -> None:
    with pytest.raises(RecipeError) as error:
        load_recipe(good, [override])
    assert error.value.next == line
