"""Pairs of texts: from a file, from rewordings, from categories; their order; what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from imbik.core.errors import InputError
from imbik.core.types import Origin, Task
from imbik.recipe.training import PairSource
from imbik.testing.tiny_models import make_model
from imbik.train.pairs import DIFFERENT, SAME, Pair, PairOrder, pairs_of, tensors_of
from stagekit import make_task


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return make_model(tmp_path_factory.mktemp("m")).tokenizer


def source(origin: str) -> PairSource:
    return PairSource.model_validate({"from": origin})


def found(origin: str, tasks: list[Task], tokenizer: Any, path: Path | None = None, longest: int = 50) -> list[Pair]:
    return pairs_of(source(origin), path, tasks, tokenizer, longest)


def written(folder: Path, *lines: object) -> Path:
    path = folder / "pairs.jsonl"
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def test_a_file_of_pairs(tmp_path: Path, tokenizer: Any) -> None:
    path = written(
        tmp_path,
        {"first": "İade istiyorum", "second": "Paramı geri istiyorum", "label": 0},
        "",
        {"first": "İade istiyorum", "second": "Kartım kayboldu", "label": 1},
    )
    same, different = found("pairs.jsonl", [], tokenizer, path)
    assert (same.label, different.label) == (SAME, DIFFERENT)
    assert same.first == different.first
    assert tokenizer.decode(same.second) == "Paramı geri istiyorum"
    assert len(found("pairs.jsonl", [], tokenizer, path, longest=3)[0].first) == 3


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "no pair"),
        ({"first": "a", "second": "b"}, "label"),
        ({"first": "a", "second": "b", "label": 2}, "0 .same. or 1"),
        ({"first": " ", "second": "b", "label": 1}, "two texts"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, tokenizer: Any, line: object, said: str) -> None:
    path = written(tmp_path, {"first": "a", "second": "b", "label": 0}, line)
    with pytest.raises(InputError, match=said) as error:
        found("pairs.jsonl", [], tokenizer, path)
    assert str(error.value.where).endswith("pairs.jsonl:2")


def test_one_kind_alone_teaches_nothing(tmp_path: Path, tokenizer: Any) -> None:
    path = written(tmp_path, {"first": "a", "second": "b", "label": 0})
    with pytest.raises(InputError, match="both kinds"):
        found("pairs.jsonl", [], tokenizer, path)
    with pytest.raises(InputError, match="both kinds"):
        found("rewordings", [make_task("a"), make_task("b")], tokenizer)


def test_rewordings_are_pairs_with_what_they_say_in_other_words(tokenizer: Any) -> None:
    tasks = [make_task(f"t{number}", f"{number} elma kaç eder?") for number in range(6)]
    tasks += [
        make_task(f"r{number}", f"Kaç eder {number} elma?", origin=Origin(by="paraphrase", same_as=f"t{number}"))
        for number in range(3)
    ]
    by_text = {tuple(tokenizer(task.text, add_special_tokens=False)["input_ids"]): task.id for task in tasks}
    made = found("rewordings", tasks, tokenizer)
    same = [pair for pair in made if pair.label == SAME]
    assert len(same) == 6, "each of the three in both directions"
    for pair in same:
        first, second = by_text[tuple(pair.first)], by_text[tuple(pair.second)]
        assert first[1:] == second[1:]
        assert first != second
    for pair in made:
        if pair.label == DIFFERENT:
            assert by_text[tuple(pair.first)][1:] != by_text[tuple(pair.second)][1:]


def test_categories(tokenizer: Any) -> None:
    tasks = [make_task(f"t{n}", f"{n} numaralı soru", category="iade" if n % 2 else "kart") for n in range(8)]
    by_text = {tuple(tokenizer(task.text, add_special_tokens=False)["input_ids"]): task.category for task in tasks}
    for pair in found("categories", tasks, tokenizer):
        alike = by_text[tuple(pair.first)] == by_text[tuple(pair.second)]
        assert alike is (pair.label == SAME)


def test_every_epoch_passes_every_pair_once_in_an_order_of_its_own() -> None:
    pairs = [Pair([number], [number], number % 2) for number in range(10)]
    order = PairOrder(pairs, seed=1, size=4)
    stream = [pair.first[0] for step in range(5) for pair in order.batch(step)]
    assert sorted(stream[:10]) == sorted(stream[10:]) == list(range(10))
    assert stream[:10] != stream[10:]
    assert [pair.first for pair in PairOrder(pairs, seed=1, size=4).batch(3)] == [p.first for p in order.batch(3)]


def test_tensors() -> None:
    made = tensors_of([Pair([1, 2, 3], [4], 0), Pair([5], [6, 7], 1)], "cpu")
    assert made["ids"].tolist() == [[1, 2, 3], [5, 0, 0], [4, 0, 0], [6, 7, 0]]
    assert made["lengths"].tolist() == [3, 1, 1, 2]
    assert made["labels"].tolist() == [0, 1]
