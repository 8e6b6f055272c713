"""A function of one's own decides; a recipe brings none of its own, and what the function raises rejects the row."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from imbik.core.errors import PluginError
from imbik.core.plugins import PluginBlock, make
from imbik.core.types import Verdict
from imbik.refine.checks import CheckContext
from stagekit import make_sample, make_task

CODE = """
from imbik.core.types import Verdict

def decide(sample, context, longest=3):
    if sample.answer == "verdict":
        return Verdict(by="own", keep=False, reason="bence yanlış", score=0.25)
    if sample.answer == "none":
        return None
    if sample.answer == "odd":
        return 7
    return len(sample.answer) <= longest or f"'{sample.answer}' {longest} harften uzun"

def no(sample, context):
    return False

number = 5
"""
CONTEXT = CheckContext(kind=make("tasks/kinds", PluginBlock(use="qa")), base=Path("/no/such/folder"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "own_checks_of_mine.py").write_text(CODE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "own_checks_of_mine", raising=False)
    return tmp_path


def judge(answer: str, function: str = "own_checks_of_mine:decide", **raw: object) -> Verdict:
    check = make("refine/checks", PluginBlock(use="custom", raw={"function": function, **raw}))
    verdict: Verdict = check.judge(make_sample(make_task("a"), answer=answer), CONTEXT)
    return verdict


@pytest.mark.usefixtures("folder")
def test_what_the_function_says_is_the_verdict() -> None:
    assert judge("üç").keep
    assert judge("none").keep
    assert judge("dört").reason == "'dört' 3 harften uzun"
    assert judge("dört", options={"longest": 4}).keep
    assert judge("verdict") == Verdict(by="own", keep=False, reason="bence yanlış", score=0.25)
    assert judge("x", "own_checks_of_mine:no").reason == "own_checks_of_mine:no says no"
    with pytest.raises(TypeError, match="gave a int"):
        judge("odd")


def test_code_beside_the_recipe_runs_only_where_the_user_named_its_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    check = make("refine/checks", PluginBlock(use="custom", raw={"function": "own_checks_of_mine:decide"}))
    monkeypatch.delenv("PYTHONPATH", raising=False)
    with pytest.raises(PluginError, match="lies beside the recipe"):
        check.verify(folder)
    with pytest.raises(PluginError, match="lies beside the recipe"):
        check.files(folder)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    check.verify(elsewhere)
    assert check.files(elsewhere) == [(folder / "own_checks_of_mine.py").resolve()]
    context = CheckContext(kind=CONTEXT.kind, base=folder)
    with pytest.raises(PluginError, match="lies beside the recipe"):
        check.judge(make_sample(make_task("a")), context)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    check.verify(folder)


def test_what_is_not_there_is_named(folder: Path, tmp_path: Path) -> None:
    for function, told in (("no_such_module_here:f", "no module"), ("own_checks_of_mine:number", "no function")):
        check = make("refine/checks", PluginBlock(use="custom", raw={"function": function}))
        with pytest.raises(PluginError, match=told):
            check.verify(tmp_path / "other")
    with pytest.raises(PluginError, match="function"):
        make("refine/checks", PluginBlock(use="custom", raw={"function": "decide"}))
    assert folder == tmp_path
