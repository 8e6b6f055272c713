"""Listed words are found with endings and behind masks, and never inside other words."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from imbik.core.errors import InputError
from imbik.core.plugins import PluginBlock, make
from imbik.core.types import Verdict
from imbik.refine.checks import CheckContext
from imbik.refine.phrases.wordlist import WordList, lower, shipped
from stagekit import make_sample, make_task

KIND = make("tasks/kinds", PluginBlock(use="qa"))


def judge(answer: str, base: Path = Path(), **settings: object) -> Verdict:
    check = make("refine/checks", PluginBlock(use="toxicity", raw=settings))
    check.verify(base)
    verdict: Verdict = check.judge(make_sample(make_task("a"), answer=answer), CheckContext(kind=KIND, base=base))
    return verdict


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Sen bir yavşaksın.", "yavşak"),
        ("O yavşağın dediğine bakma.", "yavşak"),
        ("YAVŞAKLAR", "yavşak"),
        ("serefsizler geldi", "şerefsiz"),
        ("ŞEREFSİZ", "şerefsiz"),
        ("Siktirip gitti", "siktir"),
        ("SİKTİR git", "siktir"),
        ("orospu çocuğu", "orospu"),
        ("amına koyayım", "amına koy"),
        ("götün biri", "göt"),
        ("p3zev3nk", "pezevenk"),
        ("k@ltak", "kaltak"),
        ("k.a.l.t.a.k dedi", "kaltak"),
        ("k a l t a k", "kaltak"),
        ("kaltaaaak", "kaltak"),
        ("s*ktir", "siktir"),
        ("What the FUCKING thing", "fuck"),
        ("You sh1t", "shit"),
        ("BITCHES", "bitch"),
        ("a$$hole", "asshole"),
        ("f u c k you", "fuck"),
    ],
)
def test_a_listed_word_is_named(text: str, word: str) -> None:
    for form in (text, unicodedata.normalize("NFD", text)):
        verdict = judge(form)
        assert not verdict.keep
        assert verdict.reason.startswith(f"the answer says '{word}")
    assert text[judge(text).spans[0].start :].lower()[0] in lower(text)


@pytest.mark.parametrize(
    "text",
    [
        "Bunu eve götür, sonra getir.",
        "Boks maçı bitti; sıçan kaçtı, çocuk sıçradı.",
        "Sıkı çalış, dişini sık; bu sıktır.",
        "SIKI DURUN",
        "Ama amaç budur, aman dikkat.",
        "Malı piyasaya sürdü, piçuv diye bir köy var.",
        "He got a pic of the Scunthorpe class, assessed the passage.",
        "Fagot bir çalgıdır, boğa bir burçtur.",
        "Kalkan balığı taze, kaltaban eski bir sözdür.",
        "a. b. c. d. şıkları",
        "1. x + y = 5, 2. x - y = 1",
        "e-posta: a@b.com",
        "5*3*2 = 30 ve x*y",
        "www.ornek.com",
        "",
    ],
)
def test_other_words_are_let_pass(text: str) -> None:
    verdict = judge(text, mild=True)
    assert verdict.keep, verdict.reason


def test_mild_insults_count_when_asked() -> None:
    for text in ("Aptalca bir iş.", "What an idiot!", "AHMAKLAR", "@pt@l"):
        assert judge(text).keep
        assert not judge(text, mild=True).keep
    assert judge("salak", mild=True, allow=["salak"]).keep


def test_a_list_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "sozler.txt").write_text("# rakipler\nrakip bank\n=gizli\n", encoding="utf-8")
    mine = {"base": tmp_path, "words": "sozler.txt", "lists": []}
    assert judge("Bu RAKİP BANKTAN daha iyi.", **mine).reason == "the answer says 'rakip bank'"
    assert not judge("gizli", **mine).keep
    assert judge("gizlice bankta oturdu", **mine).keep
    assert judge("orospu", **mine).keep
    assert judge("gizli", **mine, most=1).keep
    check = make("refine/checks", PluginBlock(use="toxicity", raw={"words": "sozler.txt"}))
    assert check.files(tmp_path) == [tmp_path / "sozler.txt"]


def test_lists_that_look_for_nothing_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no word is looked for"):
        judge("x", lists=[])
    with pytest.raises(InputError, match="cannot be read"):
        judge("x", base=tmp_path, words="yok.txt")


@pytest.mark.parametrize("language", ["tr", "en"])
def test_every_word_that_ships_is_found_in_every_casing(language: str) -> None:
    wanted = WordList(shipped(language), language=language)
    assert len(wanted.written) > 30
    for word in wanted.written:
        upper = word.replace("i", "İ").upper() if language == "tr" else word.upper()
        assert word in {found.word for found in wanted.find(word)} or " " in word
        for form in (word, upper, f"({word})", f"o {word}, bu"):
            assert wanted.find(form), form
