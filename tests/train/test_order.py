"""The order of rows: a function of seed, epoch and row id; every row once an epoch; batches of like length."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from imbik.train.batches import WINDOW, Order, rows_for_tokens
from imbik.train.precision import padding
from imbik.train.rows import Row


def rows(count: int, seed: int = 0) -> list[Row]:
    draw = np.random.default_rng(seed)
    lengths = draw.integers(5, 60, count)
    return [Row(f"r{n}", np.arange(length, dtype=np.int32), np.array([1])) for n, length in enumerate(lengths)]


def passed_tokens(order: Order, given: list[Row]) -> int:
    """Tokens passed in all steps, counted from the stream."""
    return sum(len(given[index].ids) - 1 for index in order.stream(0, order.total))


@pytest.mark.parametrize(("count", "size", "total"), [(50, 4, 150), (50, 7, 125), (3, 8, 30), (700, 16, 700)])
def test_every_row_is_passed_equally_often(count: int, size: int, total: int) -> None:
    order = Order(rows(count), seed=1, size=size, total=total)
    passed = Counter(int(index) for step in range(order.steps) for index in order.batch(step))
    assert sum(passed.values()) == total
    assert set(passed.values()) <= {total // count, -(-total // count)}
    assert order.steps == -(-total // size)
    assert passed_tokens(order, rows(count)) == sum(
        times * (len(rows(count)[index].ids) - 1) for index, times in passed.items()
    )


def test_any_step_is_found_without_the_steps_before_it() -> None:
    given = rows(90)
    whole = Order(given, seed=3, size=4, total=360)
    batches = [whole.batch(step).tolist() for step in range(whole.steps)]
    for step in (89, 3, 50):
        assert Order(given, seed=3, size=4, total=360).batch(step).tolist() == batches[step]


def test_seeds_and_epochs_differ_and_the_order_of_the_file_does_not_matter() -> None:
    given = rows(40)
    one, other = Order(given, seed=1, size=4, total=80), Order(given, seed=2, size=4, total=80)
    assert one.stream(0, 40).tolist() != other.stream(0, 40).tolist()
    assert one.stream(0, 40).tolist() != one.stream(40, 80).tolist()
    turned = Order(given[::-1], seed=1, size=4, total=80)
    assert [given[i].id for i in one.stream(0, 80)] == [given[::-1][i].id for i in turned.stream(0, 80)]


def test_batches_hold_rows_of_like_length_and_come_in_no_order_of_length() -> None:
    given = rows(1000)
    order = Order(given, seed=1, size=8, total=1000)
    batches = [[given[index] for index in order.batch(step)] for step in range(order.steps)]
    assert padding(batches) < 0.08
    assert padding([given[at : at + 8] for at in range(0, 1000, 8)]) > 0.3
    means = [float(np.mean([len(row.ids) for row in batch])) for batch in batches[:WINDOW]]
    assert means != sorted(means)


@pytest.mark.parametrize("tokens", [1, 100, 1234, 9999])
def test_a_budget_of_tokens_is_met_to_half_a_row(tokens: int) -> None:
    given = rows(30)
    total = rows_for_tokens(given, seed=5, tokens=tokens)
    longest = max(len(row.ids) for row in given)
    assert abs(passed_tokens(Order(given, seed=5, size=4, total=total), given) - tokens) <= longest
    reached = passed_tokens(Order(given, seed=5, size=4, total=77), given)
    assert rows_for_tokens(given, seed=5, tokens=reached) == 77


def test_without_bucketing_a_batch_is_a_piece_of_the_stream() -> None:
    given = rows(64 * WINDOW)
    order = Order(given, seed=1, size=8, total=8 * WINDOW, bucketing=False)
    cuts = {tuple(order.stream(at, at + 8)) for at in range(0, 8 * WINDOW, 8)}
    assert {tuple(order.batch(step)) for step in range(WINDOW)} == cuts
