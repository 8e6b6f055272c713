"""Rows that mean harm, and rows of a megabyte, in a real browser: they are seen as text, and nothing of them acts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from imbik.core.runfolder import RunFolder
from imbik.core.types import Verdict
from imbik.review.store import ExpertVerdict, verdicts_of
from imbik.web.text import plain
from pagekit import HOSTILE, press
from review_rows import law
from reviewkit import Served, Watched, review_run, served
from stagekit import make_sample, make_task

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


@pytest.fixture
def where(tmp_path: Path) -> Iterator[Served]:
    with served(review_run(tmp_path, [law()])) as found:
        yield found


def said(run: RunFolder) -> list[ExpertVerdict]:
    return [item for given in verdicts_of(run).values() for item in given]


def hostile_run(folder: Path) -> RunFolder:
    task = make_task("kötü", HOSTILE, passage=HOSTILE, category="<b onclick=window.hacked=1>kat</b>", language="tr")
    verdict = Verdict(by="<i>denetim</i>", keep=True, score=1.0, reason=HOSTILE)
    return review_run(folder, [make_sample(task, answer=HOSTILE, reasoning=HOSTILE, verdicts=(verdict,))])


def test_hostile_rows_are_inert_and_seen(chromium: Browser, tmp_path: Path) -> None:
    with served(hostile_run(tmp_path)) as where:
        desk = Watched(chromium)
        page = desk.join(where.link("ayşe"))
        press(page, "c", "e")
        press(page, "Control+Home")
        page.keyboard.type("x")
        press(page, "Escape")
        for place in ("#question", "#passage", "#reasoning", "#answer", "#checks"):
            text = page.inner_text(place)
            assert "<script>window.hacked=1</script><img src=x onerror='window.hacked=1'>" in text, place
            assert "{{7*7}} ESC[31mkırmızı" in text, place
            assert "U+202Egnirts" in text, place
            assert "\u202e" not in text, place
        assert page.inner_text("#category") == "<b onclick=window.hacked=1>kat</b>"
        inside = page.locator(
            "#row :is(script, img, svg, a:not(.jump), iframe, style, i, b, [onclick], [onerror], [style]):not(textarea)"
        )
        assert inside.count() == 0
        page.wait_for_timeout(100)
        assert page.evaluate("window.hacked") is None
        assert desk.said == []
        assert [address for address in desk.asked if not address.startswith(where.address)] == []
        desk.context.close()


def test_control_the_same_text_as_markup_would_have_run(chromium: Browser) -> None:
    page = chromium.new_page()
    page.set_content(HOSTILE)
    page.wait_for_timeout(200)
    assert page.evaluate("window.hacked") == 1
    page.close()


def test_the_policy_stops_markup_that_would_get_in(desk: Watched) -> None:
    """Even with a bug in our scripts: text cannot become markup, and an inline handler would not run."""
    page = desk.page
    assert page.evaluate(
        "() => { try { document.getElementById('answer').innerHTML = '<b>x</b>'; return ''; }"
        " catch (error) { return error.name; } }"
    ) == "TypeError"  # fmt: skip
    assert page.evaluate(
        "() => { try { document.getElementById('answer').setAttribute('onclick', 'window.hacked = 1'); return ''; }"
        " catch (error) { return error.name; } }"
    ) == "TypeError"  # fmt: skip
    assert desk.said
    desk.said.clear()


def test_a_megabyte_of_text_is_shown_in_parts(chromium: Browser, tmp_path: Path) -> None:
    text = "ağaç <b>" * 131_072
    sample = make_sample(make_task("uzun", "Uzun mu?"), answer=text, reasoning="\u202e" * 50_000)
    with served(review_run(tmp_path, [sample])) as where:
        desk = Watched(chromium)
        page = desk.join(where.link("ayşe"))
        assert len(page.inner_text("#answer")) < 30_000
        assert page.inner_text("#reasoning").startswith("U+202E ×20000")
        while page.locator("#answer .more").count():
            page.locator("#answer .more").click()
        assert page.evaluate("document.getElementById('answer').textContent.length") == len(text)
        press(page, "k")
        page.wait_for_selector("#done:not([hidden])")
        assert desk.said == []
        desk.context.close()


def test_hostile_text_is_inert_and_seen_while_it_is_edited(chromium: Browser, tmp_path: Path) -> None:
    answer = "beş\r\n\u202eters <img src=x onerror=window.hacked=1>\x1b[31m"
    run = review_run(tmp_path, [make_sample(make_task("kötü", category="\u202etaç"), answer=answer)])
    with served(run) as where:
        desk = Watched(chromium)
        page = desk.join(where.link("ayşe"))
        assert page.locator("[data-filter=category] option").nth(1).text_content() == "‹U+202E›taç"
        press(page, "e")
        assert "CR" not in page.inner_text("#unseen-answer")  # line ends of another system are no edit
        assert page.inner_text("#unseen-answer-which").endswith("U+202E, ESC")
        assert page.locator("#original").is_hidden()
        page.keyboard.press("Control+End")
        page.keyboard.type("\u2066!")
        changes = page.evaluate("document.getElementById('changes').textContent")
        assert "U+202Eters <img src=x" in changes
        assert not set("\u202e\u2066\x1b") & set(changes)
        assert page.inner_text("#changes ins") == "U+2066!"
        page.locator("#unseen-answer-out").click()
        assert page.locator("#unseen-answer").is_hidden()
        press(page, "Control+Enter")
        page.wait_for_selector("#done:not([hidden])")
        assert page.evaluate("window.hacked") is None
        desk.context.close()
    (given,) = said(run)
    assert given.answer == "beş\nters <img src=x onerror=window.hacked=1>[31m!"


def test_labels_of_what_is_unseen_are_the_servers(chromium: Browser, where: Served) -> None:
    """Two programs label, one what the server sends, one what a page adds: they say the same of every character."""
    codes = (*range(0xD800), *range(0xE000, 0x30000), *range(0xE0000, 0xE1010), 0xF0000, 0x10FFFF)
    every = "".join(map(chr, codes))
    texts = [every[at : at + 4096] for at in range(0, len(every), 4096)]
    texts += ["a\u200db é\u200dç 👩\u200d🔬 ❤\ufe0f", "\x00\x00b"]
    wanted = [[node if isinstance(node, str) else [node[2]] for node in plain(text)] for text in texts]
    desk = Watched(chromium)
    page = desk.join(where.link("ayşe"))
    own = page.evaluate("document.querySelector('script[src$=\"/review.js\"]').src")
    found = page.evaluate(
        "async ([script, texts]) => { const { plain, seen } = await import(script); return texts.map((text) => ["
        "plain(text).map((node) => typeof node === 'string' ? node : [node.textContent]), seen(text)]); }",
        [own.replace("review.js", "unseen.js"), texts],
    )
    assert [nodes for nodes, _ in found] == wanted
    assert [text for _, text in found] == ["".join(part for part in nodes if isinstance(part, str)) for nodes in wanted]
    desk.context.close()
