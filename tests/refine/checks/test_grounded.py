"""Groundedness: every claim is supported by the passage, and the verdict says where, or is named."""

from __future__ import annotations

import unicodedata

import pytest

from imbik.core.errors import PluginError
from imbik.core.plugins import PluginBlock, make
from imbik.core.types import Completion, Message, Sample, Task, Verdict
from imbik.refine.checks import CheckContext

CONTEXT = CheckContext(kind=make("tasks/kinds", PluginBlock(use="qa")))
PASSAGE = (
    "Anadolu Selçuklu Devleti, 3 Temmuz 1243'te Kösedağ'da Moğollara yenildi. Ordu seksen bin kişiydi. Devlet 1308 "
    "yılında sona erdi; başkenti Konya'ydı. Türk Borçlar Kanunu'nun 117. maddesi temerrüdü düzenler."
)


def judge(answer: str, passage: str = PASSAGE, question: str = "Ne oldu?", **settings: object) -> Verdict:
    task = Task(id="1", kind="qa", messages=(Message(role="user", content=question),), passage=passage)
    sample = Sample(task=task, teacher="t", number=0, completion=Completion(answer=answer), answer=answer)
    verdict = make("refine/checks", PluginBlock(use="grounded", raw=settings)).judge(sample, CONTEXT)
    assert isinstance(verdict, Verdict)
    return verdict


def test_each_claim_is_shown_beside_what_supports_it() -> None:
    answer = "Moğollara 1243'te yenilen devletin 80.000 kişilik ordusu vardı; TBK m. 117 ise temerrüdü düzenler."
    verdict = judge(answer)
    assert verdict.keep, verdict.reason
    assert verdict.score == 1.0
    shown = {(answer[one.start : one.end], PASSAGE[slice(*one.source)]) for one in verdict.spans if one.source}
    assert shown >= {
        ("1243", "3 Temmuz 1243"),
        ("80.000", "seksen bin"),
        ("TBK m. 117", "Türk Borçlar Kanunu'nun 117. maddesi".removeprefix("Türk ")),
    }
    assert all(one.part == "answer" for one in verdict.spans)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("Devlet 1309'da sona erdi.", "the number '1309' is not in the passage"),
        ("Savaş 4 Temmuz 1243 günü Kösedağ'da oldu.", "the date '4 Temmuz 1243' is not in the passage"),
        ("Başkent Kayseri'ydi.", "the name 'Başkent Kayseri'ydi' is not in the passage"),
        ("Temerrüt TBK m. 118'de düzenlenir.", "the article 'TBK m. 118' is not in the passage"),
        ("Ordu yetmiş bin kişiydi.", "the number 'yetmiş bin' is not in the passage"),
    ],
)
def test_a_claim_without_support_is_named_and_marked(answer: str, reason: str) -> None:
    verdict = judge(answer)
    assert not verdict.keep
    assert verdict.reason == reason
    (marked,) = (one for one in verdict.spans if "without support" in one.note)
    assert marked.source is None
    assert answer[marked.start : marked.end] in reason


def test_a_sentence_about_something_else_is_named() -> None:
    verdict = judge("Gezegenler teleskopla incelenir.")
    assert verdict.reason == (
        "nothing in the passage supports 'Gezegenler teleskopla incelenir.' (0% of its words stand there)"
    )
    assert judge("Gezegenler teleskopla incelenir.", sentences=0).keep


def test_other_words_are_supported_by_their_numbers_and_by_the_question() -> None:
    assert judge("Asker 80.000 idi.").keep
    assert not judge("Asker çok fazla idi.").keep
    assert judge("Asker çok fazla idi.", question="Asker fazla mıydı?").keep


def test_what_the_question_says_is_given() -> None:
    asked, answer = (
        "Tuğrul Bey 1055'te ne yaptı, devlet ne zaman sona erdi?",
        "Devlet 1055'ten sonra, 1308'de sona erdi.",
    )
    task = Task(id="1", kind="qa", messages=(Message(role="user", content=asked),), passage=PASSAGE)
    sample = Sample(task=task, teacher="t", number=0, completion=Completion(answer=answer), answer=answer)
    verdict = make("refine/checks", PluginBlock(use="grounded")).judge(sample, CONTEXT)
    assert verdict.keep, verdict.reason
    assert [one.source for one in verdict.spans if answer[one.start : one.end] == "1055"] == [None]
    strict = make("refine/checks", PluginBlock(use="grounded", raw={"question": False})).judge(sample, CONTEXT)
    assert strict.reason == "the number '1055' is not in the passage"


def test_settings_choose_what_is_looked_up() -> None:
    wrong = "Devlet 1309'da sona erdi, başkenti Konya'ydı."
    assert judge(wrong, claims=["name"]).keep
    assert judge(wrong, most_unsupported=1).keep
    assert judge(wrong, most_unsupported=1).reason
    with pytest.raises(PluginError, match="claims"):
        judge(wrong, claims=["colour"])


def test_a_task_without_passage_says_so() -> None:
    assert judge("1309", passage="").reason == "the task has no passage to compare with"
    assert judge("1309", passage="").keep
    assert not judge("1309", passage="", without_passage="reject").keep


def test_short_answers_without_claims_are_looked_up_too() -> None:
    assert judge("Evet.").keep
    assert judge("moğollara").keep
    assert not judge("denizciler").keep


def test_decomposed_letters_are_the_same_letters_and_spans_stay_in_place() -> None:
    answer = "Sonunda devlet Kösedağ'da yenildi."
    decomposed = unicodedata.normalize("NFD", answer)
    for passage, said in ((PASSAGE, decomposed), (unicodedata.normalize("NFD", PASSAGE), answer)):
        verdict = judge(said, passage=passage)
        assert verdict.keep, verdict.reason
        name = next(one for one in verdict.spans if one.note == "name")
        assert unicodedata.normalize("NFC", said[name.start : name.end]) == "Kösedağ'da"
        assert name.source is not None
        assert unicodedata.normalize("NFC", passage[slice(*name.source)]) == "Kösedağ'da"


def test_a_sentence_with_a_doubted_number_is_not_called_supported() -> None:
    """Where the passage speaks of it is still shown; it counts for nothing, and of its two claims one is held."""
    verdict = judge("Devlet 1309 yılında sona erdi, başkenti Konya'ydı.")
    assert not verdict.keep
    (sentence,) = (one for one in verdict.spans if one.note.startswith("sentence"))
    assert sentence.note == "sentence, but for what is doubted in it"
    assert sentence.source is not None
    assert "1308" in PASSAGE[slice(*sentence.source)]
    assert verdict.score == 0.5
    assert [one.note for one in judge("Devlet 1308 yılında sona erdi.").spans] == ["number", "sentence"]


@pytest.mark.parametrize("written", ["$591{,}78$", "591{,}78 TL", r"\(591{,}78\)"])
def test_a_decimal_comma_of_latex_is_one_number(written: str) -> None:
    passage = "Toplam borç 591,78 TL tuttu."
    assert judge(f"Toplam borç {written} tuttu.", passage=passage).keep
    wrong = judge(f"Toplam borç {written.replace('78', '79')} tuttu.", passage=passage)
    assert wrong.reason == "the number '591{,}79' is not in the passage"
    assert judge("Toplam borç 591,78 TL tuttu.", passage=rf"Toplam borç {written} tuttu.").keep
