"""Several teachers as one: whom a row goes to, and what their votes come to."""

from __future__ import annotations

import math
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from imbik.core.errors import PluginError
from imbik.core.plugins import PluginBlock, load_plugin, typed_settings
from imbik.core.questions import Question
from imbik.core.types import Completion, Message, Outcome, Sensitivity, Task, Usage
from imbik.teachers import CompositeTeacher, LocalTeacher, ServedTeacher, TeacherContext
from imbik.teachers.ensemble import EnsembleTeacher


def made(**settings: Any) -> EnsembleTeacher:
    """The teacher."""
    block = PluginBlock(use="ensemble", raw={"teachers": ["a", "b", "c"], **settings})
    plugin = load_plugin("teachers", "ensemble")
    assert plugin is EnsembleTeacher
    return EnsembleTeacher(typed_settings("teachers", block), TeacherContext("e", Path(), Path()))  # type: ignore[arg-type]


def question(row: str = "r", **task: Any) -> Question:
    """A question, of a task where one is described."""
    messages = (Message(role="user", content="2 + 2?"),)
    asked = Task(id=row, messages=messages, **{"kind": "math", **task}) if task else None
    return Question(messages=messages, row=row, sensitivity=Sensitivity.PUBLIC, task=asked)


def settled(*answers: str, **settings: Any) -> Completion:
    """The members' answers put together; '-' is a refusal, '!' one held back, '?' one to come."""
    kinds = {"-": Outcome.REFUSED, "!": Outcome.BLOCKED, "?": Outcome.PENDING}
    found = {
        name: Completion(answer=answer, outcome=kinds.get(answer, Outcome.ANSWERED), reason=answer)
        for name, answer in zip("abc", answers, strict=False)
    }
    return made(**settings).settle(found, lambda completion: completion.answer.strip(" ."))


def test_it_is_made_of_others_and_speaks_to_nobody() -> None:
    teacher = made()
    assert isinstance(teacher, CompositeTeacher)
    assert not isinstance(teacher, ServedTeacher | LocalTeacher)


def test_all_vote_and_the_majority_holds() -> None:
    assert made().whom(question()) == ("a", "b", "c")
    found = settled("5", "4.", "4")
    assert (found.answer, found.by) == ("4.", "b")
    assert [(vote.teacher, vote.answer) for vote in found.votes] == [("a", "5"), ("b", "4"), ("c", "4")]


@pytest.mark.parametrize(
    ("answers", "settings", "by"),
    [
        (("4", "5", "6"), {}, "a"),
        (("4", "5"), {}, "a"),
        (("4", "5", "5"), {"weights": {"a": 2.5}}, "a"),
        (("4", "5", "5"), {"weights": {"a": 2}}, "a"),
        (("-", "5", "6"), {}, "b"),
        (("!", "-", "6"), {}, "c"),
        (("!", "-"), {}, "b"),
        (("!", "!"), {}, "a"),
        (("", "-"), {}, "a"),
    ],
)
def test_ties_go_to_who_stands_first_and_only_answers_vote(
    answers: tuple[str, ...], settings: dict[str, Any], by: str
) -> None:
    assert settled(*answers, **settings).by == by


def test_blocked_members_are_counted_and_everything_paid_is_added_up() -> None:
    found = settled("!", "5", "-")
    assert Counter(vote.outcome for vote in found.votes) == {
        Outcome.BLOCKED: 1,
        Outcome.ANSWERED: 1,
        Outcome.REFUSED: 1,
    }
    paid = Completion(answer="4", cost=Decimal("0.1"), usage=Usage(input_tokens=3, output_tokens=1), seconds=2)
    more = Completion(answer="4", cost=Decimal("0.2"), usage=Usage(input_tokens=4, cached_tokens=2), seconds=1)
    whole = made().settle({"a": paid, "b": more}, lambda completion: completion.answer)
    assert (whole.cost, whole.seconds) == (Decimal("0.3"), 2)
    assert whole.usage == Usage(input_tokens=7, output_tokens=1, cached_tokens=2)


def test_a_vote_waits_for_an_answer_that_is_still_to_come() -> None:
    found = settled("4", "?", "4")
    assert (found.outcome, found.by, found.votes) == (Outcome.PENDING, "b", ())


def test_rows_are_routed_by_tag_then_category_then_kind_then_language() -> None:
    route = {"zor": "a", "fatura": "b", "math": "c", "en": "a", "otherwise": "b"}
    teacher = made(by="route", route=route)
    assert teacher.whom(question(tags=("x", "zor"), category="fatura")) == ("a",)
    assert teacher.whom(question(category="fatura")) == ("b",)
    assert teacher.whom(question(language="en")) == ("c",)
    assert teacher.whom(question(kind="qa", language="en")) == ("a",)
    assert teacher.whom(question(kind="qa")) == ("b",)
    assert teacher.whom(question()) == ("b",)


def test_a_row_is_drawn_for_the_same_member_every_time_and_by_weight() -> None:
    teacher = made(by="mix", weights={"a": 2})
    rows = [question(f"satır {number}") for number in range(4000)]
    first = [teacher.whom(row) for row in rows]
    assert first == [made(by="mix", weights={"a": 2}).whom(row) for row in rows]
    share = Counter(names[0] for names in first)
    assert share["a"] == pytest.approx(2000, abs=150)
    assert share["b"] == pytest.approx(1000, abs=150)
    one = teacher.settle({"b": Completion(answer="4")}, lambda _: "")
    assert (one.by, one.votes, one.answer) == ("b", (), "4")


def test_what_shapes_the_answers_shapes_its_identity() -> None:
    assert made().shape == made().shape
    assert len({made().shape, made(weights={"a": 2}).shape, made(by="mix").shape}) == 3


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"teachers": []}, "teachers"),
        ({"teachers": ["a", "a"]}, "stands twice"),
        ({"weights": {"d": 1}}, "'d' is not under `teachers`"),
        ({"weights": {"a": 0}}, "above 0"),
        ({"weights": {"a": math.nan}}, "above 0"),
        ({"weights": {"a": math.inf}}, "above 0"),
        ({"weights": {"a": 1e308, "b": 1e308}}, "above 0"),
        ({"by": "route"}, "`route` says where"),
        ({"by": "route", "route": {"math": "a"}}, "needs `otherwise`"),
        ({"by": "route", "route": {"math": "z", "otherwise": "a"}}, "'z' is not under"),
        ({"route": {"otherwise": "a"}}, "for `by: route` alone"),
    ],
)
def test_wrong_settings_are_said(settings: dict[str, Any], what: str) -> None:
    with pytest.raises(PluginError, match=what) as caught:
        made(**settings)
    assert "''" not in caught.value.what, "no nameless key"
    assert "(got {" not in caught.value.what, "nor all settings again"
