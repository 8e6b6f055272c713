"""Numbers of losses that change: where they begin and end, what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from imbik.core.errors import PluginError, RecipeError
from imbik.recipe.training import LossSchedule
from imbik.train.loss_schedule import Courses, course_of
from stagekit import make_recipe


def courses(**schedules: Any) -> Courses:
    losses = ["cross_entropy", {"use": "reverse_kl", "weight": 0.2, "temperature": 4.0}, {"use": "jsd", "beta": 0.1}]
    return Courses.of(make_recipe(train={"losses": losses, "loss_schedules": schedules}))


def test_a_number_goes_from_what_the_loss_says_to_its_end() -> None:
    found = courses(
        reverse_kl={"weight": {"to": 1.0}, "temperature": {"to": 1.0, "shape": "cosine"}},
        jsd={"beta": {"to": 0.9, "shape": "step", "begin": 0.5}},
    )
    assert [loss.weight for loss in found.at(0)] == [1.0, 0.2, 1.0]
    assert [loss.weight for loss in found.at(1)] == [1.0, 1.0, 1.0]
    assert found.at(0.5)[1].weight == pytest.approx(0.6)
    assert found.at(0.5)[1].settings.temperature == pytest.approx(2.5)  # type: ignore[attr-defined]
    assert found.at(0.49)[2].settings.beta == 0.1  # type: ignore[attr-defined]
    assert found.at(0.5)[2].settings.beta == 0.9  # type: ignore[attr-defined]
    assert found.values(0.5) == {
        "reverse_kl/weight": pytest.approx(0.6), "reverse_kl/temperature": pytest.approx(2.5), "jsd/beta": 0.9,
    }  # fmt: skip
    assert not found.fixed
    assert courses().fixed


@pytest.mark.parametrize("shape", ["linear", "cosine"])
def test_shapes_rise_between_begin_and_until(shape: Any) -> None:
    course = LossSchedule(to=1.0, shape=shape, begin=0.2, until=0.6)
    values = [course_of(course, passed / 10) for passed in range(11)]
    assert values[:3] == [0, 0, 0]
    assert values[4] == pytest.approx(0.5)
    assert values[6:] == [1] * 5
    assert values == sorted(values)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(RecipeError, match="no loss 'tvd'"):
        courses(tvd={"weight": {"to": 1}}).check()
    with pytest.raises(RecipeError, match="no number 'wieght'; did you mean 'weight'"):
        courses(reverse_kl={"wieght": {"to": 1}}).check()
    with pytest.raises(RecipeError, match="no number 'tail'"):
        courses(reverse_kl={"tail": {"to": 1}}).check()
    with pytest.raises(PluginError):
        courses(reverse_kl={"temperature": {"to": 0}}).check()
    courses(reverse_kl={"temperature": {"to": 1}}).check()
