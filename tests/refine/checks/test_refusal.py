"""Refusals and machines that speak of themselves are found; texts about refusing are not."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from imbik.core.plugins import PluginBlock, make
from imbik.core.types import Verdict
from imbik.refine.checks import CheckContext
from stagekit import make_sample, make_task

CONTEXT = CheckContext(kind=make("tasks/kinds", PluginBlock(use="qa")))

REFUSES = [
    "Üzgünüm, bu konuda size yardımcı olamam.",
    "Maalesef bu soruya cevap veremiyorum. Başka bir konuda yardımcı olabilirim.",
    "Bu isteği yerine getiremem.",
    "Üzgünüm ama bu talebinizi karşılayamam.",
    "Tıbbi tavsiye veremem, lütfen bir doktora danışın.",
    "Bu konuda bilgi paylaşamıyorum.",
    "Özür dilerim, bu isteğe yardımcı olmam mümkün değil.",
    "BU SORUYU YANITLAYAMAM.",
    "I'm sorry, but I can't help with that.",
    "I’m sorry, but I can’t assist with that request.",
    "I cannot provide legal advice.",
    "I am unable to answer this question.",
    "Unfortunately, I cannot comply.",
    "Sorry, I won't do it.",
    "I must decline to take part in this.",
    "Žal mi je, vendar vam pri tem ne morem pomagati.",
    "Pri tem ne morem pomagati.",
    "Na žalost na to vprašanje ne smem odgovoriti.",
    "Sajnálom, de ebben nem tudok segíteni.",
    "Erre nem válaszolhatok.",
]
MACHINE = [
    "Bir yapay zekâ modeli olarak kişisel görüşüm yoktur.",
    "Bir yapay zeka dil modeli olarak güncel bilgilere erişemiyorum.",
    "Ben bir yapay zekâ asistanıyım.",
    "Bir dil modeli olarak duygularım olmasa da size yardımcı olabilirim.",
    "As an AI language model, I do not have opinions.",
    "I am just an AI, so take this with care.",
    "My knowledge cutoff is in 2023.",
    "Kot jezikovni model nimam lastnih mnenj.",
    "Nyelvi modellként nem rendelkezem véleménnyel.",
    "Mint mesterséges intelligencia, nem tudok érezni.",
]
FINE = [
    "Banka, belgeler eksikse müşteriye yardımcı olamaz ve talebi reddeder.",
    "Çalışan 'bu konuda size yardımcı olamam' demek yerine bir seçenek sunmalıdır.",
    'Yalnızca "Üzgünüm, size yardımcı olamam." demek yeterli değildir.',
    "Bir isteği reddetmek için önce teşekkür edin, sonra nedenini söyleyin.",
    "Kibarca reddetmenin yolu: “Maalesef bu talebi karşılayamam.” demektir.",
    "Yapay zekâ modelleri bazı soruları yanıtlamayı reddeder.",
    "Bir yapay zekâ modeli olarak geliştirilen sistem, 2023'te kullanıma açıldı.",
    "Ali kitabı bulamadığı için üzgün; kütüphane yardımcı olamadı.",
    "Toplantıya katılamayacağım için üzgünüm.",
    "Yardımcı olabilirim: önce kartınızı kapatın.",
    "The bank said it cannot help customers without an identity card.",
    'He wrote "I\'m sorry, but I can\'t help with that" and hung up.',
    "As an AI company, OpenAI publishes models.",
    "Models often say “as an AI language model” when they refuse.",
    "She cannot provide the documents, so the court decides without them.",
    "I can't find a smaller divisor, so 7 is prime.",
    "Sorry, the train is late.",
    "Zavarovalnica ne more pomagati brez dokazil.",
    "A bank nem tud segíteni igazolvány nélkül.",
    "Sajnálom, hogy késtem.",
    "2 + 3 = 5 elma",
    "",
]  # fmt: skip


def judge(answer: str, reasoning: str = "", **settings: object) -> Verdict:
    check = make("refine/checks", PluginBlock(use="refusal", raw=settings))
    verdict: Verdict = check.judge(make_sample(make_task("a"), answer=answer, reasoning=reasoning), CONTEXT)
    return verdict


@pytest.mark.parametrize("text", REFUSES)
def test_a_refusal_is_shown(text: str) -> None:
    for form in (text, unicodedata.normalize("NFD", text), f"Soru açıktır.\n{text}\nDevam edelim."):
        verdict = judge(form)
        assert not verdict.keep
        assert verdict.reason.startswith("the answer refuses: '")
        (span,) = verdict.spans
        assert unicodedata.normalize("NFC", form[span.start : span.end]) in text
    assert judge(text, refuses=False, machine=False).keep


@pytest.mark.parametrize("text", MACHINE)
def test_a_machine_that_speaks_of_itself_is_shown(text: str) -> None:
    verdict = judge("Evet.", reasoning=f"Düşünelim. {text}")
    assert not verdict.keep
    assert verdict.reason.startswith("the reasoning ")
    assert (verdict.spans[0].part, verdict.spans[0].note) in {
        ("reasoning", "says that it is a machine"),
        ("reasoning", "refuses"),
    }
    assert judge("Evet.", reasoning=text, where="answer").keep


@pytest.mark.parametrize("text", FINE)
def test_a_text_about_refusing_is_none(text: str) -> None:
    verdict = judge(text, reasoning=text)
    assert verdict.keep, verdict.reason


def test_what_people_wrote_refuses_nothing() -> None:
    """Support questions, sentences of newspapers and worked solutions: hand-made texts of this repository."""
    texts = Path(__file__).resolve().parents[3].joinpath("docs", "privacy.md").read_text(encoding="utf-8").split("\n\n")
    assert [text for text in texts if not judge(text).keep] == []
