"""Placeholders: the same for the same value, restored through what models do to them, and never taken from the user."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imbik.privacy.cleaning import Cleansed, Pseudonymiser, Redactor, restore
from imbik.privacy.inspection import Inspector, bare_value, normal_value
from imbik.privacy.operator import Operator
from imbik.privacy.vault import Vault

AYSE, MEHMET = "10000000146", "11111111110"
NAMES = {("TCKN", "3F2A"): AYSE, ("NAME", "0C1D"): "Ayşe Hanım", ("IBAN", "77AA"): "TR33"}


@pytest.fixture(scope="module")
def pseudonymiser(tmp_path_factory: pytest.TempPathFactory) -> Pseudonymiser:
    """One vault for all of them."""
    patch = pytest.MonkeyPatch()
    patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
    made = Pseudonymiser(Inspector(Operator()), Vault(tmp_path_factory.mktemp("runs") / "vault.sqlite"))
    made.clean([f"TCKN {AYSE}"])  # the key is made while the configuration lies here
    patch.undo()
    return made


@pytest.mark.parametrize(
    ("came", "restored"),
    [
        ("[TCKN_3F2A] için", f"{AYSE} için"),
        ("[tckn_3f2a] için", f"{AYSE} için"),
        ("TCKN_3F2A için", f"{AYSE} için"),
        ("[TCKN_3F2A için", f"{AYSE} için"),
        ("TCKN_3F2A] için", f"{AYSE} için"),
        ("[ TCKN_3F2A ] için", f"{AYSE} için"),
        ("[TCKN-3F2A] için", f"{AYSE} için"),
        ("[TCKN 3F2A] için", f"{AYSE} için"),
        (r"[TCKN\_3F2A] için", f"{AYSE} için"),
        ("**[TCKN_3F2A]**", f"**{AYSE}**"),
        ("[NAME_0C1D]'ın borcu", "Ayşe Hanım'ın borcu"),
        ("[NAME_0C1D]’a", "Ayşe Hanım’a"),
        ("NAME_0C1Dda", "Ayşe Hanımda"),
        ("NAME_0C1De", "Ayşe Hanıme"),
        ("[ıban_77aa]", "TR33"),
        ("[İBAN_77AA]", "TR33"),
        ("[TCKN_3F2A] ve [NAME_0C1D]", f"{AYSE} ve Ayşe Hanım"),
        # what nobody can tell stays as it came
        ("[TCKN_9999]", "[TCKN_9999]"),
        ("[TCKN_3F2A7]", "[TCKN_3F2A7]"),
        ("[TCKN_3F2]", "[TCKN_3F2]"),
        ("[TCKN]", "[TCKN]"),
        ("[CARD_3F2A]", "[CARD_3F2A]"),
        ("XTCKN_3F2A", "XTCKN_3F2A"),
        ("3F2A", "3F2A"),
    ],
)
def test_models_change_placeholders_a_little(came: str, restored: str) -> None:
    assert restore(came, NAMES) == restored


def test_a_suffix_that_could_be_another_placeholder_is_left_alone() -> None:
    names = {("TCKN", "3F2A"): "bir", ("TCKN", "3F2ADE"): "iki"}
    assert restore("[TCKN_3F2ADE] [TCKN_3F2A]", names) == "iki bir"
    assert restore("TCKN_3F2Ada", {("TCKN", "3F2A"): "bir", ("TCKN", "3F2AD"): "iki"}) == "TCKN_3F2Ada"


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("Ayşe Hanım'ın", "Ayşe Hanım"),
        ("AYŞE HANIM'IN", "AYŞE HANIM"),
        ("Mehmet Bey’e", "Mehmet Bey"),
        ("Mehmet Bey'den", "Mehmet Bey"),
        ("Ayşe Hanım'daki", "Ayşe Hanım"),
        ("Sayın O'Brien", "Sayın O'Brien"),
        ("10000000146'nın", "10000000146"),
    ],
)
def test_only_turkish_endings_are_suffixes(text: str, bare: str) -> None:
    assert bare_value(text) == bare


def test_one_value_in_many_spellings_is_one_value() -> None:
    for spelling in (
        "100 000 001 46",
        "100.000.001-46",
        "１００００００0146",
        "١٠٠٠٠٠٠٠١٤٦",
        "1000\u200b0000146",
        AYSE,
    ):
        assert normal_value("tckn", spelling) == AYSE
    assert len({normal_value("name", name) for name in ("IŞIL İpek", "ışıl ipek", "Işıl IPEK", "IŞIL I\u0307pek")}) == 1
    assert len({normal_value("phone", item) for item in ("+90 532 123 45 67", "0532 123 45 67", "5321234567")}) == 1


def test_suffixes_stay_so_that_sentences_stay_sentences(pseudonymiser: Pseudonymiser) -> None:
    made = pseudonymiser.clean([f"TC kimlik no {AYSE}'nın ve TCKN {MEHMET}'a ait"])
    assert AYSE not in made.texts[0]
    assert "]'nın ve TCKN [TCKN_" in made.texts[0]
    assert made.texts[0].endswith("]'a ait")


def test_the_same_value_has_the_same_name_in_every_text_and_instance(tmp_path: Path) -> None:
    inspector = Inspector(Operator())
    first = Pseudonymiser(inspector, Vault(tmp_path / "vault.sqlite")).clean(
        [f"TCKN {AYSE}", f"kimlik no 100 000 001 46 / TCKN {MEHMET}"]
    )
    again = Pseudonymiser(inspector, Vault(tmp_path / "vault.sqlite")).clean([f"TCKN {AYSE}"])
    assert first.texts[0] == again.texts[0]
    assert first.texts[0].partition("[")[2] in first.texts[1].partition("[")[2]
    assert len(first.stands_for) == 2


def test_a_users_own_words_are_never_somebodys_value(pseudonymiser: Pseudonymiser) -> None:
    (plain,) = pseudonymiser.clean([f"TCKN {AYSE}"]).texts
    own = plain.partition("TCKN ")[2]  # [TCKN_XXXX], as somebody may type it
    for spelt in (own, own.lower(), own.strip("[]"), own.replace("_", " ")):
        made = pseudonymiser.clean([f"Örnek: {spelt}. Gerçek: TCKN {AYSE}"])
        assert spelt in made.texts[0]
        assert made.restored(made.texts[0]) == f"Örnek: {spelt}. Gerçek: TCKN {AYSE}"
    assert pseudonymiser.clean([f"{own} kim?"]).restored(own) == own


def test_redaction_keeps_nothing(tmp_path: Path) -> None:
    made = Redactor(Inspector(Operator())).clean([f"TCKN {AYSE} ve a@b.com.tr'ye yaz"])
    assert AYSE not in made.texts[0]
    assert "TCKN [TCKN] ve [EMAIL]" in made.texts[0]
    assert (made.stands_for, made.restored("[TCKN]")) == ({}, "[TCKN]")


def test_texts_without_findings_are_untouched(pseudonymiser: Pseudonymiser) -> None:
    assert pseudonymiser.clean(["İstanbul'da hava nasıl?", ""]) == Cleansed(("İstanbul'da hava nasıl?", ""), {})


_WORDS = st.text(alphabet="abcçğıiöşüÇĞIİÖŞÜ 'â\n.,[]_{}TCKN0F", max_size=60)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=_WORDS, between=_WORDS, after=_WORDS, suffix=st.sampled_from(["", "'nın", "’a", "'dan"]))
def test_what_goes_out_and_comes_back_is_what_it_was(
    pseudonymiser: Pseudonymiser, before: str, between: str, after: str, suffix: str
) -> None:
    text = f"{before} TC kimlik no {AYSE}{suffix} {between} TCKN: {MEHMET} {after}"
    made = pseudonymiser.clean([text])
    assert AYSE not in made.texts[0]
    assert MEHMET not in made.texts[0]
    assert made.restored(made.texts[0]) == text
    assert made.restored(made.texts[0].replace("[TCKN_", "[tckn_")) in {text, text.replace("[TCKN_", "[tckn_")}
