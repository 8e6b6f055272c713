"""The course of a training: means between points, the best step, patience, and what counts as divergence."""

from __future__ import annotations

import pytest

from imbik.recipe.training import EarlyStopping
from imbik.train.course import Position
from imbik.train.validation import Validation


def after(losses: list[float], position: Position | None = None) -> Position:
    position = position or Position()
    for loss in losses:
        position = position.after_step(loss, 10)
    return position


def test_a_point_is_the_mean_since_the_last_one() -> None:
    position = after([4.0, 2.0]).after_validation(Validation(loss=3.5), None)
    position = after([1.0], position).after_validation(Validation(loss=3.0), None)
    assert [(p.step, p.train_loss, p.validation_loss) for p in position.curve] == [(2, 3.0, 3.5), (3, 1.0, 3.0)]
    assert (position.tokens, position.best_step, position.best_loss) == (30, 3, 3.0)


def test_patience_counts_validations_without_enough_improvement() -> None:
    stopping = EarlyStopping(patience=2, minimum=0.1)
    position = Position()
    for loss, stale, best in ((2.0, 0, 2.0), (1.95, 1, 1.95), (1.8, 0, 1.8), (1.9, 1, 1.8), (1.75, 2, 1.75)):
        position = after([1.0], position).after_validation(Validation(loss=loss), stopping)
        assert (position.stale, position.best_loss) == (stale, best)
    assert position.stopped_early
    assert position.best_step == 5


def test_without_validation_rows_nothing_is_best() -> None:
    position = after([1.0]).after_validation(None, EarlyStopping())
    assert position.best_loss is None
    assert not position.stopped_early


@pytest.mark.parametrize(
    ("losses", "diverged"),
    [
        ([5.0] * 20 + [2.0] * 40, False),
        ([1.0] * 20 + [30.0] + [1.0] * 20, False),
        ([1.0] * 20 + [3.5] * 20, True),
        ([0.1] * 20 + [0.9] * 30, False),
        ([5.0] * 19, False),
    ],
)
def test_divergence_is_a_lasting_rise(losses: list[float], diverged: bool) -> None:
    assert after(losses).diverged is diverged


def test_the_metric_says_which_step_is_best_and_the_loss_decides_between_equals() -> None:
    position = Position()
    for loss, share in ((3.0, 0.25), (2.0, 0.25), (2.5, 0.5), (1.0, 0.25)):
        found = Validation(loss=loss, token_accuracy=0.9, exact_match=share)
        position = after([1.0], position).after_validation(found, EarlyStopping(patience=2), "exact_match")
        if share == 0.25 and loss == 2.0:
            assert (position.best_step, position.stale) == (2, 1)
    assert (position.best_step, position.best_loss, position.best_value) == (3, 2.5, 0.5)
    assert [point.exact_match for point in position.curve] == [0.25, 0.25, 0.5, 0.25]
    assert (position.stale, position.stopped_early) == (1, False)
