"""Learning-rate schedules in closed form."""

from __future__ import annotations

import math
from typing import Any

import pytest

from imbik.recipe.training import Train
from imbik.train.schedules import schedule


def train(**more: Any) -> Train:
    return Train(**{"learning_rate": 1e-2, **more})


def test_schedules_are_what_they_are_called() -> None:
    steps, rise = 100, 10
    found = {name: schedule(train(schedule=name, warmup=0.1), steps) for name in
             ("cosine", "linear", "constant", "warmup_stable_decay")}  # fmt: skip
    for factor in found.values():
        assert [factor(s) for s in range(rise)] == pytest.approx([(s + 1) / (rise + 1) for s in range(rise)])
    assert found["cosine"](55) == pytest.approx(0.5 * (1 + math.cos(math.pi * 45 / 90)))
    assert found["linear"](55) == pytest.approx(0.5)
    assert found["constant"](99) == 1.0
    stable = found["warmup_stable_decay"]
    assert [stable(s) for s in range(rise, 64)] == [1.0] * 54
    assert stable(99) == pytest.approx(0.0, abs=0.05)
    assert all(stable(s) >= stable(s + 1) for s in range(rise, 99))


def test_polynomial_restarts_and_inverse_root() -> None:
    steps, rise = 100, 10
    known = ("polynomial", "cosine_with_restarts", "inverse_sqrt")
    found = {name: schedule(train(schedule=name, warmup=0.1), steps) for name in known}
    for factor in found.values():
        assert factor(4) == pytest.approx(5 / 11)
        assert factor(rise) == pytest.approx(1.0)
    assert found["polynomial"](55) == pytest.approx(0.25)
    assert schedule(train(schedule="polynomial", schedule_power=1, warmup=0.1), steps)(55) == pytest.approx(0.5)
    restarts = found["cosine_with_restarts"]
    assert [restarts(s) for s in (10, 40, 70)] == pytest.approx([1.0] * 3)
    assert restarts(25) == restarts(55) == restarts(85) == pytest.approx(0.5)
    assert restarts(100) == 0.0
    assert found["inverse_sqrt"](43) == pytest.approx(0.5)


@pytest.mark.parametrize("name", ["cosine", "linear", "polynomial", "warmup_stable_decay", "cosine_with_restarts"])
def test_the_fall_ends_at_the_floor(name: str) -> None:
    factor = schedule(train(schedule=name, warmup=0.0, schedule_floor=0.1), 50)
    assert factor(50) == pytest.approx(0.1)
    assert min(factor(s) for s in range(50)) >= 0.1
    assert factor(0) == pytest.approx(1.0)
