"""What an expert reads of a row, in a real browser: marks, formulas, code, what the checks say and how."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from imbik.core.plugins import available
from imbik.core.types import Span, Verdict
from imbik.web.words import words_of
from pagekit import press
from review_rows import law, sums
from reviewkit import Served, Watched, review_run, served
from stagekit import make_sample, make_task

pytestmark = pytest.mark.browser
CODE = "def topla(a, b):\n    # $a + b$ formül değil\n    return a  +  b\n"


@pytest.fixture
def where(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Served]:
    with served(review_run(tmp_path, [request.param])) as found:
        yield found


def a_program() -> object:
    task = make_task("kod", "İki sayıyı toplayan programı yaz.", language="tr", schema='{"type": "object"}')
    spans = (Span(start=4, end=9, note="kötü ad", doubted=True),)
    return make_sample(task, answer=CODE, verdicts=(Verdict(by="custom", keep=True, spans=spans),))


@pytest.mark.parametrize("where", [law()], indirect=True, ids=["law"])
def test_what_nothing_supports_looks_and_sounds_otherwise(desk: Watched) -> None:
    page = desk.page
    doubted = page.locator("#answer mark.doubted")
    assert doubted.all_inner_texts() == ["24", "591,78"]
    looks = (
        "(item) => { const style = getComputedStyle(item); return [style.borderBottomStyle, style.backgroundColor]; }"
    )
    backed = page.locator("#answer mark.backed:not(.doubted)").first
    assert doubted.first.evaluate(looks)[0] == "dotted"
    assert backed.evaluate(looks)[0] == "solid"
    assert doubted.first.evaluate(looks)[1] != backed.evaluate(looks)[1]
    assert "kuşkulu: 591,78" in page.locator("#answer").aria_snapshot()
    assert "kuşkulu" not in page.inner_text("#answer")  # said, not written: what is copied is the answer
    assert (doubted.first.get_attribute("title") or "").startswith("dayanaksız ya da kuşkulu · grounded: ")
    legend = page.locator("#legend li").all_inner_texts()
    assert [line.partition(" ")[2] for line in legend] == [
        "bir denetimin işaretlediği", "metinde karşılığı bulunan", "dayanaksız ya da kuşkulu"
    ]  # fmt: skip
    assert page.locator("#answer mark.noted").all_inner_texts()[1].startswith("Sözleşmedeki %")


@pytest.mark.parametrize("where", [law()], indirect=True, ids=["law"])
def test_checks_are_named_in_the_pages_language_and_reasons_say_theirs(desk: Watched) -> None:
    page = desk.page
    press(page, "c")
    lines = page.locator("#checks li").all_inner_texts()
    assert lines[0] == "✗ itiraz metinde dayanak (grounded) · puan 0,667: '24' sayısı metinde yok (ve 1 tane daha)"
    assert lines[1].startswith("✗ itiraz hakem model (judge) · puan 2: Yıllık oranın")
    assert page.locator("#checks .why").evaluate_all("(all) => all.map((item) => item.lang)") == ["tr", ""]
    assert page.evaluate("document.getElementById('answer').lang") == "tr"
    assert page.evaluate("document.getElementById('edit-answer').lang") == "tr"


def test_every_name_of_a_check_is_one_of_a_check() -> None:
    words = {key.removeprefix("check_") for key in words_of("tr", "imbik.review") if key.startswith("check_")}
    assert words - {"passed", "objects"} <= set(available("refine/checks"))
    assert len(words) > 20


@pytest.mark.parametrize("where", [sums()], indirect=True, ids=["sums"])
def test_formulas_are_drawn_and_a_broken_one_is_its_source(desk: Watched) -> None:
    page = desk.page
    drawn = page.locator("#reasoning math")
    assert drawn.count() == 7
    assert page.locator("#reasoning code.latex").all_inner_texts() == [r"$\frac{1}{$"]
    assert page.locator("#reasoning code.latex").get_attribute("title") == "Çizilemeyen formül, yazıldığı gibi"
    assert "ℕ" in (drawn.nth(1).text_content() or "")
    for place in ("munderover", "msubsup", "mtable.sides", "mtable.left", "munder.brace"):
        assert page.locator(f"#reasoning {place}").count(), place
    assert "eğer" in (page.locator("#reasoning mtable.left").text_content() or "")
    assert page.locator("#reasoning mark.doubted").inner_text() == "12 + 3 = 16"
    gaps = page.locator("#reasoning mfrac").evaluate_all(
        "(all) => all.map((item) => { const [over, under] = [...item.children].map((one) =>"
        " one.getBoundingClientRect()); return under.top - over.bottom; })"
    )
    assert min(gaps) >= 0  # nor do they run into one another
    assert page.locator("#reasoning math").evaluate_all(
        "(all) => all.every((item) => getComputedStyle(item).fontFamily.includes('Math'))"
    )


@pytest.mark.parametrize("where", [sums()], indirect=True, ids=["sums"])
def test_code_and_tables_stand_in_columns_and_move_in_their_own_box(desk: Watched) -> None:
    page = desk.page
    blocks = page.locator("#answer code.block")
    assert blocks.count() == 2
    looks = """(item) => { const style = getComputedStyle(item); return [
      style.fontFamily.includes('ono'), style.fontWeight, style.whiteSpaceCollapse, style.textWrapMode,
      style.overflowX]; }"""
    for place in (blocks.first, blocks.nth(1)):
        assert place.evaluate(looks) == [True, "400", "preserve", "nowrap", "auto"]
    assert "\n    for sayi in range(1, n + 1):\n        toplam" in (blocks.first.text_content() or "")
    assert page.locator("#answer code.short").all_inner_texts() == ["`topla(n)`"]
    assert page.locator("#answer").evaluate("(item) => getComputedStyle(item).fontWeight") == "400"


@pytest.mark.parametrize("where", [a_program()], indirect=True, ids=["program"])
def test_an_answer_that_is_a_program_is_shown_as_one(desk: Watched) -> None:
    page = desk.page
    assert page.evaluate("document.getElementById('answer').textContent") == CODE
    assert page.locator("#answer math").count() == 0
    looks = page.locator("#answer").evaluate(
        "(item) => [getComputedStyle(item).fontFamily.includes('ono'), getComputedStyle(item).textWrapMode]"
    )
    assert looks == [True, "nowrap"]
    assert page.locator("#answer mark.doubted").inner_text() == "topla"
