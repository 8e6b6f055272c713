"""Both pages for everybody, in a real browser: contrast, names, headings, keys, narrow screens, still pictures.

What is measured is what the browser computed (tests/pagekit.py), and each detector is shown a fault that it must see.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pagekit import CONTRAST, EDGES, FOCUS, HEADINGS, NAMELESS, SMALL, WIDE, low, press, told
from review_rows import RUBRIC, law, others, pairs, sums
from reviewkit import Served, Watched, compare_run, review_run, served, served_comparison
from stagekit import make_sample, make_task

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser
PHONE: dict[str, Any] = {"viewport": {"width": 320, "height": 640}, "has_touch": True, "is_mobile": True}
LONG = "Muvaffakiyetsizleştiricileştiriveremeyebileceklerimizdenmişsinizcesine" * 3


@pytest.fixture
def where(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Served]:
    """The page that judges: a row with a passage, one with formulas, one of long words; or the page that compares."""
    name = getattr(request, "param", "review")
    if name == "compare":
        with served_comparison(compare_run(tmp_path, pairs()), ["student", "teacher"]) as found:
            yield found
        return
    long = make_sample(make_task("uzun", LONG, category=LONG, language="tr"), answer=LONG, reasoning=f"${'x+' * 90}x$")
    rows = {"review": [law(), *others()], "formulas": [sums()], "long": [long]}[name]
    with served(review_run(tmp_path, rows, RUBRIC)) as found:
        yield found


KEYS = {
    "review": ("c", "f", "m", "1", "r", "Escape", "e", "x", "Escape", "?"),
    "formulas": ("c", "m"),
    "compare": ("n", "x", "Escape", "?"),
}
SEEN = {"review": 250, "formulas": 80, "compare": 60}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("where", KEYS, indirect=True)
def test_contrast_of_all_text_and_of_all_edges(desk: Watched, scheme: Any, request: pytest.FixtureRequest) -> None:
    page, name = desk.page, request.node.callspec.params["where"]
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    looked = 0
    for key in KEYS[name]:
        press(page, key)
        texts, edges = page.evaluate(CONTRAST), page.evaluate(EDGES)
        looked += len(texts)
        assert low(texts, 4.5) == []
        assert edges
        assert low(edges, 3.0) == []
    assert looked > SEEN[name]
    page.evaluate("document.getElementById('mine').style.color = 'var(--line)'")
    page.evaluate("document.getElementById('theme').style.borderColor = 'var(--line)'")
    assert low(page.evaluate(CONTRAST), 4.5)
    assert low(page.evaluate(EDGES), 3.0)


@pytest.mark.parametrize("where", ["review", "compare"], indirect=True)
def test_everything_has_a_name_and_headings_go_down_step_by_step(desk: Watched) -> None:
    page = desk.page
    assert page.evaluate("document.documentElement.lang") == "tr"
    for role in ("main", "banner", "progressbar", "status", "group"):
        assert page.get_by_role(role).count(), role
    for key in ("", "f", "r", "Escape", "e", "Escape"):
        if key:
            press(page, key)
        assert page.evaluate(NAMELESS) == []
        assert page.evaluate(SMALL) == []
        levels = [level for level, _ in page.evaluate(HEADINGS)]
        assert levels.count(1) == 1 == levels[0]
        assert max((after - before for before, after in pairwise(levels)), default=0) <= 1
        press(page, "Escape")
    page.evaluate("document.getElementById('theme').replaceChildren()")
    page.evaluate("document.getElementById('theme').removeAttribute('aria-label')")
    assert page.evaluate(NAMELESS)


@pytest.mark.parametrize("where", ["review", "compare"], indirect=True)
def test_every_control_is_reached_by_tab_and_shows_it(desk: Watched) -> None:
    page = desk.page
    wanted = page.evaluate(
        "() => [...document.querySelectorAll('button, select, textarea, #why, mark[tabindex=\"0\"], summary')]"
        ".filter((item) => item.checkVisibility() && !item.disabled).length"
    )
    page.evaluate("document.activeElement.blur()")
    reached: set[str] = set()
    for _ in range(wanted + 12):
        press(page, "Tab")
        about = page.evaluate(FOCUS)
        if about["tag"] != "BODY":
            assert about["shown"] >= 3, about
            assert about["inView"], about
            if about["tag"] in {"BUTTON", "SELECT", "TEXTAREA", "MARK", "SUMMARY"} or about["id"] == "why":
                reached.add(about["html"])
    assert len(reached) == wanted


@pytest.mark.parametrize(
    ("where", "first", "most"), [("review", "do-keep", 7), ("compare", "do-left", 4)], indirect=["where"]
)
def test_few_stops_lie_before_the_decision(desk: Watched, first: str, most: int) -> None:
    """From where the reader stands after every decision: by Tab alone, and by the link that leads there at once."""
    page = desk.page
    page.locator("#row").focus()
    stops = 0
    while stops < 30 and page.evaluate("document.activeElement.id") != first:
        press(page, "Tab")
        stops += 1
    assert stops <= most
    page.locator("#row").focus()
    press(page, "Tab", "Enter", "Tab")
    assert page.evaluate("document.activeElement.id") == first
    page.locator("#row").focus()
    press(page, "Shift+Tab")
    assert page.evaluate("document.activeElement.id") in {"open-help", "trouble"}


def test_one_stop_for_all_marks_and_arrows_between_them(desk: Watched) -> None:
    page = desk.page
    stops = page.locator("mark[tabindex]")
    assert stops.count() == 3
    press(page, "m")
    at = "[...document.querySelectorAll('mark[tabindex]')].indexOf(document.activeElement)"
    assert page.evaluate(at) == 0
    for key, place in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowRight", 2), ("Home", 0), ("End", 2), ("m", 0)):
        press(page, key)
        assert (key, page.evaluate(at)) == (key, place)
    assert page.locator("mark[tabindex='0']").count() == 1
    described = page.evaluate(
        "document.activeElement.getAttribute('aria-describedby').split(' ').map((id) => document.getElementById(id))"
        ".map((part) => part.closest('#passage') !== null && part.classList.contains('lit'))"
    )
    assert described
    assert all(described)


@pytest.mark.parametrize("where", ["review", "formulas", "long", "compare"], indirect=True)
def test_320_pixels_need_no_moving_sideways(chromium: Browser, where: Served) -> None:
    desk = Watched(chromium, **PHONE)
    page = desk.join(where.link("ayşe"))
    compares = page.locator("#do-left").count()
    for open_it in ("", "#open-help") if compares else ("", "#open-filter", "#do-edit", "#cancel-edit", "#do-reject"):
        if open_it:
            page.locator(open_it).tap()
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, open_it
        assert page.evaluate(WIDE) == [], open_it
        assert page.evaluate(SMALL) == [], open_it
    cut = page.evaluate(
        "() => [...document.querySelectorAll('.text:not(.code) > *')].filter((item) => item.checkVisibility()"
        " && item.getBoundingClientRect().right > item.parentElement.getBoundingClientRect().right)"
        ".map((item) => item.outerHTML.slice(0, 80))"
    )
    assert cut == []
    inside = page.evaluate(
        "() => [...document.querySelectorAll('.text math, .text code.block')].filter((item) => item.checkVisibility()"
        " && item.scrollWidth > item.clientWidth + 1).map((item) => getComputedStyle(item).overflowX)"
    )
    assert set(inside) <= {"auto"}  # what is wider moves inside its own box
    page.evaluate("document.querySelector('.top').style.width = '400px'")
    assert page.evaluate(WIDE)
    desk.context.close()


@pytest.mark.parametrize("where", ["review", "compare"], indirect=True)
def test_nothing_moves_for_those_who_ask_for_that(desk: Watched) -> None:
    page = desk.page
    moving = (
        "() => [...document.querySelectorAll('*')].filter((item) => { const style = getComputedStyle(item);"
        " return style.scrollBehavior === 'smooth' || style.transitionDuration.split(', ').some((t) => t !== '0s')"
        " || (style.animationName !== 'none' && !style.animationTimingFunction.startsWith('steps')); }).length"
    )
    press(page, "s")
    told(page, "onra")
    assert page.evaluate(moving) > 0
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(moving) == 0
    page.wait_for_selector("#told span", state="hidden")  # what is said still goes away


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_without_an_invitation_is_for_everybody_too(chromium: Browser, where: Served, scheme: Any) -> None:
    desk = Watched(chromium, color_scheme=scheme, viewport={"width": 320, "height": 640})
    page = desk.page
    page.goto(f"{where.address}/join")
    page.wait_for_selector("#told:has-text('davetlilere')")
    assert low(page.evaluate(CONTRAST), 4.5) == []
    assert page.evaluate(WIDE) == []
    assert [level for level, _ in page.evaluate(HEADINGS)] == [1]
    assert page.evaluate("document.documentElement.lang") == "tr"
    desk.context.close()


def test_marks_and_scores_are_seen_where_the_reader_brings_the_colours(chromium: Browser, where: Served) -> None:
    """In the high contrast of an operating system no background is drawn: lines say it."""
    desk = Watched(chromium, forced_colors="active")
    page = desk.join(where.link("ayşe"))
    press(page, "4")
    styles = page.locator("#answer mark").evaluate_all(
        "(all) => all.map((item) => getComputedStyle(item).borderBottomStyle)"
    )
    assert {"solid", "dotted"} <= set(styles)
    widths = page.locator(".rubric label span").evaluate_all(
        "(all) => all.map((item) => getComputedStyle(item).borderTopWidth)"
    )
    assert (widths.count("3px"), widths[3]) == (1, "3px")
    assert low(page.evaluate(CONTRAST), 4.5) == []
    desk.context.close()


def test_a_low_window_is_not_covered_by_bars(chromium: Browser, where: Served) -> None:
    """At four times the size, which leaves 320 by 256 pixels, bars that stay would hide what is read."""
    desk = Watched(chromium, viewport={"width": 320, "height": 256})
    page = desk.join(where.link("ayşe"))
    stuck = "[...document.querySelectorAll('.top, .actions')].map((item) => getComputedStyle(item).position)"
    assert page.evaluate(stuck) == ["static", "static"]
    desk.context.close()
