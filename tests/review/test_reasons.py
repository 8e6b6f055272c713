"""Reasons of checks in Turkish: what checks really say of rows that they keep is known, and nothing else is touched."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from string import Formatter

import pytest

from imbik.core.plugins import PluginBlock, available, make
from imbik.core.types import Sample, Verdict
from imbik.judge.scoring import Marks
from imbik.judge.voting import LOW, vote
from imbik.refine.checks import CheckContext
from imbik.refine.passes import edit_reason
from imbik.review.document import document
from imbik.review.reasons import reason_in
from imbik.review.shown import Shown
from imbik.tasks.clean import Cleaner
from stagekit import make_sample, make_task

CONTEXT = CheckContext(kind=make("tasks/kinds", PluginBlock(use="qa")), language="tr")
PASSAGE = "Ordu 3 Temmuz 1243'te Kösedağ'da yenildi. Türk Borçlar Kanunu'nun 117. maddesi temerrüdü düzenler."


def said(use: str, answer: str, passage: str = "", base: Path = Path(), **settings: object) -> str:
    """The reason that a check keeps a row with."""
    check = make("refine/checks", PluginBlock(use=use, raw=settings))
    sample = make_sample(make_task("a", passage=passage, answer=None), answer=answer, reasoning=answer)
    context = CheckContext(kind=CONTEXT.kind, language="tr", base=base)
    found = check.judge([sample], context)[0] if check.scope == "group" else check.judge(sample, context)
    assert isinstance(found, Verdict)
    assert found.keep
    return found.reason


@pytest.mark.parametrize(
    ("use", "answer", "passage", "settings", "turkish"),
    [
        ("answer", "5", "", {"without_reference": "keep"}, "görevin karşılaştırılacak bilinen bir yanıtı yok"),
        ("runs", "5", "", {"without_tests": "keep"}, "görevin programı sınayacak testi yok"),
        ("grounded", "5", "", {}, "görevin karşılaştırılacak bir metni yok"),
        ("arithmetic", "12 x 2 = 26 eder.", "", {"most_wrong": 9}, "'12 x 2 = 26' yanlış: sonucu 26 değil, 24"),
        (
            "arithmetic", "3 + 3 = 7 eder; 2 + 2 = 5.", "", {"most_wrong": 9},
            "'3 + 3 = 7' yanlış: sonucu 7 değil, 6 (ve 1 tane daha)",
        ),
        ("grounded", "Ordu 1244'te yenildi.", PASSAGE, {"most_unsupported": 9}, "'1244' sayısı metinde yok"),
        (
            "grounded", "Ordu 4 Temmuz 1243 günü yenildi.", PASSAGE, {"most_unsupported": 9},
            "'4 Temmuz 1243' tarihi metinde yok",
        ),
        ("grounded", "Yenilen ordu Sivas'ta idi.", PASSAGE, {"most_unsupported": 9}, "'Sivas'ta' adı metinde yok"),
        (
            "grounded", "Temerrüdü TBK m. 118 düzenler.", PASSAGE, {"most_unsupported": 9},
            "'TBK m. 118' maddesi metinde yok",
        ),
        (
            "grounded", "Gezegenler incelenir.", PASSAGE, {"most_unsupported": 9},
            "metinde 'Gezegenler incelenir.' cümlesine dayanak yok (sözcüklerinin %0 kadarı orada bir arada geçiyor)",
        ),
    ],
)  # fmt: skip
def test_what_a_check_says_of_a_row_that_it_keeps(
    use: str, answer: str, passage: str, settings: dict[str, object], turkish: str
) -> None:
    reason = said(use, answer, passage, **settings)
    assert reason_in("tr", use, reason) == turkish
    assert reason_in("tr", f"{use}-2", reason) == turkish, "the second check of a kind"
    assert reason_in("en", use, reason) == "", "it is in English"


def test_facts_that_no_reference_text_holds(tmp_path: Path) -> None:
    (tmp_path / "metinler").mkdir()
    settings = {"references": "metinler"}
    (tmp_path / "metinler" / "savas.md").write_text(PASSAGE, encoding="utf-8")
    near = said("facts", "Ordu 77 top ile yenildi.", base=tmp_path, **settings)
    assert reason_in("tr", "facts", near) == "'77' sayısı başvuru metinlerinin hiçbirinde yok (en yakını savas.md)"
    far = said("facts", "77 top vardı.", base=tmp_path, **settings)
    assert reason_in("tr", "facts", far) == "'77' sayısı başvuru metinlerinin hiçbirinde yok"


def test_what_was_cleaned_is_named_one_by_one() -> None:
    _, changes = Cleaner().text("<b>İstanbul</b>\x07 ve s\u0327ehir")
    assert set(changes) == {"html", "control", "nfc"}
    turkish = reason_in("tr", "clean", edit_reason(changes))
    assert (
        turkish == f"görünmeyen karakter {changes['control']}, HTML {changes['html']}, ayrık harf imi {changes['nfc']}"
    )


def test_a_low_mark_keeps_the_judges_own_words() -> None:
    words = vote({"j": Marks(scores={"doğruluk": 2, "açıklık": 5}, reasoning="Oran yanlış; yıl yok.")}, 4).words
    low = f"{LOW}4): {words}; annotated only"
    assert reason_in("tr", "judge", low) == f"düşük (4 altında): {words}; yalnızca not edildi"
    assert "uzmanlarla karşılaştırılmadı" in reason_in("tr", "judge", f"{low}, not calibrated")
    assert reason_in("tr", "judge", words) == ""


@pytest.mark.parametrize(
    "reason", ["", "something new", "the colour 'mavi' is not in the passage", "x" * 5000, "{0}", "html 2, and more"]
)
def test_what_is_not_known_is_left_as_it_was_written(reason: str) -> None:
    for use in (*available("refine/checks"), "kinds", "nobody"):
        assert reason_in("tr", use, reason) == ""


def test_every_template_has_its_values_in_every_language_and_belongs_to_a_check() -> None:
    table = tomllib.loads(files("imbik.review").joinpath("reasons.toml").read_text(encoding="utf-8"))
    assert set(table) - {"kinds"} <= set(available("refine/checks"))
    for line in (line for name, lines in table.items() if name != "kinds" for line in lines):
        assert values(line["en"]) == values(line["tr"]), line["en"]


def values(template: str) -> set[str | None]:
    return {name for _, name, _, _ in Formatter().parse(template)} - {None}


def test_the_page_is_told_both_and_a_mark_that_doubts_is_an_objection() -> None:
    def told(*verdicts: Verdict) -> list[dict[str, object]]:
        sample: Sample = make_sample(make_task("a"), answer="5", verdicts=verdicts)
        return list(document(sample, Shown(row="a", content="c"), None)["checks"])

    hostile = "the number '<img src=x onerror=alert(1)>' is not in the passage"
    first, second, low = told(
        Verdict(by="grounded", keep=True, reason=hostile),
        Verdict(by="custom", keep=True, reason=hostile),
        Verdict(by="judge", keep=True, reason=f"{LOW}4): doğruluk 2; annotated only"),
    )
    assert first["worded"]["tr"]["nodes"] == ["'<img src=x onerror=alert(1)>' sayısı metinde yok"]  # type: ignore[index]
    assert (first["objects"], second["worded"], second["objects"], low["objects"]) == (False, {}, False, True)
