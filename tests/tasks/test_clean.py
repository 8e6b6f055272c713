"""Text is cleaned and every change counted; what is clean, and what only looks unclean, stays as it is."""

from __future__ import annotations

import csv
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbik.core.runfolder import RunFolder
from imbik.core.types import Completion
from imbik.recipe import Recipe
from imbik.stage import StageResult
from imbik.tasks.clean import Cleaner
from imbik.tasks.stage import TasksStage
from stagekit import FakeAsker, context_of

TURKISH = "Şu kız çiçeği İstanbul'da gördü; ılık bir güz günü, şöför ve Iğdır."


def run_stage(recipe: Recipe, folder: Path) -> tuple[RunFolder, StageResult]:
    run = RunFolder(folder / "runs" / recipe.name)
    run.path.parent.mkdir(parents=True)
    run.create()
    stage = TasksStage()
    return run, stage.run(context_of(stage, recipe, run, asker=FakeAsker(lambda *_: Completion())))


@pytest.mark.parametrize(
    ("text", "clean", "changes"),
    [
        (TURKISH.encode().decode("latin-1"), TURKISH, {"mojibake": 1}),
        ("ÅŸu kÄ±z Ã§iÃ§eÄŸi gÃ¶rdÃ¼", "şu kız çiçeği gördü", {"mojibake": 1}),
        ("Bugün güneþli ve ýlýk, Ýzmir'e gidiyoruz", "Bugün güneşli ve ılık, İzmir'e gidiyoruz", {"mojibake": 1}),
        (unicodedata.normalize("NFD", "Iğdır'ın çiçeği"), "Iğdır'ın çiçeği", {"nfc": 1}),
        ("a\x00b\u200bc\ufeff\u00ad\r\nd\re", "abc\nd\ne", {"control": 6}),
        ("\u202eters\u202c \x1b[31mkırmızı", "ters [31mkırmızı", {"control": 3}),
        ("<p>Bir &amp; iki</p><p>üç<br/>dört</p>", "Bir & iki\n\nüç\ndört", {"html": 6}),
        ("<script>alert('x')</script>metin<!-- not -->", "metin", {"html": 2}),
        ("<a href='x'>bağ</a> ve &#304;zmir &nbsp;son", "bağ ve İzmir \xa0son", {"html": 4}),
    ],
)
def test_what_is_unclean_is_mended_and_counted(text: str, clean: str, changes: dict[str, int]) -> None:
    assert Cleaner().text(text) == (clean, changes)


@pytest.mark.parametrize(
    "text",
    [
        TURKISH, "3 < 5 ve 7 > 2", "x<y ise y>x", "List<T> ve vector<int>", "AT&T, R&D; a&b", "5 & 3", "",
        "Þingvellir er á Íslandi", "Čeština má háčky a ý", "Ölçü, âlim, kâğıt", "👩‍👩‍👧 aile", "می‌خواهم",
        "tab\tve\nsatır",
        "Zürich, naïve café", "$a < b$ \\& c", "<think> düşün </think>",
    ],
)  # fmt: skip
def test_what_is_clean_stays(text: str) -> None:
    assert Cleaner().text(text) == (text, {})


@given(st.text(alphabet="abçğıİşöü <>&;/pbr\x00\r\n\u200bÅŸÄ±", max_size=40))
def test_nothing_off_changes_nothing_and_clean_text_is_composed_without_controls(text: str) -> None:
    assert Cleaner(nfc=False, control=False, html=False, mojibake=False).text(text) == (text, {})
    clean, changes = Cleaner().text(text)
    assert unicodedata.is_normalized("NFC", clean)
    assert not {"\x00", "\r", "\u200b"} & set(clean)
    assert bool(changes) or clean == text


def test_rows_are_cleaned_as_they_are_read_and_the_manifest_says_how(tmp_path: Path, recipe: Any) -> None:
    rows = [(f"<b>{n}</b> numaralı kart &amp; hesap?", ("kart", "iade")[n % 2]) for n in range(20)]
    with (tmp_path / "m.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("mesaj", "niyet"), *rows, ("ÅŸu kÄ±z\x00?", "kart")])
    made = recipe("m.csv", "classification", clean=True)
    run, result = run_stage(made, tmp_path)
    assert result.books.balanced
    assert result.books.rows_out == 21
    assert {name: count for name, count in result.measured.items() if name.startswith("cleaned")} == {
        "cleaned_html": "60", "cleaned_mojibake": "1", "cleaned_control": "1",
    }  # fmt: skip
    assert "cleaned 21 rows: control 1, html 60, mojibake 1" in result.warnings
    assert "<b>" not in "".join(path.read_text(encoding="utf-8") for path in run.stage("1_tasks").glob("part-*"))
    apart = recipe("m.csv", "classification", clean={"html": False})
    _, kept = run_stage(apart, tmp_path / "other")
    assert "cleaned_html" not in kept.measured
    assert kept.measured["cleaned_mojibake"] == "1"
