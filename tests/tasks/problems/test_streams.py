"""The base student's reading matter: language and sums, never a solved problem."""

from __future__ import annotations

import re

import pytest

from imbik.tasks.problems import WITHHELD
from imbik.tasks.problems.streams import document

KINDS = ("sentences", "problems", "arithmetic")


@pytest.fixture(scope="module")
def read() -> dict[str, list[str]]:
    return {kind: [document(kind, index, seed=2) for index in range(800)] for kind in KINDS}


def test_no_document_holds_a_solved_problem(read: dict[str, list[str]]) -> None:
    for kind in ("sentences", "problems"):
        assert not any("=" in text or "Cevap" in text for text in read[kind])
    assert all(text.endswith("?") for text in read["problems"])
    assert not any(re.search(r"[A-Za-wyzÇĞİÖŞÜçğıöşü]", text) for text in read["arithmetic"])


def test_sums_are_true(read: dict[str, list[str]]) -> None:
    for text in read["arithmetic"]:
        for expression, result in re.findall(r"([0-9x+/ -]+) = (\d+)\.", text):
            assert eval(expression.replace("x", "*")) == int(result)


def test_withheld_numbers_are_never_stated(read: dict[str, list[str]]) -> None:
    for kind in ("sentences", "problems"):
        assert not any(int(found) in WITHHELD for text in read[kind] for found in re.findall(r"\d+", text))


def test_sentences_only_repeat_what_they_state(read: dict[str, list[str]]) -> None:
    for text in read["sentences"]:
        found = re.findall(r"\d+", text)
        assert all(found.count(number) >= 2 for number in found), text


def test_a_document_depends_on_kind_index_and_seed_alone(read: dict[str, list[str]]) -> None:
    assert all(document(kind, 77, seed=2) == read[kind][77] for kind in KINDS)
    with pytest.raises(ValueError, match="unknown stream 'poems'"):
        document("poems", 0)
