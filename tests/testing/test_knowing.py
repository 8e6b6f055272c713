"""A teacher that knows a recipe's rows answers every kind so that the kind reads the known answer, and errs as told."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from imbik.core.errors import InputError
from imbik.core.types import Completion
from imbik.recipe import load_recipe
from imbik.refine.claims import find_claims
from imbik.tasks.kinds.classification import Classification
from imbik.tasks.kinds.summarization import Summarization, drafts
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


def test_drafts_keep_their_length_and_say_more_from_one_to_the_next(tmp_path: Path) -> None:
    """Chain of density as it comes through the wire's words and the kind's reader: facts for each word rise."""
    summary = "Iğdır'da Ayşe Demir 2024 yılında 300 ağaç dikti, Ankara ve Muş da 12 Mart 2025 günü 450 fidan aldı."
    rows = json.dumps({"text": "Uzun bir haber.", "summary": summary}, ensure_ascii=False)
    path = written(tmp_path, "{use: summarization, rounds: 4}", rows + "\n")
    recipe = load_recipe(path)
    kind = Summarization(Summarization.Settings(rounds=4))
    asked = question_of(recipe, kind, "t", load_tasks(recipe, kind).tasks[0], 0).messages
    said = from_recipe(path)([{"role": message.role, "content": message.content} for message in asked])
    chain = drafts(said)
    assert [number for number, _ in chain] == [1, 2, 3, 4]
    lengths = [len(text.split()) for _, text in chain]
    assert max(lengths) == min(lengths) == len(summary.split())
    facts = [{text[claim.start : claim.end] for claim in find_claims(text, "tr")} for _, text in chain]
    dense = [len(found) / length for found, length in zip(facts, lengths, strict=True)]
    assert dense == sorted(set(dense)), "each draft is denser than the one before"
    later = pairwise(zip(facts, (text for _, text in chain), strict=True))
    assert all(fact in text for (found, _), (_, text) in later for fact in found), "and drops nothing"
    assert kind.read(Completion(answer=said), load_tasks(recipe, kind).tasks[0]).answer == chain[-1][1] == summary


def test_the_recipes_drafts_grow_denser_as_the_page_says(root: Path) -> None:
    path = KINDS / "summarization-density.yaml"
    recipe = load_recipe(path)
    kind, answer = Summarization(Summarization.Settings(sentences=1, rounds=3)), from_recipe(path, 0.1)
    length, facts = [0, 0, 0], [0, 0, 0]
    for task in load_tasks(recipe, kind).tasks:
        asked = question_of(recipe, kind, "usta", task, 0).messages
        for number, text in drafts(answer([{"role": message.role, "content": message.content} for message in asked])):
            length[number - 1] += len(text.split())
            facts[number - 1] += len(find_claims(text, "tr"))
    assert len(set(length)) == 1
    first, second, third = (f"{100 * found / length[0]:.1f}" for found in facts)
    page = " ".join((root / "docs" / "kinds.md").read_text(encoding="utf-8").split())
    assert f"{length[0]} words in each round, and {first}, {second} and {third} facts" in page


def test_other_questions_are_left_to_plain_sums(tmp_path: Path) -> None:
    answer = from_recipe(written(tmp_path, "qa", '{"question": "Iğdır nerede?", "answer": "Doğuda"}\n'))
    assert answer([{"role": "user", "content": "4 + 3"}]) == solve([{"role": "user", "content": "4 + 3"}])


def test_rows_without_answers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no row has an answer"):
        from_recipe(written(tmp_path, "qa", '{"question": "Iğdır nerede?"}\n'))
