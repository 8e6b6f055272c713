"""A schema named in the recipe reaches every task, is part of the stage's hash, and holds answers to it end to end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from asking import FAST
from imbik.ask.engine import AskEngine
from imbik.core.errors import InputError
from imbik.core.executor import LocalExecutor
from imbik.core.plugins import make
from imbik.core.progress import Progress, SilentReporter
from imbik.core.runfolder import RunFolder
from imbik.core.types import Outcome
from imbik.privacy.operator import Operator
from imbik.recipe import build
from imbik.tasks.load import load_tasks
from imbik.tasks.questions import question_of
from imbik.tasks.stage import TasksStage
from imbik.testing import FakeTeacher

SCHEMA = {"type": "object", "properties": {"il": {"type": "string"}}, "required": ["il"]}


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Three rows and a schema."""
    lines = [json.dumps({"question": f"{n}. plakanın ili?"}, ensure_ascii=False) for n in (6, 34, 35)]
    (tmp_path / "x.jsonl").write_text("\n".join(lines))
    (tmp_path / "il.json").write_text(json.dumps(SCHEMA, indent=2))
    return tmp_path


def test_every_task_carries_the_schema(rows: Path, load: Any) -> None:
    tasks = load("x.jsonl", answer_schema="il.json").tasks
    assert [json.loads(task.schema) for task in tasks] == [SCHEMA] * 3
    assert [task.schema for task in load("x.jsonl").tasks] == [""] * 3


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{", "no JSON schema"),
        ('{"type": "nesne"}', "no JSON schema"),
        ("[]", "no JSON schema"),
        (None, "no file"),
        ('{"properties": {"il": {"$ref": "#/$defs/yok"}}}', "#/\\$defs/yok leads to nothing"),
        ('{"$ref": "#"}', "lead in a circle"),
        (
            '{"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {"not": {"$ref": "#/$defs/a"}}}, '
            '"properties": {"x": {"$ref": "#/$defs/a"}}}',
            "lead in a circle",
        ),
        ('{"items": {"$ref": "http://127.0.0.1:9/x.json"}}', "no other document is read"),
    ],
)
def test_what_is_no_schema_is_refused(rows: Path, load: Any, text: str | None, what: str) -> None:
    (rows / "il.json").unlink()
    if text is not None:
        (rows / "il.json").write_text(text)
    with pytest.raises(InputError, match=what):
        load("x.jsonl", answer_schema="il.json")


def test_references_inside_a_schema_are_fine(rows: Path, load: Any) -> None:
    inner = {"$defs": {"il": {"type": "string"}, "$ref": {"$id": "k.json"}}, "properties": {"$ref": {"$ref": "k.json"}}}
    (rows / "il.json").write_text(json.dumps({**inner, "$id": "http://kurum/il", "$ref": "#/$defs/il"}))
    assert load("x.jsonl", answer_schema="il.json").tasks


def test_a_schema_of_trees_may_name_itself(rows: Path, load: Any) -> None:
    tree = {"type": "object", "properties": {"dallar": {"type": "array", "items": {"anyOf": [{"$ref": "#"}, True]}}}}
    (rows / "il.json").write_text(json.dumps(tree))
    assert load("x.jsonl", answer_schema="il.json").tasks


def test_a_teacher_is_not_asked_for_json_and_for_a_marker(rows: Path, load: Any, recipe: Any) -> None:
    made = recipe("x.jsonl", answer_schema="il.json")
    kind, task = make("tasks/kinds", made.tasks.kind), load("x.jsonl", answer_schema="il.json").tasks[0]
    assert question_of(made, kind, "t", task, 0).messages == task.messages
    own = made.model_copy(update={"generate": made.generate.model_copy(update={"instruction": "Kısa yaz."})})
    assert question_of(own, kind, "t", task, 0).messages[-1].content.endswith("Kısa yaz.")


def test_a_changed_schema_is_other_work_and_a_moved_one_is_not(rows: Path, recipe: Any) -> None:
    made = recipe("x.jsonl", answer_schema="il.json")
    before = TasksStage().settings(made, None)  # type: ignore[arg-type]
    (rows / "baska").mkdir()
    (rows / "baska" / "il.json").write_text((rows / "il.json").read_text())
    assert TasksStage().settings(recipe("x.jsonl", answer_schema="baska/il.json"), None) == before  # type: ignore[arg-type]
    (rows / "il.json").write_text(json.dumps({**SCHEMA, "required": []}))
    assert TasksStage().settings(made, None) != before  # type: ignore[arg-type]


def test_answers_are_held_to_it_over_http(rows: Path) -> None:
    answers = iter(['```json\n{"il": "Ankara"}\n```', '{"il": 34}', '{"il": 34}', '{"il": 34}', '{"il": "İzmir"}'])
    with FakeTeacher(lambda _: next(answers)) as teacher:
        made = build(
            {
                "name": "iller",
                "tasks": {"source": "x.jsonl", "kind": "qa", "sensitivity": "public", "answer_schema": "il.json"},
                "teachers": {
                    "t": {"use": "ollama", "model": "qwen3-8b", "base_url": teacher.base_url, "concurrency": 1}
                },
                "generate": {"reasoning": "none"},
                "student": {"architecture": "llama"},
            },
            base=rows,
        )
        kind = make("tasks/kinds", made.tasks.kind)
        asked = [question_of(made, kind, "t", task, 0) for task in load_tasks(made, kind).tasks]
        with AskEngine(
            recipe=made,
            run=RunFolder(rows / "iller"),
            executor=LocalExecutor(),
            progress=Progress(SilentReporter()),
            operator=Operator(),
            policy=FAST,
        ) as engine:
            found = [next(engine.ask("t", [one], purpose="generation")) for one in asked]
        assert [one.outcome for one in found] == [Outcome.ANSWERED, Outcome.MALFORMED, Outcome.ANSWERED]
        assert [one.answer for one in found if one.outcome is Outcome.ANSWERED] == [
            '{"il": "Ankara"}',
            '{"il": "İzmir"}',
        ]
        assert teacher.bodies[0]["response_format"]["json_schema"]["schema"] == SCHEMA
