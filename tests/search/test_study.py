"""What is tried next follows from the seed and the trial's number, whoever asks and however often it was stopped."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from imbik.core.errors import RunFolderError
from imbik.recipe.searching import Domain, Search
from imbik.search.study import Study

SPACE = {
    "train.learning_rate": {"low": 1e-5, "high": 1e-2, "log": True},
    "train.batch_size": {"low": 4, "high": 64, "int": True},
    "train.method": {"choice": ["full", {"use": "lora", "r": 4}]},
}


def study(folder: Path, space: Mapping[str, Any] = SPACE, **settings: Any) -> Study:
    domains = {key: Domain.model_validate(value) for key, value in space.items()}
    return Study(folder, domains, Search.model_validate({"seed": 5, **settings}))


def quality(values: Mapping[str, Any]) -> float:
    return -abs(float(values["train.learning_rate"]) - 1e-3) * 1e3


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_search_that_is_opened_anew_for_every_trial_tries_the_same(tmp_path: Path, sampler: str) -> None:
    found = []
    for name, again in (("one", False), ("other", True)):
        made = study(tmp_path / name, sampler=sampler, num_trials=12)
        for _ in range(12):
            made = study(tmp_path / name, sampler=sampler, num_trials=12) if again else made
            trial = made.next()
            assert trial is not None
            made.tell(trial.number, "done", [quality(trial.values)])
        found.append([trial.values for trial in made.tried()])
    assert found[0] == found[1]
    assert len({str(values) for values in found[0]}) == 12
    assert {str(values["train.method"]) for values in found[0]} == {"full", "{'use': 'lora', 'r': 4}"}


def test_a_grid_tries_every_point_once_and_ends(tmp_path: Path) -> None:
    space = {"a": {"choice": [1, 2]}, "b": {"low": 0.0, "high": 1.0, "points": 3}}
    made, seen = study(tmp_path, space, sampler="grid"), []
    while (trial := made.next()) is not None:
        seen.append(tuple(trial.values.values()))
        made.tell(trial.number, "done", [0.0])
    assert sorted(seen) == [(a, b) for a in (1, 2) for b in (0.0, 0.5, 1.0)]


def test_a_trial_that_ran_when_the_search_was_killed_is_unfinished_and_not_drawn_again(tmp_path: Path) -> None:
    before = study(tmp_path).next()
    assert before is not None
    again = study(tmp_path)
    assert [trial.number for trial in again.unfinished()] == [0]
    assert again.unfinished()[0].values == before.values
    after = again.next()
    assert after is not None
    assert after.number == 1


def test_other_ranges_are_another_search(tmp_path: Path) -> None:
    study(tmp_path)
    with pytest.raises(RunFolderError, match="other ranges"):
        study(tmp_path, {**SPACE, "train.batch_size": {"low": 4, "high": 32, "int": True}})


def test_a_trial_worse_than_the_median_is_losing(tmp_path: Path) -> None:
    made = study(tmp_path, objectives=["accuracy"])
    for number in range(5):
        trial = made.next()
        assert trial is not None
        assert not made.losing(number, [2.0, 1.0])
        made.tell(number, "done", [0.5])
    good, bad = made.next(), made.next()
    assert good is not None
    assert bad is not None
    assert not made.losing(good.number, [1.5])
    assert made.losing(bad.number, [3.0])
    made.tell(bad.number, "pruned", why="losing")
    assert [(trial.state, trial.why) for trial in made.tried()][-1] == ("pruned", "losing")


def test_the_front_is_what_no_other_beats_in_everything(tmp_path: Path) -> None:
    made = study(tmp_path, objectives=["accuracy", "disk_bytes of export:gguf"])
    for found in ([0.9, 300.0], [0.8, 100.0], [0.7, 200.0], [0.9, 250.0]):
        trial = made.next()
        assert trial is not None
        made.tell(trial.number, "done", found)
    assert made.front() == [3, 1]
    one = study(tmp_path / "one", objectives=["accuracy"])
    for value in (0.5, 0.7, 0.7):
        trial = one.next()
        assert trial is not None
        one.tell(trial.number, "done", [value])
    assert one.front() == [1]


def test_what_moved_the_figure_is_told_from_ten_trials_on(tmp_path: Path) -> None:
    made = study(tmp_path, sampler="random")
    for number in range(30):
        trial = made.next()
        assert trial is not None
        made.tell(trial.number, "done", [quality(trial.values)])
        assert bool(made.weight_of_keys()) == (number >= 9)
    weights = made.weight_of_keys()
    assert max(weights, key=lambda key: weights[key]) == "train.learning_rate"
