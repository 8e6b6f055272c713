"""Formulas that mean the same have one normal form, in any thread and process."""

from __future__ import annotations

import signal
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import pytest

from imbik.tasks.expressions import _deadline, _TooSlowError, canonical_expression

EQUAL = [
    (r"2\sqrt{3}", r"\sqrt{12}"),
    ("2√3", "√12"),
    ("sqrt(8)", r"2\sqrt{2}"),
    (r"\frac{\sqrt{2}}{2}", r"\frac{1}{\sqrt{2}}"),
    ("x+1", "1+x"),
    ("(x+1)^2", "x^2+2x+1"),
    ("x = 2\\pi", "2π"),
    (r"\{1,2\}", r"\{2, 1\}"),
    ("0.5x", r"\frac{x}{2}"),
]


@pytest.mark.parametrize(("left", "right"), EQUAL)
def test_equal_formulas(left: str, right: str) -> None:
    assert canonical_expression(left) is not None
    assert canonical_expression(left) == canonical_expression(right)


def test_numbers_come_out_as_numbers() -> None:
    assert canonical_expression("10^2") == "100"
    assert canonical_expression("1/3 + 1/6") == "0.5"
    assert canonical_expression("2,5 + 1", "tr") == "3.5"


def test_different_formulas_differ() -> None:
    assert canonical_expression(r"2\sqrt{3}") != canonical_expression(r"3\sqrt{2}")


@pytest.mark.parametrize(
    "text", ["", "evet", "10:30", "2 saat 30 dakika", "5 lira 50 kuruş", "9^9^9", "9^{9^9}", "2^9999"]
)
def test_words_and_explosions_are_no_formula(text: str) -> None:
    assert canonical_expression(text, "tr") is None


def test_threads_and_processes_give_the_same() -> None:
    texts = [left for left, _ in EQUAL]
    here = [canonical_expression(text) for text in texts]
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(canonical_expression, ["7" + text for text in texts])) == [
            canonical_expression("7" + text) for text in texts
        ]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes:
        assert list(processes.map(canonical_expression, texts)) == here


def test_slow_work_ends() -> None:
    before = signal.getsignal(signal.SIGVTALRM)
    with pytest.raises(_TooSlowError), _deadline(0.05):
        while True:
            pass
    assert signal.getsignal(signal.SIGVTALRM) == before
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)
