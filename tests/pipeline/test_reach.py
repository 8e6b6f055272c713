"""A refusal of all rows says truly where the sensitivity comes from, and which file waits to be trusted."""

from __future__ import annotations

from pathlib import Path

import pytest

from imbik.core.errors import BlockedError
from imbik.pipeline.reach import cleans_in_vain, refuse_unreachable
from imbik.pipeline.run import run
from imbik.privacy.operator import Operator, load_operator
from imbik.privacy.trust import trust
from imbik.recipe import build

DEFAULT = "the default, since the recipe does not say"


def refusal(base: Path, **tasks: str) -> BlockedError:
    """What a run with a teacher elsewhere is told."""
    data = {
        "name": "a",
        "tasks": {"source": "x.jsonl", "kind": "qa", **tasks},
        "teachers": {"big": {"use": "openai", "model": "m"}},
        "student": {"architecture": "llama"},
    }
    with pytest.raises(BlockedError) as raised:
        refuse_unreachable(build(data, base=base))
    return raised.value


@pytest.fixture(autouse=True)
def nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No operator's file but those of the test."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("IMBIK_OPERATOR", raising=False)


def test_only_a_recipe_that_does_not_say_is_told_of_the_default(tmp_path: Path) -> None:
    assert f"is confidential ({DEFAULT})" in refusal(tmp_path).what
    for level in ("confidential", "internal", "special"):
        assert f"is {level} (as the recipe says)" in refusal(tmp_path, sensitivity=level).what


def test_a_file_that_waits_to_be_trusted_is_named_in_the_next_step(tmp_path: Path) -> None:
    assert "privacy trust" not in refusal(tmp_path).next
    file = tmp_path / "operator.yaml"
    file.write_text("unlisted: public\n")
    assert f"imbik privacy trust {file}" in refusal(tmp_path).next


def test_a_recipe_that_cleans_is_not_refused_where_cleaned_rows_may_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "elsewhere" / "operator.yaml"
    file.parent.mkdir()
    file.write_text("external: [{host: api.openai.com, contract: c, accepts_cleaned: confidential}]\n")
    monkeypatch.setenv("IMBIK_OPERATOR", str(file))
    refusal(tmp_path)
    data = {
        "name": "a",
        "tasks": {"source": "x.jsonl", "kind": "qa"},
        "teachers": {"big": {"use": "openai", "model": "m"}},
        "student": {"architecture": "llama"},
        "privacy": {"clean": "redact"},
    }
    refuse_unreachable(build(data, base=tmp_path))
    assert list(cleans_in_vain(build(data, base=tmp_path))) == []
    monkeypatch.delenv("IMBIK_OPERATOR")
    assert "opens no way yet" in next(cleans_in_vain(build(data, base=tmp_path)))
    monkeypatch.setenv("IMBIK_OPERATOR", str(file))
    data["tasks"] = {"source": "x.jsonl", "kind": "qa", "sensitivity": "special"}
    with pytest.raises(BlockedError):
        refuse_unreachable(build(data, base=tmp_path))


def test_public_rows_are_not_told_to_be_marked_public(tmp_path: Path) -> None:
    file = tmp_path / "operator.yaml"
    file.write_text("unlisted: nothing\n")
    trust(file)
    refused = refusal(tmp_path, sensitivity="public")
    assert "does not list it, and lets nothing go elsewhere" in refused.what
    assert "set tasks.sensitivity" not in refused.next


def test_a_run_is_held_by_the_file_beside_its_recipe_also_from_its_own_folder(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "rows.jsonl").write_text("".join(f'{{"question": "{n}?", "answer": "{n}"}}\n' for n in range(20)))
    (project / "recipe.yaml").write_text(
        "name: a\ntasks: {source: rows.jsonl, kind: qa, sensitivity: public}\nstudent: {architecture: llama}\n"
        "teachers: {big: {use: openai, model: m, base_url: 'https://llm.example.com'}}\n"
    )
    done = run(project / "recipe.yaml", runs=tmp_path / "runs", until="tasks")
    assert load_operator(done.run) == Operator()
    (project / "operator.yaml").write_text("unlisted: nothing\n")
    trust(project / "operator.yaml")
    for recipe in (project, done.run):
        with pytest.raises(BlockedError, match="lets nothing go elsewhere"):
            run(recipe, runs=tmp_path / "runs" if recipe is project else None, until="generate")
    assert load_operator(done.run).unlisted == "nothing"


def test_an_address_without_encryption_is_named_where_the_operator_lets_rows_go(tmp_path: Path) -> None:
    file = tmp_path / "config" / "imbik" / "operator.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("external: [{host: a.example.com, ports: [80], contract: s, accepts_cleaned: confidential}]\n")
    data = {
        "name": "a",
        "tasks": {"source": "x.jsonl", "kind": "qa"},
        "teachers": {"big": {"use": "openai", "model": "m", "base_url": "http://a.example.com/v1"}},
        "student": {"architecture": "llama"},
        "privacy": {"clean": "redact"},
    }
    with pytest.raises(BlockedError, match="over https only") as raised:
        refuse_unreachable(build(data, base=tmp_path))
    assert "https" in raised.value.next
    assert "sensitivity: public" not in raised.value.next
