"""The experts' page in a real browser: keys are pressed, and what lies in `reviews.sqlite` afterwards is looked at."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from imbik.core.runfolder import RunFolder
from imbik.core.types import Verdict
from imbik.review.store import ExpertVerdict, verdicts_of
from imbik.web.text import plain
from review_screenshots import ANSWER, RUBRIC, law, others
from reviewkit import Served, Watched, review_run, served
from stagekit import make_sample, make_task

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

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


def told(page: Page, text: str) -> None:
    page.wait_for_selector(f"#told:has-text('{text}')", state="attached")


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


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
    page.locator("#answer mark").nth(1).focus()
    lit = [text.strip() for text in page.locator("#passage mark.lit").all_inner_texts()]
    assert len(lit) == 1
    assert lit[0].startswith("sözleşmede kararlaştırılmamışsa")
    assert page.locator("#reasoning math mfrac").count() == 1


HOSTILE = (
    "<script>window.hacked=1</script><img src=x onerror='window.hacked=1'><svg onload=window.hacked=1>"
    "<a href='javascript:window.hacked=1'>tıkla</a><iframe srcdoc='<script>parent.hacked=1</script>'></iframe>"
    "<style>body{display:none}</style>{{7*7}} \x1b[31mkırmızı\x1b[0m \u202egnirts\u202c \u2066x\u2069 "
    "$\\href{javascript:1}{y}$"
)


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
            "#row :is(script, img, svg, a, iframe, style, i, b, [onclick], [onerror], [style]):not(textarea)"
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


# Contrast by WCAG 2.2 (1.4.3): of every text that is seen, against what lies behind it.
CONTRAST = """() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const parse = (color) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255]; };
  const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
  const part = (v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
  const light = ([r, g, b]) => {
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b); };
  const ground = (element) => { const chain = [];
    for (let at = element; at; at = at.parentElement) chain.push(parse(getComputedStyle(at).backgroundColor));
    let color = [255, 255, 255, 1]; for (const layer of chain.reverse()) color = over(layer, color); return color; };
  const seen = []; const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) { const element = walker.currentNode.parentElement;
    const seeable = element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
    if (!walker.currentNode.data.trim() || !seeable) continue;
    if (element.closest('.hush, option, script, style, noscript, [disabled], .told')) continue;
    const back = ground(element); const front = over(parse(getComputedStyle(element).color), back);
    const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
    seen.push([(a + 0.05) / (b + 0.05), walker.currentNode.data.trim().slice(0, 30)]); }
  return seen; }"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_of_everything_that_is_read(desk: Watched, scheme: Any) -> None:
    page = desk.page
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    looked = 0
    for keys in ("c", "f", "1", "r", "Escape", "e", "x", "Escape", "?"):
        press(page, keys)
        if keys == "1":
            page.locator("#answer mark").first.hover()
        found = page.evaluate(CONTRAST)
        looked += len(found)
        assert [item for item in found if item[0] < 4.5] == []
    assert looked > 200
    page.evaluate("document.getElementById('mine').style.color = 'var(--line)'")
    assert [item for item in page.evaluate(CONTRAST) if item[0] < 4.5]  # the same detector sees a planted one


def test_everything_has_a_name_and_can_be_reached_by_tab(desk: Watched) -> None:
    page = desk.page
    press(page, "f")
    nameless = page.evaluate(
        "() => [...document.querySelectorAll('button, input, select, textarea, section, dialog, form')]"
        ".filter((item) => !(item.hidden || item.getAttribute('aria-label') || item.getAttribute('aria-labelledby')"
        " || item.labels?.length || item.textContent.trim())).map((item) => item.outerHTML.slice(0, 80))"
    )
    assert nameless == []
    assert page.evaluate("document.documentElement.lang") == "tr"
    for role in ("main", "banner", "progressbar", "status", "group"):
        assert page.get_by_role(role).count(), role
    wanted = page.evaluate(
        "() => [...document.querySelectorAll('button, select, textarea, mark[tabindex], summary')]"
        ".filter((item) => item.checkVisibility() && !item.disabled).length"
    )
    page.evaluate("document.activeElement.blur()")
    reached: set[str] = set()
    for _ in range(wanted + 12):
        press(page, "Tab")
        about = page.evaluate(
            "() => { const item = document.activeElement; const style = getComputedStyle(item.matches('.rubric input')"
            " ? item.nextElementSibling : item); return [item.outerHTML.slice(0, 90), style.outlineStyle, item.tagName,"
            " item.textContent]; }"
        )
        if about[2] != "BODY":
            assert about[1] != "none", about
            if about[2] in {"BUTTON", "SELECT", "TEXTAREA", "MARK", "SUMMARY"}:
                reached.add(about[0] + about[3])
    assert len(reached) == wanted


def test_a_phone_shows_it_all_without_moving_sideways(chromium: Browser, where: Served, run: RunFolder) -> None:
    desk = Watched(chromium, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = desk.join(where.link("ayşe"))
    for open_it in ("", "#open-filter", "#do-edit", "#cancel-edit", "#do-reject", "#cancel-reject"):
        if open_it:
            page.locator(open_it).tap()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, open_it
        small = page.evaluate(
            "() => [...document.querySelectorAll('button, select, .rubric label')]"
            ".filter((item) => item.checkVisibility())"
            ".map((item) => [item.textContent.trim().slice(0, 20), item.getBoundingClientRect()])"
            ".filter(([, box]) => box.height < 32 || box.width < 24 || box.left < 0 || box.right > 390)"
        )
        assert small == [], open_it
    page.locator("#do-keep").tap()
    told(page, "Kabul")
    assert len(said(run)) == 1
    desk.context.close()


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
    names = ("light", "dark", "edit", "reject", "phone", "english")
    assert set(found) == {f"review-{name}.png" for name in names}
    assert min(found.values()) > 20_000
