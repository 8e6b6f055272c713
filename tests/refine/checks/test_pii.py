"""Answers with personal data are rejected; the reason names detectors and never what they found."""

from __future__ import annotations

import pickle
from pathlib import Path
from random import Random

import msgspec
import pytest

from imbik.core.errors import PluginError
from imbik.core.plugins import PluginBlock, make
from imbik.core.types import Verdict
from imbik.refine.checks import CheckContext
from imbik.refine.stage import RefineStage
from imbik.testing.identifiers import iban, tckn
from stagekit import FakeAsker, make_recipe, make_sample, make_task

KIND = make("tasks/kinds", PluginBlock(use="qa"))
NUMBER, ACCOUNT = tckn(Random(1)), iban(Random(2))


def judge(answer: str, reasoning: str = "", text: str = "", base: Path = Path(), **settings: object) -> Verdict:
    check = make("refine/checks", PluginBlock(use="pii", raw=settings))
    sample = make_sample(make_task("a", text), answer=answer, reasoning=reasoning)
    verdict: Verdict = check.judge(sample, CheckContext(kind=KIND, base=base))
    assert check.judge(sample, CheckContext(kind=KIND, base=base)) == verdict
    assert pickle.loads(pickle.dumps(check)).judge(sample, CheckContext(kind=KIND, base=base)) == verdict
    return verdict


def test_the_detector_is_named_and_not_the_value() -> None:
    verdict = judge(f"Kimlik no: {NUMBER}", f"Hesap {ACCOUNT} ve yine {ACCOUNT}")
    assert not verdict.keep
    assert verdict.reason == "it holds personal data: iban (2 in the reasoning), tckn (1 in the answer)"
    written = msgspec.json.encode(verdict).decode()
    assert NUMBER not in written
    assert ACCOUNT not in written
    span = next(item for item in verdict.spans if item.part == "answer")
    assert (span.note, span.start, span.end) == ("tckn", 11, 22)


def test_texts_without_any_pass() -> None:
    assert judge("İstanbul 1453'te fethedildi; 12.345,67 TL eder.", "3 + 4 = 7").keep


def test_some_detectors_alone() -> None:
    assert judge(NUMBER, detectors=["iban"]).keep
    assert not judge(ACCOUNT, detectors=["iban"]).keep
    with pytest.raises(PluginError, match="no detector 'ibn'"):
        judge(ACCOUNT, detectors=["ibn"])


def test_what_the_task_says_may_be_said_again_where_told_so() -> None:
    asked = f"{NUMBER} kime ait?"
    assert not judge(f"{NUMBER} size ait.", text=asked).keep
    assert judge(f"{NUMBER} size ait.", text=asked, given="keep").keep
    assert not judge(f"{ACCOUNT} size ait.", text=asked, given="keep").keep


def test_the_operators_detectors_are_those_that_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = make_recipe(refine=["pii"])
    before = RefineStage().settings(recipe, FakeAsker(lambda *_: None))  # type: ignore[arg-type,return-value]
    operator = tmp_path / "operator.yaml"
    operator.write_text("detectors: {leave_out: [tckn]}\n", encoding="utf-8")
    monkeypatch.setenv("IMBIK_OPERATOR", str(operator))
    assert judge(NUMBER).keep
    assert not judge(ACCOUNT).keep
    assert RefineStage().settings(recipe, FakeAsker(lambda *_: None)) != before  # type: ignore[arg-type,return-value]
