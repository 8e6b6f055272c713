"""The experts' page in a real browser: keys are pressed, and what lies in `reviews.sqlite` afterwards is looked at."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from imbik.core.runfolder import RunFolder
from imbik.core.types import Verdict
from imbik.review.reservations import on_pages
from imbik.review.store import ExpertVerdict, reading, verdicts_of
from pagekit import press, told
from review_rows import ANSWER, RUBRIC, law, others
from reviewkit import Served, Watched, review_run, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return review_run(tmp_path, [law(), *others()], RUBRIC)


@pytest.fixture
def where(run: RunFolder) -> Iterator[Served]:
    with served(run) as found:
        yield found


def said(run: RunFolder) -> list[ExpertVerdict]:
    return [item for given in verdicts_of(run).values() for item in given]


def test_keys_keep_and_score(desk: Watched, run: RunFolder) -> None:
    page = desk.page
    question = page.inner_text("#question")
    press(page, "4", "5", "3", "k")
    told(page, "Kabul")
    (given,) = said(run)
    assert given.verdict == Verdict(by="ayşe", keep=True, score=4.0)
    assert given.scores == {"doğruluk": 4, "kültürel uygunluk": 5, "açıklık": 3}
    assert page.inner_text("#question") != question
    assert page.locator("fieldset input:checked").count() == 0
    page.wait_for_selector("#told span", state="hidden")  # it fades
    press(page, "k")
    page.wait_for_selector("#told span", state="visible")  # and is seen again, though the words are the same


def test_keys_edit_with_the_changes_in_view(desk: Watched, run: RunFolder) -> None:
    page = desk.page
    press(page, "e")
    assert page.evaluate("document.activeElement.id") == "edit-answer"
    press(page, "Control+Home")
    page.keyboard.type("İşte: ")
    assert page.inner_text("#changes ins") == "İşte: "
    press(page, "k", "Backspace")  # a letter while typing is a letter
    press(page, "Control+Enter")
    told(page, "Düzelt")
    (given,) = said(run)
    assert (given.verdict.keep, given.answer, given.reasoning) == (True, f"İşte: {ANSWER}", None)


def test_keys_reject_with_a_reason_of_the_list_or_of_ones_own(desk: Watched, run: RunFolder) -> None:
    page = desk.page
    press(page, "r", "3")
    told(page, "Reddedildi")
    assert [item.verdict for item in said(run)] == [Verdict(by="ayşe", keep=False, reason="Metinde dayanağı yok")]
    before = page.inner_text("#mine")
    press(page, "r", "Enter")
    page.wait_for_selector(f"#mine:not(:has-text('{before}'))")
    press(page, "r")
    page.keyboard.type("kaynak Iğdır'a ait değil, 5 kez")
    press(page, "Enter")
    told(page, "Reddedildi")
    page.wait_for_selector("#reject-part", state="hidden")
    assert "kaynak Iğdır'a ait değil, 5 kez" in {item.verdict.reason for item in said(run)}


def test_keys_skip_undo_and_escape(desk: Watched, run: RunFolder) -> None:
    page = desk.page
    first = page.inner_text("#question")
    press(page, "s")
    told(page, "onra")
    second = page.inner_text("#question")
    assert second != first
    press(page, "u")
    told(page, "eri")
    assert page.inner_text("#question") == first
    press(page, "r", "Escape", "e", "Escape")
    assert page.locator("#reject-part").is_hidden()
    assert said(run) == []
    press(page, "k")
    told(page, "Kabul")
    press(page, "u")
    told(page, "eri")
    assert page.inner_text("#question") == first
    assert said(run) == []


def test_help_and_filters_by_key(desk: Watched) -> None:
    page = desk.page
    press(page, "?")
    assert page.locator("#help").is_visible()
    assert "object at" not in page.inner_text("#help")
    press(page, "k")  # behind the help nothing is decided
    press(page, "Escape")
    page.wait_for_selector("#help", state="hidden")
    press(page, "f")
    page.select_option("[data-filter=category]", "sağlık")
    page.wait_for_selector("#question:has-text('serumda')")
    assert page.inner_text("#category") == "sağlık"


def test_two_people_are_never_shown_one_row(chromium: Browser, where: Served, run: RunFolder) -> None:
    desks = [Watched(chromium), Watched(chromium)]
    seen: list[str] = []
    for desk, name in zip(desks, ("ayşe", "mehmet"), strict=True):
        desk.join(where.link(name))
    for _ in range(2):
        for desk in desks:
            seen.append(desk.page.inner_text("#question"))
        for desk in desks:
            before = desk.page.inner_text("#mine")
            press(desk.page, "k")
            desk.page.wait_for_selector(f"#mine:not(:has-text('{before}'))")
    assert len(seen) == len(set(seen)) == 4
    for desk in desks:
        desk.page.wait_for_selector("#done:not([hidden])")
        desk.context.close()
    assert {item.verdict.by for item in said(run)} == {"ayşe", "mehmet"}


def test_a_closed_tab_gives_its_row_back_at_once_and_a_reload_or_a_second_tab_keeps_it(
    chromium: Browser, where: Served, run: RunFolder
) -> None:
    mine = Watched(chromium)
    mine.join(where.link("ayşe"))
    asked = mine.page.inner_text("#question")
    for _ in range(3):
        mine.page.reload()
        mine.page.wait_for_selector("#sheet:not([hidden])")
        assert mine.page.inner_text("#question") == asked
    second = mine.context.new_page()
    second.goto(where.address)
    second.wait_for_selector("#sheet:not([hidden])")
    assert second.inner_text("#question") == asked
    with mine.page.expect_event("close"):
        mine.page.close(run_before_unload=True)
    assert other(chromium, where, "mehmet") != asked
    second.goto("about:blank")
    late = time.monotonic() + 10
    while held(run) and time.monotonic() < late:
        time.sleep(0.02)
    assert other(chromium, where, "can") == asked
    mine.context.close()


def held(run: RunFolder) -> list[tuple[str, str]]:
    """Who has which row before him."""
    with reading(run) as base:
        assert base is not None
        return on_pages(base, time.time())


def other(chromium: Browser, where: Served, name: str) -> str:
    """The question that another person is shown, who then goes."""
    desk = Watched(chromium)
    found = desk.join(where.link(name)).inner_text("#question")
    desk.page.goto("about:blank")
    desk.context.close()
    return found


def test_a_decision_waits_for_a_server_that_is_away(desk: Watched, run: RunFolder) -> None:
    page = desk.page
    desk.context.set_offline(True)
    press(page, "k")
    page.wait_for_selector("#trouble:not([hidden])")
    assert said(run) == []
    desk.context.set_offline(False)
    told(page, "Kabul")
    assert page.locator("#trouble").is_hidden()
    assert len(said(run)) == 1
    desk.said.clear()  # the browser's own words on a network that was away


def test_a_sentence_and_what_supports_it_light_up_together(desk: Watched) -> None:
    page = desk.page
    page.locator("#answer mark[tabindex]").nth(1).focus()
    lit = " ".join(text.strip() for text in page.locator("#passage mark.lit").all_inner_texts())
    assert lit.startswith("Borcun ifa edileceği gün")
    assert lit.endswith("göre belirlenir.")
    assert page.locator("#answer mark.lit").first.inner_text().startswith("Oran sözleşmede yoksa")
    assert page.locator("#reasoning math mfrac").count() == 1


def test_an_edit_that_was_left_is_there_again_and_no_edit_is_none(desk: Watched, run: RunFolder) -> None:
    page = desk.page
    press(page, "e", "Control+Home")
    page.keyboard.type("Evet. ")
    press(page, "Escape", "e")
    assert page.input_value("#edit-answer") == f"Evet. {ANSWER}"
    page.locator("#original").click()
    assert page.input_value("#edit-answer") == ANSWER
    press(page, "Control+Enter")
    told(page, "Kabul edildi")
    assert [(item.answer, item.reasoning) for item in said(run)] == [(None, None)]


def test_it_speaks_turkish_and_english_and_remembers_which(chromium: Browser, where: Served) -> None:
    desk = Watched(chromium, "en")
    page = desk.join(where.link("ayşe"))
    assert page.inner_text("#do-keep span") == "Keep"
    page.select_option("#language", "tr")
    page.wait_for_selector("#do-keep:has-text('Kabul')")
    page.reload()
    page.wait_for_selector("#sheet:not([hidden])")
    assert page.inner_text("#do-keep span") == "Kabul"
    assert not re.search(r"\b(Keep|Reject|Skip|Undo)\b", page.inner_text("body"))
    desk.context.close()


def test_the_pictures_of_the_docs_are_taken_by_this_program(tmp_path: Path, root: Path) -> None:
    program = root / "tests" / "review_screenshots.py"
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    subprocess.run([sys.executable, program, tmp_path / "images"], check=True, env=paths, capture_output=True)
    found = {path.name: path.stat().st_size for path in (tmp_path / "images").iterdir()}
    review = ("light", "dark", "edit", "reject", "phone", "english", "formulas")
    names = {f"review-{name}.png" for name in review} | {f"compare-{name}.png" for name in ("light", "dark", "phone")}
    assert set(found) == names
    assert min(found.values()) > 15_000
