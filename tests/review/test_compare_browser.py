"""The page on which people compare systems, in a real browser: keys are pressed, and what is saved is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from imbik.core.runfolder import RunFolder
from imbik.core.types import Task
from imbik.review.preferences import Preference, preferences_of
from pagekit import HOSTILE, press, told
from reviewkit import Served, Watched, compare_run, served_comparison
from stagekit import make_task

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

ROWS: list[tuple[Task, dict[str, str]]] = [
    (
        make_task(f"s{n}", f"Temerrüt faizi {n} gün için nasıl bulunur?", category="hukuk › borçlar", language="tr"),
        {"student": f"Öğrenci: $\\frac{{{n}}}{{365}}$", "teacher": f"Usta: {n} / 365, çünkü yıl 365 gündür."},
    )
    for n in range(3)
]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return compare_run(tmp_path, ROWS)


@pytest.fixture
def where(run: RunFolder) -> Iterator[Served]:
    with served_comparison(run, ["student", "teacher"]) as found:
        yield found


def given(run: RunFolder) -> list[Preference]:
    return [item for said in preferences_of(run).values() for item in said]


def test_keys_choose_the_system_that_stands_there(desk: Watched, run: RunFolder) -> None:
    page, wanted = desk.page, list[str]()
    for key, heard, side in (
        ("ArrowLeft", "Soldaki", "#left-answer"),
        ("2", "Sağdaki", "#right-answer"),
        ("t", "Eşit", ""),
    ):
        wanted.append({"Ö": "student", "U": "teacher"}[page.inner_text(side)[0]] if side else "")
        press(page, key)
        told(page, heard)
    page.wait_for_selector("#done:not([hidden])")
    assert [item.prefers for item in sorted(given(run), key=lambda item: wanted.index(item.prefers))] == wanted
    assert {item.verdict.by for item in given(run)} == {"ayşe"}


def test_a_reason_a_tie_undo_and_skip_by_key(desk: Watched, run: RunFolder) -> None:
    page = desk.page
    first = page.inner_text("#question")
    press(page, "n")
    page.keyboard.type("İkisi de 1 ve t ile aynı")  # letters that are keys elsewhere
    press(page, "Escape", "0")
    told(page, "Eşit")
    (one,) = given(run)
    assert (one.prefers, one.verdict.reason) == ("", "İkisi de 1 ve t ile aynı")
    assert page.input_value("#why") == ""
    press(page, "u")
    told(page, "eri")
    assert page.inner_text("#question") == first
    assert page.input_value("#why") == "İkisi de 1 ve t ile aynı"
    assert "Eşit sayıldı" in page.inner_text("#before")
    assert given(run) == []
    press(page, "s")
    told(page, "onra")
    assert page.inner_text("#question") != first
    for _ in range(2):
        before = page.inner_text("#mine")
        press(page, "1")
        page.wait_for_selector(f"#mine:not(:has-text('{before}'))")
    page.wait_for_selector("#done:not([hidden])")
    page.locator("#look-aside").click()
    page.wait_for_selector("#sheet:not([hidden])")
    assert page.inner_text("#question") == first


def test_the_page_never_names_a_system(desk: Watched) -> None:
    page = desk.page
    press(page, "?")
    seen = page.evaluate("document.body.textContent + document.getElementById('row').outerHTML")
    for name in ("student", "teacher", "öğrenci model", "öğretmen"):
        assert name not in seen
    assert "kurayla" in page.inner_text("#help")


def test_a_choice_waits_for_a_server_that_is_away(desk: Watched, run: RunFolder) -> None:
    page = desk.page
    desk.context.set_offline(True)
    press(page, "1")
    page.wait_for_selector("#trouble:not([hidden])")
    assert given(run) == []
    desk.context.set_offline(False)
    told(page, "Soldaki")
    assert len(given(run)) == 1
    desk.said.clear()  # the browser's own words on a network that was away


def test_hostile_answers_are_inert_and_seen(chromium: Browser, tmp_path: Path) -> None:
    task = make_task("kötü", HOSTILE, passage=HOSTILE, category="<b onclick=window.hacked=1>kat</b>", language="tr")
    run = compare_run(tmp_path, [(task, {"student": HOSTILE, "teacher": HOSTILE + "!"})])
    with served_comparison(run, ["student", "teacher"]) as where:
        desk = Watched(chromium)
        page = desk.join(where.link("ayşe"))
        for place in ("#question", "#passage", "#left-answer", "#right-answer"):
            text = page.inner_text(place)
            assert "<script>window.hacked=1</script><img src=x onerror='window.hacked=1'>" in text, place
            assert "U+202Egnirts" in text, place
        inside = page.locator(
            "#row :is(script, img, svg, a:not(.jump), iframe, style, i, b, [onclick], [onerror], [style])"
        )
        assert inside.count() == 0
        page.wait_for_timeout(100)
        assert page.evaluate("window.hacked") is None
        assert desk.said == []
        desk.context.close()


def test_a_phone_shows_both_answers_below_each_other(chromium: Browser, where: Served, run: RunFolder) -> None:
    desk = Watched(chromium, language="en", viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = desk.join(where.link("ayşe"))
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    left, right = (page.locator(f"#{side}-answer").bounding_box() for side in ("left", "right"))
    assert left is not None
    assert right is not None
    assert right["y"] >= left["y"] + left["height"]
    small = page.evaluate(
        "() => [...document.querySelectorAll('button, select, #why')].filter((item) => item.checkVisibility())"
        ".filter((item) => item.getBoundingClientRect().height < 24).map((item) => item.outerHTML.slice(0, 60))"
    )
    assert small == []
    page.locator("#do-right").tap()
    told(page, "Right")
    assert len(given(run)) == 1
    desk.context.close()
