"""Cross-teacher agreement: each teacher has one voice, and who differs is told with what it said."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbik.core.plugins import PluginBlock, make
from imbik.core.types import Verdict
from imbik.pipeline.rules import warnings
from imbik.refine.checks import CheckContext
from stagekit import make_recipe, make_sample, make_task

CONTEXT = CheckContext(kind=make("tasks/kinds", PluginBlock(use="math")))


def judged(said: Sequence[tuple[str, str]], **settings: object) -> list[Verdict]:
    """Verdicts on `(teacher, answer)` pairs of one task."""
    task, samples = make_task("r"), []
    for number, (teacher, answer) in enumerate(said):
        sample = make_sample(task, answer=answer)
        samples.append(msgspec.structs.replace(sample, teacher=teacher, number=number))
    check = make("refine/checks", PluginBlock(use="teachers", raw=settings))
    return list(check.judge(samples, CONTEXT))


def kept(said: Sequence[tuple[str, str]], **settings: object) -> str:
    return "".join(".+"[verdict.keep] for verdict in judged(said, **settings))


def test_answers_are_compared_by_what_they_mean() -> None:
    assert kept([("a", "3 km"), ("b", "3000 m"), ("c", "3 m")]) == "++."
    assert kept([("a", "1.250,50"), ("b", "1250,5"), ("c", "12505")]) == "++."


def test_a_teacher_that_repeats_its_mistake_stays_one_voice() -> None:
    said = [("a", "7")] * 8 + [("b", "5"), ("c", "5")]
    assert kept(said) == "........++"
    assert judged(said)[0].reason == "'7' where b, c say '5'"
    assert judged(said)[0].score == pytest.approx(2 / 3)


def test_a_divided_teacher_has_no_voice_but_its_right_sample_is_kept() -> None:
    assert kept([("a", "5"), ("a", "7"), ("b", "5"), ("c", "5")]) == "+.++"
    (verdict, *_) = judged([("a", "5"), ("a", "7"), ("b", "5")])
    assert not verdict.keep
    assert verdict.reason == "the teachers differ: a has no one answer, b says '5'"


def test_two_that_differ_are_both_rejected_with_their_words() -> None:
    first, second = judged([("a", "5"), ("b", "7")])
    assert not first.keep
    assert not second.keep
    assert first.reason == second.reason == "the teachers differ: a says '5', b says '7'"


def test_share_and_number_of_teachers() -> None:
    said = [("a", "5"), ("b", "5"), ("c", "6"), ("d", "7")]
    assert kept(said) == "++.."
    assert kept(said, at_least=0.75) == "...."
    assert kept(said, min_teachers=3) == "...."
    assert "and 1 more" in judged([*said, ("e", "8")], min_teachers=3)[0].reason


def test_one_teacher_alone_is_rejected_or_kept_as_the_recipe_says() -> None:
    said = [("yerel", "5"), ("yerel", "5")]
    assert kept(said) == ".."
    assert "only yerel has an answer" in judged(said)[0].reason
    assert kept(said, alone="keep") == "++"


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["5", "7", "9"])), min_size=1, max_size=12))
def test_never_two_different_answers_are_kept_and_order_changes_nothing(said: list[tuple[str, str]]) -> None:
    verdicts = judged(said)
    answers = {answer for (_, answer), verdict in zip(said, verdicts, strict=True) if verdict.keep}
    assert len(answers) <= 1
    assert all(verdict.keep or verdict.reason for verdict in verdicts)
    assert kept(said[::-1]) == kept(said)[::-1]
    for answer in answers:
        assert len({teacher for teacher, given in said if given == answer}) >= 2


def told(**sections: object) -> list[str]:
    teachers = {name: {"use": "openai", "model": name} for name in ("a", "b", "yerel")}
    return [line for line in warnings(make_recipe(teachers=teachers, **sections)) if "alone" in line]


def test_rows_that_one_teacher_alone_may_see_are_told_before_the_run() -> None:
    routed = {"teacher": {"public": ["a", "b"], "otherwise": "yerel"}}
    marked = {"source": "rows.jsonl", "kind": "math", "sensitivity": "level"}
    (line,) = told(tasks=marked, generate=routed, refine=["teachers"])
    assert "internal or confidential or special" in line
    assert not told(generate=routed, refine=["teachers"])  # every row is public
    assert not told(tasks=marked, generate={"teacher": ["a", "b"]}, refine=["teachers"])
    assert not told(tasks=marked, generate=routed, refine=[{"use": "teachers", "alone": "keep"}])
    assert told(generate={"teacher": "a"}, refine=["teachers"])
