"""Texts in another language are rejected, whole or in part; short ones, labels and programs are not judged."""

from __future__ import annotations

import unicodedata
from itertools import permutations

import msgspec
import pytest

from imbik.core.plugins import PluginBlock, make
from imbik.core.types import Case, LabelReference, ProgramReference, Reference, Verdict
from imbik.refine.checks import CheckContext
from stagekit import make_sample, make_task

TEXTS = {
    "tr": [
        "Önce toplam elma sayısını buluruz. Ali'nin on iki elması vardı, bunların yarısını kardeşine verdi, kalanları "
        "da üç arkadaşı arasında eşit olarak paylaştırdı.",
        "Temerrüt, borçlunun muaccel olan borcunu alacaklının ihtarına karşın yerine getirmemesidir; ihtar yapılınca "
        "borçlu gecikme faizi ödemek zorunda kalır.",
        "Kösedağ Savaşı'ndan sonra Anadolu Selçuklu Devleti Moğollara bağlandı ve beylikler birer birer ortaya çıktı.",
    ],
    "en": [
        "First we find the total number of apples. Ali had twelve of them, he gave half to his brother and shared the "
        "rest equally among three friends.",
        "A debtor is in default when he does not perform an obligation that is due after a notice from the creditor.",
        "After the battle the state came under Mongol rule and small principalities appeared one after another.",
    ],
    "sl": [
        "Najprej izračunamo skupno število jabolk. Ali jih je imel dvanajst, polovico jih je dal bratu, ostala pa je "
        "enakomerno razdelil med tri prijatelje.",
        "Dolžnik pride v zamudo, če obveznosti ne izpolni v roku, ki je določen za izpolnitev, in upnik ga opomni.",
        "Ljubljana leži med Alpami in Sredozemljem, zato so zime v njej hladne, poletja pa topla in večkrat deževna.",
    ],
    "hu": [
        "Először kiszámoljuk az almák számát. Alinak tizenkettő volt, a felét odaadta a testvérének, a többit pedig "
        "egyenlően osztotta el három barátja között.",
        "Az adós késedelembe esik, ha a lejárt tartozását a hitelező felszólítása után sem teljesíti.",
        "A csata után az állam mongol uralom alá került, és egymás után jelentek meg a kisebb fejedelemségek.",
    ],
}


def judge(
    reasoning: str, answer: str = "5", language: str = "tr", kind: str = "qa", reference: Reference | None = None,
    **settings: object,
) -> Verdict:  # fmt: skip
    task = msgspec.structs.replace(make_task("a", language=language), reference=reference)
    check = make("refine/checks", PluginBlock(use="language", raw=settings))
    context = CheckContext(kind=make("tasks/kinds", PluginBlock(use=kind)))
    verdict: Verdict = check.judge(make_sample(task, reasoning=reasoning, answer=answer), context)
    return verdict


@pytest.mark.parametrize("language", TEXTS)
def test_texts_in_the_language_pass_in_any_casing_and_composition(language: str) -> None:
    for text in TEXTS[language]:
        upper = text.replace("i", "İ").upper() if language == "tr" else text.upper()
        for form in (text, unicodedata.normalize("NFD", text), upper):
            verdict = judge(form, form, language)
            assert verdict.keep, verdict.reason
            assert verdict.score == 1.0


@pytest.mark.parametrize(("wanted", "given"), list(permutations(TEXTS, 2)))
def test_texts_in_another_language_are_named(wanted: str, given: str) -> None:
    name = {"tr": "Turkish", "en": "English", "sl": "Slovenian", "hu": "Hungarian"}
    for text in TEXTS[given]:
        verdict = judge(text, language=wanted)
        assert not verdict.keep
        assert f"in {name[given]}, not in {name[wanted]}: '" in verdict.reason
        assert verdict.reason.startswith("the reasoning is")
        assert judge("", text, wanted).reason.startswith("the answer is")
        assert judge(text, language=wanted, **{"is": given}).keep


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Chinese", "债务人在债权人发出通知后即构成违约,并且从那天起必须支付利息。首先我们计算本金,然后计算利息。"),
        ("Japanese", "債務者は債権者からの通知によって遅滞に陥り、その日から利息を支払わなければなりません。"),
    ],
)
def test_scripts_without_spaces_are_judged_too(name: str, text: str) -> None:
    verdict = judge(text)
    assert not verdict.keep
    assert f"the reasoning is in {name}, not in Turkish: '" in verdict.reason
    assert "the answer is in" in judge("", text).reason
    mixed = judge(f"{TEXTS['tr'][0]} {text}")
    assert not mixed.keep
    assert f"in {name}" in mixed.reason
    assert judge(text, **{"is": "zh" if name == "Chinese" else "ja"}).keep
    assert judge(TEXTS["tr"][0] + " 利息").keep


def test_a_text_that_changes_its_language_is_rejected_in_part() -> None:
    mixed = " ".join([*TEXTS["tr"], TEXTS["en"][0]])
    verdict = judge(mixed)
    assert not verdict.keep
    assert " passages of the reasoning are in English, not in Turkish: " in verdict.reason
    assert verdict.score is not None
    assert 0.5 < verdict.score < 0.8
    assert judge(mixed, at_least=0.5).keep


@pytest.mark.parametrize(
    "text",
    [
        "5 elma",
        "Yes, that is right.",
        "$\\frac{12}{3} = 4$ and x = 4",
        "```python\nfor number in range(10):\n    print(number and not other or the_last_of_them)\n```",
        "https://example.com/the/way/of/the/world/is/long/and/there/are/many/words",
        "2 + 3 = 5, 5 * 4 = 20, 20 / 2 = 10",
        "",
    ],
)
def test_what_is_short_or_no_prose_is_not_judged(text: str) -> None:
    assert judge(text, text).keep
    assert judge(text, text).score is None


def test_labels_programs_and_json_are_no_prose() -> None:
    english = TEXTS["en"][0]
    assert not judge("", english).keep
    assert judge("", english, reference=ProgramReference(cases=(Case(input="1", output="2"),))).keep
    assert judge("", english, reference=LabelReference(text="x"), kind="extraction").keep


def test_a_translation_is_in_the_language_translated_into() -> None:
    turkish, english = TEXTS["tr"][0], TEXTS["en"][0]
    assert judge(turkish, english, kind="translation").keep
    assert "the answer is in Turkish" in judge(turkish, turkish, kind="translation").reason


def test_languages_without_small_words_and_languages_that_nobody_knows() -> None:
    german = "Zuerst bestimmen wir die gesamte Zahl der Äpfel, danach geben wir die Hälfte davon dem Bruder."
    assert judge(german, **{"is": "de"}).keep
    assert "in German" in judge(german).reason
    assert judge(german, **{"is": "xq"}).keep
