"""The embedded problems as a source: sets are prescribed, answers known, rows public."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from imbik.core.errors import InputError
from imbik.core.types import NumberReference, Sensitivity
from imbik.tasks.problems.generator import WITHHELD
from imbik.tasks.sources.embedded import Embedded


def test_sets_are_what_was_asked_for(load: Any) -> None:
    wanted = {"use": "embedded", "pool": 60, "test": 20, "B": 10, "C": 5}
    tasks = load(wanted, kind="math", sensitivity="confidential").tasks
    assert Counter(task.set for task in tasks) == {"": 60, "test": 20, "B": 10, "C": 5}
    assert {task.sensitivity for task in tasks} == {Sensitivity.PUBLIC}
    assert all(isinstance(task.reference, NumberReference) and task.reference.reasoning for task in tasks)
    assert len({task.category for task in tasks}) >= 8
    assert len({task.id for task in tasks}) == len({task.text for task in tasks}) == 95
    assert load(wanted, kind="math").tasks[:60] == load({**wanted, "test": 0}, kind="math").tasks[:60]


def test_every_held_out_set_is_explained() -> None:
    named = Embedded.Settings.model_fields.keys() - {"pool", "seed"}
    assert Embedded.sets.keys() == named
    assert f"({WITHHELD[0]} to {WITHHELD[-1]})" in Embedded.sets["C"]


def test_parts_by_name(read: Any) -> None:
    assert len(read("embedded", "train", pool=7)[0]) == 7
    assert {row.set for row in read("embedded", "test", test=3)[0]} == {""}
    with pytest.raises(InputError, match="no part 'dev'"):
        read("embedded", "dev")
