"""BLEU, chrF, ROUGE and macro F1: their closed forms, the libraries' own figures, and intervals by resampled rows."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest

from imbik.core.plugins import PluginBlock, make
from imbik.core.types import Completion, LabelReference, Message, Task, TextReference
from imbik.evaluate.answers import Answer, Held, read_answer
from imbik.evaluate.bootstrap import Bootstrap
from imbik.evaluate.compare import compare
from imbik.evaluate.metrics import CorpusMetric, Metric

KNOWN = ["Şubenin çalışma saatleri hafta içi dokuzda başlar.", "İade bedeli on gün içinde hesaba yatırılır.", "Evet."]
GIVEN = ["Şubenin saatleri hafta içi dokuzda başlıyor.", "İade bedeli beş gün içinde hesaba geçer.", "Hayır."]


def metric(name: str) -> Metric:
    built: Metric = make("evaluate/metrics", PluginBlock(use=name))
    return built


def answers(name: str, known: list[str], given: list[str], kind: str = "qa", copies: int = 1) -> list[Answer]:
    raw = {"labels": sorted(set(known))} if kind == "classification" else {}
    built, of = metric(name), make("tasks/kinds", PluginBlock(use=kind, raw=raw))
    reference = LabelReference if kind == "classification" else TextReference
    rows = [
        Task(id=f"{n:03}", kind=kind, messages=(Message(role="user", content="?"),), reference=reference(text=text))
        for n, text in enumerate(known * copies)
    ]
    said = zip(rows, given * copies, strict=True)
    return [read_answer(Held(row, "test"), Completion(answer=text), of, {name: built}, 1) for row, text in said]


def figure(name: str, known: list[str], given: list[str], kind: str = "qa", copies: int = 1) -> tuple[float, ...]:
    built = metric(name)
    corpora = {name: built} if isinstance(built, CorpusMetric) else {}
    found = compare({"student": answers(name, known, given, kind, copies)}, ["test"], [name], Bootstrap(300), corpora)
    score = found.metrics["student"][name]
    assert score.seeds == {"1": pytest.approx(score.value)}
    return score.value, score.low, score.high


def test_bleu_and_chrf_are_sacrebleus() -> None:
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    for known, given in ((KNOWN, GIVEN), (KNOWN[:1], GIVEN[:1]), (KNOWN[2:], GIVEN[2:]), (KNOWN, ["", *GIVEN[:2]])):
        value, low, high = figure("bleu", known, given)
        assert value == pytest.approx(BLEU().corpus_score(given, [known]).score / 100)
        assert low - 1e-9 <= value <= high + 1e-9 or len(known) == 1
        assert figure("chrf", known, given)[0] == pytest.approx(CHRF().corpus_score(given, [known]).score / 100)


def test_a_corpus_figure_is_no_mean_of_rows() -> None:
    rows = answers("bleu", KNOWN, GIVEN)
    mean = sum(row.scores["bleu"] for row in rows) / len(rows)
    assert abs(figure("bleu", KNOWN, GIVEN)[0] - mean) > 0.02


@pytest.mark.parametrize("name", ["bleu", "chrf", "rouge_1", "rouge_2", "rouge_l", "macro_f1", "token_f1"])
def test_equal_answers_score_one_and_shuffled_ones_less(name: str) -> None:
    kind = "classification" if name == "macro_f1" else "qa"
    value, low, high = figure(name, KNOWN[:2], KNOWN[:2], kind, copies=20)
    assert value == pytest.approx(1.0)
    assert low == pytest.approx(0.025 ** (1 / 40))  # nothing wrong seen in 40 rows shows no more
    assert high == pytest.approx(1.0)
    value, low, high = figure(name, KNOWN[:2], KNOWN[1::-1], kind, copies=20)
    assert value < 0.5


def test_intervals_narrow_with_rows() -> None:
    for name in ("bleu", "chrf", "rouge_l"):
        few, many = (figure(name, KNOWN, GIVEN, copies=n) for n in (3, 30))
        assert few[0] == pytest.approx(many[0])
        assert few[1] < many[1] < many[0] < many[2] < few[2]


def test_retention_and_differences_of_corpora() -> None:
    corpora = {"chrf": metric("chrf")}
    both = {"student": answers("chrf", KNOWN, GIVEN, copies=9), "teacher": answers("chrf", KNOWN, KNOWN, copies=9)}
    found = compare(both, ["test"], ["chrf"], Bootstrap(300), corpora)  # type: ignore[arg-type]
    kept, apart = found.retention["chrf"], found.paired["student-teacher"]["chrf"]
    assert kept.value == pytest.approx(found.metrics["student"]["chrf"].value)
    assert kept.low < kept.value < kept.high < 1
    assert apart.value == pytest.approx(kept.value - 1)
    assert apart.low < apart.value < apart.high < 0


def test_macro_f1_counts_rare_classes_as_much() -> None:
    from sklearn.metrics import f1_score

    known = ["iade", "iade", "iade", "iade", "İPTAL", "ılık"]
    given = ["iade", "iade", "iade", "İPTAL", "İPTAL", "iade"]
    assert figure("macro_f1", known, given, "classification")[0] == pytest.approx(
        f1_score(known, given, average="macro", zero_division=0)
    )
    # F1 of the two classes: 2·1/(2+1) with the empty answer a miss, and 1.
    assert figure("macro_f1", ["a", "a", "b"], ["a", "", "b"], "classification")[0] == pytest.approx((2 / 3 + 1) / 2)


def test_rouge_has_its_closed_form_on_turkish_words() -> None:
    known, given = ["kara kedi eve girdi"], ["kara eve kedi"]
    assert figure("rouge_1", known, given)[0] == pytest.approx(2 * 3 / (3 + 4))
    assert figure("rouge_2", known, given)[0] == 0.0
    assert figure("rouge_l", known, given)[0] == pytest.approx(2 * 2 / (3 + 4))
    for name in ("rouge_1", "rouge_2", "rouge_l"):
        # Letters beyond a-z are letters; İ and i, NFC and NFD are one; ş is no s.
        assert figure(name, ["İstanbul'da çiğdem ağacı"], ["istanbul'DA ÇİĞDEM ağacı"])[0] == pytest.approx(1.0)
        assert figure(name, ["çağ şöleni"], [unicodedata.normalize("NFD", "ÇAĞ şöleni")])[0] == pytest.approx(1.0)
        assert figure(name, ["şah ığdır"], ["sah igdir"])[0] == 0.0


def test_composed_and_decomposed_letters_are_one_for_translations() -> None:
    for name in ("bleu", "chrf"):
        assert figure(name, KNOWN, [unicodedata.normalize("NFD", text) for text in KNOWN])[0] == pytest.approx(1.0)
        assert figure(name, ["İade ılık su içindeki bir şişedir"], ["iade ilik su icindeki bir sisedir"])[0] < 0.7


def test_rows_that_were_not_asked_are_left_out() -> None:
    rows = answers("bleu", KNOWN, GIVEN)
    rows[2] = Answer(id=rows[2].id, set="test", seed=1)
    built = metric("bleu")
    assert isinstance(built, CorpusMetric)
    found = compare({"student": rows}, ["test"], ["bleu"], Bootstrap(50), {"bleu": built}).metrics["student"]["bleu"]
    assert found.n == 2
    assert found.value == pytest.approx(figure("bleu", KNOWN[:2], GIVEN[:2])[0])
    assert np.isfinite([found.low, found.high]).all()
