"""The kind code, its check and its metric: programs found in text, run against their tests."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbik.core.errors import ImbikError
from imbik.core.plugins import PluginBlock, make
from imbik.core.types import Case, Completion, Message, ProgramReference, Sample, Task
from imbik.evaluate import require
from imbik.recipe import build
from imbik.refine.checks import CheckContext
from imbik.tasks.rows import BadRowError
from imbik.tasks.sandbox import running

KIND: Any = make("tasks/kinds", PluginBlock(use="code"))
RIGHT = "def topla(a, b):\n    return a + b"
TESTS = ProgramReference(tests=("assert topla(2, 3) == 5",), text=RIGHT)


def task(reference: ProgramReference | None = TESTS, language: str = "tr") -> Task:
    messages = (Message(role="user", content="topla(a, b) işlevini yaz."),)
    return Task(id="1", kind="code", messages=messages, reference=reference, language=language)


def read(text: str) -> tuple[str, str]:
    found: tuple[str, str] = KIND.read(Completion(answer=text), task())
    return found


def verdict(program: str, reference: ProgramReference | None = TESTS, **settings: Any) -> Any:
    sample = Sample(task=task(reference), teacher="t", number=0, completion=Completion(), answer=program)
    check: Any = make("refine/checks", PluginBlock(use="runs", raw=settings))
    return check.judge(sample, CheckContext(kind=KIND))


def test_the_program_is_found_among_words() -> None:
    assert read(f"Toplarız.\n\n```python\n{RIGHT}\n```\nBu kadar.") == ("Toplarız.", RIGHT)
    assert read(f"```py\n{RIGHT}\n```\nÖrnek:\n```python\nprint(topla(2, 3))\n```")[1] == RIGHT
    assert read(f"```bash\npip install x\n```\n```\n{RIGHT}\n```")[1] == RIGHT
    assert (
        read("```python\nx = (\n```\nDüzeltme:\n```python\nprint(int(input()) * 2)\n```")[1]
        == "print(int(input()) * 2)"
    )
    assert read(f"<think>toplama</think>\n```python\n{RIGHT}") == ("toplama", RIGHT)
    assert read(RIGHT) == ("", RIGHT)
    assert read("Ankara")[1] == read("Bunu yapamam.")[1] == read("")[1] == ""


@given(
    st.sampled_from(["", "Önce düşün.", "İki adım:\n1. oku\n2. yaz"]),
    st.sampled_from([RIGHT, "print('ışık')", "x = 1"]),
)
def test_what_is_rendered_is_read_back(reasoning: str, program: str) -> None:
    assert read(KIND.render(reasoning, program, task())) == (reasoning, program)
    fenced = f'{program}\ny = """\n```\n"""'
    assert read(KIND.render(reasoning, fenced, task())) == (reasoning, fenced)


def test_spacing_and_comments_do_not_count() -> None:
    same = "def topla(a,b): # toplar\n        return (a+b)\n"
    assert KIND.canonical(same, task()) == KIND.canonical(RIGHT, task())
    assert KIND.canonical(RIGHT.replace("+", "-"), task()) != KIND.canonical(RIGHT, task())
    assert KIND.canonical("def (", task()) == "def ("
    assert KIND.canonical("(" * 5000, task()) == "(" * 5000


@pytest.mark.parametrize(("language", "word"), [("tr", "programın"), ("en", "whole"), ("sl", "ves"), ("hu", "egész")])
def test_it_is_asked_in_the_tasks_language(language: str, word: str) -> None:
    assert word in KIND.question(task(language=language), reasoning=True, instruction=None)[-1].content
    assert "```python" in KIND.question(task(language=language), reasoning=False, instruction=None)[-1].content
    assert KIND.question(task(), reasoning=True, instruction="") == task().messages


def test_tests_of_a_row() -> None:
    assert KIND.reference({"tests": '["assert topla(2, 3) == 5"]', "answer": f"```python\n{RIGHT}\n```"}) == TESTS
    assert KIND.reference({"tests": "assert f(1)\nassert f(2)"}).tests == ("assert f(1)\nassert f(2)",)
    case = (Case(input="2", output="4"),)
    assert KIND.reference({"tests": '[{"input": 2, "output": "4"}]'}).cases == case
    assert KIND.reference({"tests": '{"inputs": ["2"], "outputs": ["4"]}'}).cases == case
    assert KIND.reference({}) is None
    for bad in ("[]", "[1]", '["bu bir test değil"]', '{"x": 1}'):
        with pytest.raises(BadRowError):
            KIND.reference({"tests": bad})


def test_lists_in_rows_become_tests(load: Any, tmp_path: Any) -> None:
    (tmp_path / "x.jsonl").write_text(
        '{"text": "topla yaz", "code": "def topla(a, b): return a + b", "test_list": ["assert topla(1, 1) == 2"]}\n'
        '{"question": "iki katı", "tests": [{"input": "2", "output": "4"}]}\n'
        '{"question": "bozuk", "tests": ["değil bu"]}\n',
        encoding="utf-8",
    )
    loaded = load("x.jsonl", kind="code")
    first, second = (found.reference for found in loaded.tasks)
    assert first == ProgramReference(tests=("assert topla(1, 1) == 2",), text="def topla(a, b): return a + b")
    assert second == ProgramReference(cases=(Case(input="2", output="4"),))
    assert [line.reason for line in loaded.quarantine] == ["no tests"]


def test_the_check_names_the_test_that_failed() -> None:
    assert verdict(RIGHT).keep
    wrong = verdict(RIGHT.replace("+", "*"))
    assert (wrong.keep, wrong.reason) == (False, "the program fails `assert topla(2, 3) == 5`: AssertionError")
    assert "not done after 0.5 s" in verdict("while True: pass", seconds=0.5).reason
    assert verdict("print(1)", None).keep
    assert "ZeroDivisionError" in verdict("1 / 0", None).reason
    assert not verdict("print(1)", None, without_tests="reject").keep


def test_the_metric_is_one_where_all_tests_pass() -> None:
    metric: Any = make("evaluate/metrics", PluginBlock(use="pass_rate"))
    assert metric.score(task(), RIGHT, KIND) == 1.0
    assert metric.score(task(), RIGHT.replace("+", "-"), KIND) == metric.score(task(), "", KIND) == 0.0
    bare = task(ProgramReference(text=RIGHT))
    assert metric.score(bare, f"# toplar\n{RIGHT}", KIND) == 1.0
    assert metric.score(bare, "x = 1", KIND) == 0.0


def test_a_machine_that_cannot_shut_programs_in_is_told_before_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = {"source": "x.jsonl", "kind": "code", "sensitivity": "public"}
    sections = {"generate": {"from": "reference"}, "student": {"architecture": "llama"}}
    recipe = build({"name": "k", "tasks": tasks, **sections})
    require.check(recipe)
    running.ready.cache_clear()
    monkeypatch.setattr(running.sys, "platform", "darwin")
    with pytest.raises(ImbikError, match="no sandbox for darwin"):
        require.check(recipe)
    check: Any = make("refine/checks", PluginBlock(use="runs"))
    with pytest.raises(ImbikError, match="no sandbox for darwin"):
        check.verify(None)
    running.ready.cache_clear()
