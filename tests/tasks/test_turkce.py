"""The Turkish taxonomy that ships: whole, clean, by name, and right where it gives an answer that can be worked out."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, timedelta
from itertools import combinations
from pathlib import Path

import pytest

from imbik.core.types import Sensitivity
from imbik.tasks.grams import grams, jaccard, tokens
from imbik.tasks.taxonomy import Branch, Taxonomy, read_taxonomy

BRANCHES = ("hukuk", "tarih", "coğrafya", "kamu hizmetleri", "finans", "sağlık", "gündelik yaşam")


@pytest.fixture(scope="module")
def found() -> Taxonomy:
    return read_taxonomy("turkce", Path())


def below(found: Taxonomy, name: str) -> list[Branch]:
    return [branch for branch in found.branches if branch.path[0] == name]


def questions(branches: list[Branch]) -> list[str]:
    return [str(task.values["question"]) for branch in branches for task in branch.tasks]


@pytest.mark.parametrize("name", BRANCHES)
def test_a_branch_has_ten_tasks_topics_and_a_rubric_with_all_anchors(found: Taxonomy, name: str) -> None:
    branches = below(found, name)
    assert len(questions(branches)) >= 10
    topics = [branch for branch in branches if branch.topic]
    assert len(topics) >= 3
    assert all(branch.tasks and branch.about for branch in topics)
    assert len(branches[0].criteria) >= 2
    for criterion in branches[0].criteria.values():
        assert list(criterion.anchors) == [1, 2, 3, 4, 5]
        assert len(set(criterion.anchors.values())) == 5
    assert all(branch.criteria == branches[0].criteria for branch in branches), "handed down"


def test_there_are_these_branches_and_no_others(found: Taxonomy) -> None:
    assert tuple(dict.fromkeys(branch.path[0] for branch in found.branches)) == BRANCHES
    assert len(found.personas) == len(set(found.personas)) >= 15


def test_default_under_the_code_of_obligations_and_the_fall_of_the_seljuks_are_there(found: Taxonomy) -> None:
    by_name = {branch.name: branch for branch in found.topics}
    default = questions([by_name["hukuk › borçlar › temerrüt"]])
    assert any("Türk Borçlar Kanunu'nun 117. maddesi" in text and "temerrüde" in text for text in default)
    fall = questions([by_name["tarih › anadolu selçukluları"]])
    assert any("1243 Kösedağ" in text and "1308" in text and "İlhanlı" in text for text in fall)


def test_texts_are_clean_and_no_two_are_alike(found: Taxonomy) -> None:
    texts = questions(list(found.branches))
    for text in texts:
        assert text == unicodedata.normalize("NFC", text)
        assert re.search(r"[.?)]$", text), text
        assert "  " not in text
        assert not re.search(r"[\x00-\x1f\u200b-\u200f\ufeff]", text)
    assert len(texts) == len(set(texts))
    sets = [grams(tokens(text), 3) for text in texts]
    assert max(jaccard(one, other) for one, other in combinations(sets, 2)) < 0.5


def test_it_is_a_source_of_public_rows_and_every_category_is_a_topic(found: Taxonomy, load: object) -> None:
    tasks = load({"use": "taxonomy", "path": "turkce"}, kind="qa").tasks  # type: ignore[operator]
    assert len(tasks) == len(questions(list(found.branches)))
    assert {task.sensitivity for task in tasks} == {Sensitivity.PUBLIC}
    assert {task.category for task in tasks} == {branch.name for branch in found.topics}
    assert sum(task.reference is not None for task in tasks) >= 30


def answer(found: Taxonomy, part: str) -> str:
    (values,) = [
        task.values for branch in found.branches for task in branch.tasks if part in str(task.values["question"])
    ]
    return str(values["answer"])


@pytest.mark.parametrize(
    ("part", "worked_out"),
    [
        ("90 gün gecikmeyle", 40_000 * 24 * 90 / 36_000),
        ("güvence (depozito)", 3 * 18_000),
        ("Terekesi 1.200.000", 1_200_000 * 3 / 4 / 2),
        ("bir hafta 52 saat", (52 - 45) * 200 * 1.5),
        ("kaç yıl sonra sona ermiştir", 1308 - 1243),
        ("Fetret Devri", 1413 - 1402),
        ("Lale Devri", 1730 - 1718),
        ("Ocak debisi", 180 / 45),
        ("1/500.000", 7 * 500_000 / 100_000),
        ("yerel saat farkı", (45 - 26) * 4),
        ("nüfus yoğunluğu", 260_000 / 4_000),
        ("KDV oranı %20", 2500 * 1.2),
        ("basit faizle 50.000", 50_000 * 0.36 * 4 / 12),
        ("%10 stopaj", 4500 * 0.9),
        ("ücreti %80 artan", (1.8 / 1.5 - 1) * 100),
        ("kira artış oranının %40", 15_000 * 1.4),
        ("devlet katkısı oranının %30", 12 * 2000 * 0.3),
        ("12 kilogramlık", 12 * 10 / 100 * 5),
        ("28 tabletlik", 28 / 2),
        ("Boyu 1,60", 64 / 1.6**2),
        ("3 kilosu 105", 105 / 3 * 5),
        ("600 gramlık", 90 / 0.25 - 198 / 0.6),
        ("iki kez 20'şer", 450 / 90 * 60 + 40),
        ("gecikme tazminatıyla", 1500 * (1 + 0.05 * 2)),
    ],
)
def test_worked_out_answers_are_right(found: Taxonomy, part: str, worked_out: float) -> None:
    assert int(answer(found, part)) == round(worked_out, 6)


def test_other_worked_out_answers_are_right(found: Taxonomy) -> None:
    assert answer(found, "milyemi 916") == f"{1.75 * 0.916:.3f}".replace(".", ",")
    assert date(1920 + 3, 4 + 6, 23) + timedelta(days=6) == date(1923, 10, 29)
    assert answer(found, "23 Nisan 1920'de") == "3 yıl 6 ay 6 gün"
    minutes = 22 * 60 + 40 + 7 * 60 + 35 - 24 * 60
    assert answer(found, "22.40'ta") == f"{minutes // 60:02}.{minutes % 60:02}"
