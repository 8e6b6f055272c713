"""Several teachers as one, through the real engine: every member is asked over HTTP, past the gate, and stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from asking import FAST, question, questions
from imbik.ask.engine import AskEngine
from imbik.core.errors import RecipeError
from imbik.core.executor import LocalExecutor
from imbik.core.progress import Progress, SilentReporter
from imbik.core.questions import Question
from imbik.core.runfolder import RunFolder
from imbik.core.types import Completion, Outcome, Sensitivity, Task
from imbik.privacy.audit import read_audit
from imbik.privacy.operator import LocalEndpoint, Operator
from imbik.recipe import Recipe, build
from imbik.testing import FakeTeacher, Rule


def recipe(folder: Path, ensemble: dict[str, Any], **urls: str) -> Recipe:
    """A recipe with a teacher a URL, and `hep` made of them."""
    served = {name: {"use": "openai", "model": name, "base_url": url} for name, url in urls.items()}
    return build(
        {
            "name": "deneme",
            "tasks": {"source": "x.jsonl", "kind": "math"},
            "teachers": {**served, "hep": {"use": "ensemble", "teachers": list(urls), **ensemble}},
            "generate": {"teacher": "hep"},
            "student": {"architecture": "llama"},
        },
        base=folder,
    )


def engine(made: Recipe, folder: Path, operator: Operator | None = None) -> AskEngine:
    """An engine for it."""
    return AskEngine(
        recipe=made,
        run=RunFolder(folder / "deneme"),
        executor=LocalExecutor(),
        progress=Progress(SilentReporter()),
        operator=operator or Operator(),
        policy=FAST,
    )


def math(number: int, **more: Any) -> Question:
    """A question of a task."""
    asked = question(f"soru {number}")
    return msgspec.structs.replace(asked, task=Task(id=asked.row, kind="math", messages=asked.messages), **more)


def ask(asker: AskEngine, asked: list[Question]) -> list[Completion]:
    """All completions."""
    return list(asker.ask("hep", asked, purpose="generation"))


def test_members_vote_by_what_their_answers_mean(tmp_path: Path) -> None:
    with (
        FakeTeacher(lambda _: "Cevap: 5") as a,
        FakeTeacher(lambda _: "Önce böl.\nCevap: 4,0") as b,
        FakeTeacher(lambda _: "Cevap: 4") as c,
    ):
        made = recipe(tmp_path, {}, a=a.base_url, b=b.base_url, c=c.base_url)
        with engine(made, tmp_path) as asker:
            found = ask(asker, [math(number) for number in range(30)])
            again = ask(asker, [math(number) for number in range(30)])
            (alone,) = asker.ask("b", [math(0)], purpose="evaluation")
        assert {(one.answer, one.by) for one in found} == {("Önce böl.\nCevap: 4,0", "b")}
        assert [vote.answer for vote in found[0].votes][1] == [vote.answer for vote in found[0].votes][2]
        assert [one.votes for one in again] == [one.votes for one in found]
        assert alone.answer == found[0].answer
        assert (a.count, b.count, c.count) == (30, 30, 30), "nobody is asked twice"
    rows = [line for line in read_audit(tmp_path / "deneme" / "audit.jsonl") if line.verdict == "allowed"]
    assert len({line.place for line in rows}) == 3, "every member has lines of its own"


def test_a_member_that_may_not_see_a_row_is_counted_as_blocked_and_never_asked(tmp_path: Path) -> None:
    with FakeTeacher(lambda _: "Cevap: 4") as here, FakeTeacher(lambda _: "Cevap: 5") as there:
        local = LocalEndpoint(host="127.0.0.1", ports=(here.port,), attestation="bizim")
        made = recipe(tmp_path, {}, a=there.base_url, b=here.base_url)
        with engine(made, tmp_path, Operator(local=(local,))) as asker:
            found = ask(asker, [math(1, sensitivity=Sensitivity.CONFIDENTIAL), math(2)])
        assert [vote.outcome for vote in found[0].votes] == [Outcome.BLOCKED, Outcome.ANSWERED]
        assert (found[0].by, found[1].by) == ("b", "a")
        assert (there.count, here.count) == (1, 2)


def test_all_blocked_is_blocked(tmp_path: Path) -> None:
    with FakeTeacher() as a, FakeTeacher() as b:
        with engine(recipe(tmp_path, {}, a=a.base_url, b=b.base_url), tmp_path) as asker:
            (found,) = ask(asker, [math(1, sensitivity=Sensitivity.CONFIDENTIAL)])
        assert found.outcome is Outcome.BLOCKED
        assert a.count + b.count == 0


@pytest.mark.parametrize("by", ["mix", "route"])
def test_rows_that_go_to_one_member_keep_their_order(tmp_path: Path, by: str) -> None:
    with FakeTeacher(latency=0.01) as a, FakeTeacher() as b:
        how = {"by": by} if by == "mix" else {"by": by, "route": {"en": "a", "otherwise": "b"}}
        made = recipe(tmp_path, how, a=a.base_url, b=b.base_url)
        asked = questions(60)
        if by == "route":
            asked = [
                msgspec.structs.replace(
                    one, task=Task(id=one.row, kind="qa", messages=one.messages, language="en" if n % 3 else "tr")
                )
                for n, one in enumerate(asked)
            ]
        with engine(made, tmp_path) as asker:
            found = ask(asker, asked)
            (again,) = ask(asker, asked[7:8])
        assert all(one.messages[0].content in answer.answer for one, answer in zip(asked, found, strict=True))
        assert a.count + b.count == 60
        assert min(a.count, b.count) > 10
        assert again.by == found[7].by


def test_teachers_that_rows_are_routed_to_work_at_the_same_time(tmp_path: Path) -> None:
    """Rows lie sorted by teacher, as in a file by language: the second one need not wait until the first is done."""
    with FakeTeacher(latency=0.02) as a, FakeTeacher(latency=0.02) as b:
        how = {"by": "route", "route": {"en": "a", "otherwise": "b"}}
        made = recipe(tmp_path, how, a=a.base_url, b=b.base_url)
        for name in ("a", "b"):
            made.teachers[name].raw["concurrency"] = 4
        asked = [
            msgspec.structs.replace(
                one, task=Task(id=one.row, kind="qa", messages=one.messages, language="en" if n < 60 else "tr")
            )
            for n, one in enumerate(questions(80))
        ]
        behind, given = list[int](), 0
        with engine(made, tmp_path) as asker:
            for given, answer in enumerate(asker.ask("hep", asked, purpose="generation"), start=1):
                assert asked[given - 1].messages[0].content in answer.answer
                if given == 30:
                    behind.append(b.count)
        assert given == 80
        assert (a.count, b.count) == (60, 20)
        assert behind[0] >= 10, "when half of the first one's rows are there, so is half of the second one's"


def test_a_members_trouble_is_its_own_vote(tmp_path: Path) -> None:
    with FakeTeacher(rules=[Rule("refusal")]) as a, FakeTeacher(lambda _: "Cevap: 4") as b:
        with engine(recipe(tmp_path, {}, a=a.base_url, b=b.base_url), tmp_path) as asker:
            (found,) = ask(asker, [math(1)])
        assert (found.by, found.votes[0].outcome) == ("b", Outcome.REFUSED)


def test_identity_and_sensitivity_are_those_of_the_members(tmp_path: Path) -> None:
    urls = {"a": "http://127.0.0.1:1/v1", "b": "http://127.0.0.1:2/v1"}
    with engine(recipe(tmp_path, {}, **urls), tmp_path) as one, engine(recipe(tmp_path, {}, **urls), tmp_path) as two:
        assert one.identity("hep") == two.identity("hep")
        assert one.sensitivity("hep") is Sensitivity.PUBLIC
        assert one.model_folder("hep") is None
    moved = recipe(tmp_path, {}, a="http://127.0.0.1:1/v1", b="http://127.0.0.1:3/v1")
    weighed = recipe(tmp_path, {"weights": {"a": 2}}, **urls)
    with engine(moved, tmp_path) as other, engine(weighed, tmp_path) as third:
        assert len({one.identity("hep"), other.identity("hep"), third.identity("hep")}) == 3


def test_a_recipe_names_members_that_exist_and_are_no_ensembles(tmp_path: Path) -> None:
    made = recipe(tmp_path, {}, a="http://127.0.0.1:1/v1")
    assert made.answering_teachers() == ["hep"]
    assert made.asked_teachers() == ["a"]
    with pytest.raises(RecipeError, match="^[^']*teacher 'z' is not under `teachers:` [^{]*$"):
        recipe(tmp_path, {"teachers": ["a", "z"]}, a="http://127.0.0.1:1/v1")
    with pytest.raises(RecipeError, match="itself made of several"):
        recipe(tmp_path, {"teachers": ["hep"]}, a="http://127.0.0.1:1/v1")
