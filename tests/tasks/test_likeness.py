"""How alike sets are: closed forms, and what chance alone gives."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from imbik.core.types import LabelReference, Message, Source, Task
from imbik.tasks.likeness import kolmogorov_smirnov, likeness, total_variation, variation_by_chance, warnings


def task(text: str, label: str = "", file: str = "x.csv") -> Task:
    return Task(
        id=text,
        kind="qa",
        messages=(Message(role="user", content=text),),
        reference=LabelReference(text=label) if label else None,
        source=Source(file=file, line=1),
    )


def test_total_variation() -> None:
    assert total_variation({"a": 1, "b": 1}, {"a": 5, "b": 5}) == 0
    assert total_variation({"a": 3}, {"b": 4}) == 1
    assert total_variation({"a": 3, "b": 1}, {"a": 1, "b": 1}) == pytest.approx(0.25)


def test_chance_is_what_random_sets_show() -> None:
    drawn = random.Random(3)
    shares = {"a": 0.5, "b": 0.3, "c": 0.2}
    samples = [
        [Counter(drawn.choices(list(shares), list(shares.values()), k=size)) for size in (400, 900)] for _ in range(200)
    ]
    mean = sum(total_variation(left, right) for left, right in samples) / len(samples)
    assert variation_by_chance(*samples[0]) == pytest.approx(mean, rel=0.15)


def test_kolmogorov_smirnov() -> None:
    assert kolmogorov_smirnov([1, 2, 3], [3, 2, 1]) == 0
    assert kolmogorov_smirnov([1, 2], [3, 4]) == 1
    assert kolmogorov_smirnov([1, 2, 3, 4], [3, 4, 5, 6]) == pytest.approx(0.5)


def test_alike_sets_are_called_alike_and_planted_differences_found() -> None:
    drawn = random.Random(1)

    def rows(name: str, count: int, shares: str, longer: int = 0) -> list[tuple[Task, str]]:
        made = []
        for n in range(count):
            text = f"{name} {n} " + "x" * (drawn.randint(5, 60) + longer)
            made.append((task(text, drawn.choice(shares), drawn.choice(("p.csv", "q.csv"))), name))
        return made

    found = likeness([*rows("train", 900, "aab"), *rows("test", 300, "aab"), *rows("B", 300, "abb", 40)])
    verdicts = {(item.set, item.what): item.alike for item in found.differences}
    assert verdicts == {
        ("test", "class"): True, ("test", "source"): True, ("test", "length"): True,
        ("B", "class"): False, ("B", "source"): True, ("B", "length"): False,
    }  # fmt: skip
    assert not warnings(found)
    assert found.sets["test"].rows == 300
    assert found.sets["train"].classes.keys() == {"a", "b"}
    assert found.sets["B"].lengths.shortest > found.sets["train"].lengths.shortest


def test_overlaps_under_ever_looser_comparison() -> None:
    pairs = [(task(text), "train") for text in ("Kartım gelmedi.", "İade  istiyorum", "Şifre")]
    pairs += [(task("Kargo?"), "validation")]
    pairs += [(task(text), "test") for text in ("Kartım gelmedi.", "İade istiyorum", "ŞİFRE!", "kargo", "Başka")]
    found = likeness(pairs)
    test = next(item for item in found.overlaps if item.set == "test")
    assert (test.rows, test.exact, test.spaces_collapsed, test.words_only) == (5, 1, 2, 4)
    assert test.sentence.startswith("1 of 5 test questions stand in train or validation exactly, 2 with white space")
    assert [item.words_only for item in found.overlaps if item.set == "validation"] == [0]
    assert warnings(found)[-1] == test.sentence


def test_a_test_set_from_files_of_its_own_is_not_called_unlike_for_that() -> None:
    pairs = [(task(f"a {n}", file="train.csv"), "train") for n in range(50)]
    pairs += [(task(f"b {n}", file="test.csv"), "test") for n in range(50)]
    assert {item.what for item in likeness(pairs).differences} == {"length"}
    assert not likeness([(task("a"), "test")]).differences
