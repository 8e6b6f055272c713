"""Answers in another form than asked for are rejected, and the reason says which rule and where."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imbik.core.errors import InputError, PluginError
from imbik.core.plugins import PluginBlock, make
from imbik.core.types import Completion, Verdict
from imbik.refine.checks import CheckContext
from stagekit import make_sample, make_task

KIND = make("tasks/kinds", PluginBlock(use="qa"))
SCHEMA = json.dumps(
    {"type": "object", "required": ["il"], "properties": {"il": {"type": "string"}, "plaka": {"type": "integer"}}}
)


def judge(answer: str, reasoning: str = "", base: Path = Path(), schema: str = "", **settings: object) -> Verdict:
    check = make("refine/checks", PluginBlock(use="format", raw=settings))
    sample = make_sample(make_task("a", schema=schema), answer=answer, reasoning=reasoning)
    verdict: Verdict = check.judge(sample, CheckContext(kind=KIND, base=base))
    return verdict


def test_a_schema_of_the_task_or_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "il.json").write_text(SCHEMA, encoding="utf-8")
    for more in ({"schema": SCHEMA}, {"base": tmp_path, "answer_schema": "il.json"}):
        assert judge('{"il": "İzmir", "plaka": 35}', **more).keep
        assert judge('```json\n{"il": "İzmir"}\n```', **more).keep
        assert judge("İzmir", **more).reason == "the answer is no JSON: 'İzmir'"
        wrong = judge('{"il": "İzmir", "plaka": "otuz beş"}', **more)
        assert wrong.reason == "the answer does not fit the schema at $.plaka (type)"
        assert judge("{}", **more).reason == "the answer does not fit the schema at $ (required)"
    assert judge("İzmir", schema=SCHEMA, task_schema=False).keep
    check = make("refine/checks", PluginBlock(use="format", raw={"answer_schema": "il.json"}))
    assert check.files(tmp_path) == [tmp_path / "il.json"]
    check.verify(tmp_path)


def test_a_file_that_is_no_schema_is_told_before_a_run(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('{"type": 7}', encoding="utf-8")
    for name in ("bad.json", "missing.json"):
        with pytest.raises(InputError, match="no JSON schema"):
            make("refine/checks", PluginBlock(use="format", raw={"answer_schema": name})).verify(tmp_path)


def test_patterns_match_all_of_a_part() -> None:
    assert judge(" 35 \n", pattern=r"\d+").keep
    assert judge("35 İzmir", pattern=r"\d+").reason == r"the answer does not match '\d+': '35 İzmir'"
    assert judge("x", "Önce topla.", reasoning_pattern=r"Önce \w+\.").keep
    assert "the reasoning does not match" in judge("x", "Sonra topla.", reasoning_pattern=r"Önce .*").reason
    with pytest.raises(PluginError, match="no regular expression"):
        judge("x", pattern="(")


def test_labels_without_case_and_spaces() -> None:
    labels = ["İade", "kargo sorunu", "ISPARTA"]
    for good in ("iade", "İADE", "Kargo  Sorunu", "kargo_sorunu", "ısparta"):
        assert judge(good, labels=labels).keep
    assert judge("fatura", labels=labels).reason == "'fatura' is none of the labels (İade, kargo sorunu, ISPARTA)"


def test_steps_are_there_and_count_up() -> None:
    step = {"step": r"(?:Adım|Step) (\d+)[:.]", "least_steps": 2}
    good = "Adım 1: topla\nAdım 2: çıkar\nAdım 3. böl"
    assert judge("x", good, **step).keep
    assert judge("x", "Adım 1: topla", **step).reason == "the reasoning has 1 steps, fewer than 2"
    assert judge("x", good, **step, most_steps=2).reason == "the reasoning has 3 steps, more than 2"
    skipped = good.replace("Adım 2", "Adım 4")
    assert judge("x", skipped, **step).reason == "step 2 of the reasoning is called 'Adım 4:'"
    assert judge("x", skipped, **step, counted=False).keep


def test_the_end_of_what_the_teacher_wrote() -> None:
    check = make("refine/checks", PluginBlock(use="format", raw={"end": "</yanıt>"}))
    context, task = CheckContext(kind=KIND), make_task("a")
    good = make_sample(task, completion=Completion(answer="<yanıt>5</yanıt>\n"))
    assert check.judge(good, context).keep
    cut = make_sample(task, completion=Completion(answer="<yanıt>5"))
    assert check.judge(cut, context).reason == "it does not end in '</yanıt>' but in '<yanıt>5'"
