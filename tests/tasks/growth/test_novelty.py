"""Whether a task is new: the same words, nearly the same, or most of a held-out task; and what a passage changes."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbik.tasks.grams import grams, jaccard, tokens
from imbik.tasks.growth import novelty
from imbik.tasks.growth.novelty import Novelty, compared
from tasks.conftest import question

LONG = (
    "Ankara'da yaşayan bir öğretmen pazartesi günü on iki öğrencisine üçer kitap verip kalanını okulun kitaplığına "
    "bırakıyor, salı günü ise aynı kitaplıktan beş kitap ödünç alıyor"
)


def admit(index: Novelty, *texts: str, room: int = 100) -> list[str]:
    """Reasons of refusals, '' for what was taken in."""
    found = index.admit([(f"g{n}", text, False) for n, text in enumerate(texts)], room)
    return [item.reason if item else "" for item in found]


def test_the_same_words_are_refused_whatever_their_case_and_signs() -> None:
    index = Novelty(0.85)
    index.add([("t1", "İzmir'de kaç ilçe var?")])
    assert admit(index, "izmir'de kaç ilçe var", "İZMİR'DE KAÇ İLÇE VAR?!", "İzmir'de kaç mahalle var?") == [
        novelty.SAME, novelty.SAME, "",
    ]  # fmt: skip
    decomposed = "I\u0307zmir'de kac\u0327 mahalle var?"
    assert admit(index, decomposed) == [novelty.SAME]


def test_candidates_are_compared_with_one_another_in_their_order() -> None:
    index = Novelty(0.85)
    assert admit(index, LONG, f"{LONG} acaba", "Başka bir soru nedir?") == ["", novelty.NEAR, ""]
    assert admit(index, f"{LONG} peki") == [novelty.NEAR]


def test_what_is_held_out_may_stand_nowhere() -> None:
    index = Novelty(0.85)
    index.add([("h1", LONG)], held_out=True)
    assert index.knows(LONG.upper().replace("I", "ı"))
    wrapped = (
        f"Şunu düşün ve cevapla, acele etmeden, adım adım ve dikkatle: {LONG}. Sonunda kitaplıkta kaç kitap eksilir?"
    )
    assert admit(index, LONG, f"{LONG} acaba", wrapped) == [novelty.HELD, novelty.HELD_NEAR, novelty.HELD_PART]
    assert admit(index, "Ankara'da yaşayan bir öğretmen kaç kitap okur?") == [""]


def test_words_that_many_held_out_tasks_share_prove_nothing() -> None:
    index = Novelty(0.85)
    start = "Aşağıdaki soruyu okuyup yalnızca sonucu yazınız ve işlemleri göstermeyiniz: "
    index.add([(f"h{n}", f"{start}{n} kere {n + 2} kaç eder?") for n in range(20)], held_out=True)
    assert admit(index, f"{start}Türkiye'nin en uzun nehri hangisidir, kaynağı nerededir?") == [""]


def test_there_is_no_more_room_than_wanted() -> None:
    index = Novelty(0.85)
    texts = ["bir elma", "iki armut", "üç kiraz", "dört ayva"]
    assert admit(index, *texts, room=2) == ["", "", novelty.FULL, novelty.FULL]
    assert len(index) == 2


def test_looking_takes_nothing_in() -> None:
    index = Novelty(0.85)
    assert index.look("bir elma") is None
    assert index.look("bir elma") is None
    assert len(index) == 0


def test_questions_about_one_passage_are_compared_without_it() -> None:
    passage = LONG * 3
    first = question(f"{passage}\n\nÖğretmen kaç kitap verdi?", passage=passage)
    assert compared(first) == "Öğretmen kaç kitap verdi?"
    assert compared(question("Öncül: a\nHipotez: b", passage="a")) == "Öncül: a\nHipotez: b"


@pytest.mark.parametrize("threshold", [0.5, 0.75, 0.85])
def test_exact_jaccard_decides_and_hardly_a_pair_is_missed(threshold: float) -> None:
    """Against all pairs: nothing below the threshold is refused, and of those above at least 97% are."""
    draw = random.Random(3)
    words = [f"kelime{n}" for n in range(400)]
    base = [[draw.choice(words) for _ in range(40)] for _ in range(60)]
    index, above, found = Novelty(threshold), 0, 0
    index.add([(f"t{n}", " ".join(text)) for n, text in enumerate(base)])
    for number, text in enumerate(base * 4):
        changed = [word if draw.random() > 0.02 * (number % 6) else draw.choice(words) for word in text]
        likeness = jaccard(grams(tokens(" ".join(changed)), 3), grams(tokens(" ".join(text)), 3))
        refused = index.look(" ".join(changed)) is not None
        assert not refused or likeness >= threshold
        above += likeness >= threshold
        found += refused
    assert above > 60
    assert found >= 0.97 * above


@given(st.lists(st.text(alphabet="abcçıİşğü ", min_size=1, max_size=30), max_size=12))
def test_taken_in_once_refused_ever_after(texts: list[str]) -> None:
    index = Novelty(0.85)
    admit(index, *texts)
    assert all(admit(index, *texts)) or not any(text.strip() for text in texts)
