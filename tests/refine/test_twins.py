"""Near texts are found again by an index that looks at those with company, and compares with what was kept alone."""

from __future__ import annotations

import random

import numpy as np

from imbik.refine.twins import Twins, shared
from imbik.tasks.grams import Runs, grams, jaccard, runs, tokens, word_hashes
from imbik.tasks.minhash import bands

CHANCE = random.Random(5)
WORDS = [f"kelime{number}" for number in range(500)]


def changed(text: str, times: int) -> str:
    words = text.split()
    for _ in range(times):
        words[CHANCE.randrange(len(words))] = CHANCE.choice(WORDS)
    return " ".join(words)


FIRST = " ".join(CHANCE.choices(WORDS, k=60))
TEXTS = [FIRST, changed(FIRST, 1), changed(FIRST, 2), " ".join(CHANCE.choices(WORDS, k=60)), changed(FIRST, 40), ""]


def found(texts: list[str]) -> Runs:
    return runs([word_hashes(text) for text in texts], 3)


def twins_of(texts: list[str], threshold: float) -> Twins:
    made = found(texts)
    some = np.flatnonzero(np.diff(made.starts))
    return Twins(iter(bands(made, threshold).T), some, made.raw, threshold)


def test_what_is_near_is_told_with_its_exact_share_the_nearest_first() -> None:
    twins = twins_of(TEXTS, 0.6)
    sets = [grams(tokens(text), 3) for text in TEXTS]
    assert twins.near(2) == []
    twins.keep(2)
    twins.keep(1)
    expected = sorted(((jaccard(sets[0], sets[other]), other) for other in (1, 2)), reverse=True)
    assert twins.near(0) == expected
    assert [twins.near(other) for other in (3, 4, 5)] == [[], [], []]


def test_only_items_with_company_are_held_and_only_named_ones_looked_at() -> None:
    assert twins_of(TEXTS, 0.6).items.tolist()[:3] == [0, 1, 2]
    assert not {3, 5} & set(twins_of(TEXTS, 0.6).items.tolist())
    made = found([FIRST, FIRST, FIRST])
    twins = Twins(iter(bands(made, 0.6).T), np.array([0, 2]), made.raw, 0.6)
    assert twins.items.tolist() == [0, 2]


def test_keys_that_stand_there_more_than_once_are_numbered() -> None:
    places, numbers = shared(np.array([7, 3, 9, 3, 7, 7], np.uint64))
    assert dict(zip(places.tolist(), numbers.tolist(), strict=True)) == {0: 1, 1: 0, 3: 0, 4: 1, 5: 1}
    assert [found.tolist() for found in shared(np.array([1, 2], np.uint64))] == [[], []]


def test_runs_are_the_same_one_by_one_and_many_at_once() -> None:
    texts = ["", "bir", "bir iki", "5+3 kaç eder?", "Iğdır'ın ILIK günü, 1.250,5 lira", "a b c a b c a b c"]
    for size in (1, 2, 3, 8):
        every = runs([word_hashes(text) for text in texts], size)
        for number, text in enumerate(texts):
            assert every.of(number).tolist() == grams(tokens(text), size).tolist()
        some = every.some(every.starts[[4, 1]] * 0 + [4, 1])
        assert [some.of(0).tolist(), some.of(1).tolist()] == [every.of(4).tolist(), every.of(1).tolist()]
        assert Runs.joined([every, some]).of(6).tolist() == every.of(4).tolist()
