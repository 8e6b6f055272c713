"""A teacher that knows a recipe's rows answers every kind so that the kind reads the known answer, and errs as told."""

from __future__ import annotations

from pathlib import Path

import pytest

from imbik.core.errors import InputError
from imbik.core.types import Completion
from imbik.recipe import load_recipe
from imbik.tasks.kinds.classification import Classification
from imbik.tasks.kinds.summarization import Summarization
from imbik.tasks.load import load_tasks
from imbik.tasks.questions import question_of
from imbik.testing import from_recipe, solve

KINDS = Path(__file__).resolve().parents[2] / "recipes" / "kinds"


def written(folder: Path, kind: str, rows: str) -> Path:
    (folder / "rows.jsonl").write_text(rows, encoding="utf-8")
    text = f"name: r\ntasks: {{source: rows.jsonl, kind: {kind}, sensitivity: public}}\n"
    text += "teachers: {t: {use: openai, model: m}}\ngenerate: {teacher: t}\nstudent: {architecture: llama}\n"
    (folder / "r.yaml").write_text(text, encoding="utf-8")
    return folder / "r.yaml"


def test_a_share_of_rows_is_answered_wrongly_and_always_the_same() -> None:
    recipe = load_recipe(KINDS / "moderation.yaml")
    kind = Classification(Classification.Settings(labels=recipe.tasks.kind.raw["labels"]))
    tasks = load_tasks(recipe, kind).tasks

    def wrong(share: float) -> set[str]:
        answer = from_recipe(KINDS / "moderation.yaml", share)
        found = set()
        for task in tasks:
            asked = question_of(recipe, kind, "usta", task, 0).messages
            said = answer([{"role": message.role, "content": message.content} for message in asked])
            assert task.reference is not None
            if kind.read(Completion(answer=said), task).answer != task.reference.text:
                found.add(task.id)
        return found

    assert wrong(0.0) == set()
    assert wrong(1.0) == {task.id for task in tasks}
    assert 4 <= len(wrong(0.4)) <= 22
    assert wrong(0.2) <= wrong(0.4) == wrong(0.4)


def test_a_chain_of_drafts_ends_in_the_known_summary() -> None:
    recipe = load_recipe(KINDS / "summarization-density.yaml")
    kind = Summarization(Summarization.Settings(sentences=1, rounds=3))
    answer = from_recipe(KINDS / "summarization-density.yaml")
    task = load_tasks(recipe, kind).tasks[0]
    asked = question_of(recipe, kind, "usta", task, 0).messages
    said = answer([{"role": message.role, "content": message.content} for message in asked])
    assert said.count("Özet ") == 3
    assert task.reference is not None
    assert kind.read(Completion(answer=said), task).answer == task.reference.text
    assert kind.read(Completion(answer=said.rpartition("\n\n")[0]), task).answer == ""  # a draft is no summary


def test_other_questions_are_left_to_plain_sums(tmp_path: Path) -> None:
    answer = from_recipe(written(tmp_path, "qa", '{"question": "Iğdır nerede?", "answer": "Doğuda"}\n'))
    assert answer([{"role": "user", "content": "4 + 3"}]) == solve([{"role": "user", "content": "4 + 3"}])


def test_rows_without_answers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no row has an answer"):
        from_recipe(written(tmp_path, "qa", '{"question": "Iğdır nerede?"}\n'))
