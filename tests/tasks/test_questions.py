"""One question, whoever asks: what learning and comparing put to a teacher is equal, or answers would be paid twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from imbik.core.types import Completion
from imbik.evaluate.teacher import TeacherSystem
from imbik.generate.rounds import Rounds
from imbik.recipe import Recipe
from imbik.tasks.kinds import Kind
from imbik.tasks.questions import row_seed, voices_of
from stagekit import FakeAsker, make_recipe, make_task

RECORDED = {"t": {"use": "recorded", "answers": {"zayif": "a.weak", "guclu": "a.strong"}}}


@pytest.mark.parametrize("teachers", [{}, {"teachers": RECORDED}])
def test_learning_and_comparing_ask_the_same_question(tmp_path: Path, teachers: dict[str, object]) -> None:
    recipe = make_recipe(generate={"temperature": 0.7, "seed": 3, "instruction": "Adım adım."}, **teachers)
    tasks, kind = [make_task("a"), make_task("b")], math(recipe)
    learning, comparing = (FakeAsker(lambda teacher, question: Completion(answer="5")) for _ in range(2))
    list(Rounds(recipe, kind, learning, tmp_path, lambda: iter(tasks)).samples())
    TeacherSystem("teacher", recipe, comparing).answer(tasks, kind, lambda done: None)
    assert [pair for pair in comparing.asked if pair[1].sample == 0] == learning.asked


def test_voices_are_the_names_of_recorded_answers() -> None:
    assert voices_of(make_recipe(), "t") is None
    found = voices_of(make_recipe(teachers=RECORDED), "t")
    assert found is not None
    assert found.names == ("zayif", "guclu")


def math(recipe: Recipe) -> Kind:
    from imbik.core.plugins import make

    kind: Kind = make("tasks/kinds", recipe.tasks.kind)
    return kind


def test_seeds_depend_on_row_and_sample_only() -> None:
    seeds = {row_seed(seed, row, number) for seed in (0, 1) for row in ("a", "b") for number in range(50)}
    assert len(seeds) == 200
    assert all(0 <= seed < 2**31 for seed in seeds)
