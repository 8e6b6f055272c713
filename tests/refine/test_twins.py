"""Near texts are found again by an index that compares classes apart and with what was kept alone."""

from __future__ import annotations

import random

from imbik.refine.twins import Twins
from imbik.tasks.grams import Runs, grams, jaccard, runs, tokens, word_hashes

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


def test_what_is_near_is_told_with_its_exact_share_the_nearest_first() -> None:
    twins = Twins(found(TEXTS), range(6), [0] * 6, 0.6)
    sets = [grams(tokens(text), 3) for text in TEXTS]
    assert twins.near(2) == []
    twins.keep(2)
    twins.keep(1)
    expected = sorted(((jaccard(sets[0], sets[other]), other) for other in (1, 2)), reverse=True)
    assert twins.near(0) == expected
    assert [twins.near(other) for other in (3, 4, 5)] == [[], [], []]


def test_items_of_two_classes_are_never_compared() -> None:
    texts = found([FIRST, FIRST, changed(FIRST, 1)])
    twins = Twins(texts, range(3), [0, 1, 0], 0.6)
    twins.keep(0)
    assert twins.near(1) == []
    assert [other for _, other in twins.near(2)] == [0]


def test_runs_are_the_same_one_by_one_and_many_at_once() -> None:
    texts = ["", "bir", "bir iki", "5+3 kaç eder?", "Iğdır'ın ILIK günü, 1.250,5 lira", "a b c a b c a b c"]
    for size in (1, 2, 3, 8):
        every = runs([word_hashes(text) for text in texts], size)
        for number, text in enumerate(texts):
            assert every.of(number).tolist() == grams(tokens(text), size).tolist()
        some = every.some(every.starts[[4, 1]] * 0 + [4, 1])
        assert [some.of(0).tolist(), some.of(1).tolist()] == [every.of(4).tolist(), every.of(1).tolist()]
        assert Runs.joined([every, some]).of(6).tolist() == every.of(4).tolist()
