"""The two pages: whole, self-contained, safe against what rows hold, and honest about what was not measured."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from html.parser import HTMLParser

import msgspec
import pytest
from matplotlib.figure import Figure

from imbik.core.types import Sensitivity
from imbik.evaluate import plots, words
from imbik.evaluate.drawing import Plot
from imbik.evaluate.figures import money
from imbik.evaluate.findings import Findings
from imbik.evaluate.report import draw, markdown_page
from imbik.evaluate.report import html_page as page_with
from imbik.evaluate.scores import Interval, Latency, Scores
from made_findings import made_findings

VOID = {"meta", "br", "img", "link", "input", "hr", "use", "path"}


class Page(HTMLParser):
    """Tags, ids and references of a page; raises on tags that do not close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self.open.pop() == tag


def html_page(found: Findings) -> str:
    """The page with all its drawings."""
    return page_with(found, draw(found))


@pytest.fixture(scope="module")
def found() -> Findings:
    return made_findings()


@pytest.fixture(scope="module")
def html(found: Findings) -> str:
    return html_page(found)


def test_page_is_well_formed_and_points_only_into_itself(html: str) -> None:
    page = Page(html)
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    references = [value for _, name, value in page.attributes if name in {"href", "src", "aria-labelledby"}]
    references += re.findall(r"url\(([^)]*)\)", html)
    assert references
    assert {reference.removeprefix("#") for reference in references} <= set(ids)


def test_page_runs_and_fetches_nothing(html: str) -> None:
    page = Page(html)
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(page.tags)
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert "default-src 'none'" in html
    assert "@import" not in html
    assert "http" not in re.sub(r"http-equiv|http://evil\.example[^ <]*", "", html)


def test_what_rows_hold_stays_text(html: str) -> None:
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;" in html
    assert "<img src=x" not in html
    assert "{{ 7*7 }}" in html


def test_page_is_readable_by_everyone(html: str) -> None:
    page = Page(html)
    assert ("html", "lang", "en") in page.attributes
    assert page.tags["h1"] == 1
    scopes = sum(name == "scope" for tag, name, _ in page.attributes if tag == "th")
    assert scopes == page.tags["th"] > 10
    drawings = [value for tag, name, value in page.attributes if name == "aria-label" and tag == "div"]
    assert len(drawings) == page.tags["svg"] == 5
    assert any("student 90.2%" in text for text in drawings)
    assert "prefers-color-scheme: dark" in html
    assert not re.search(r"#0a000\d", html)  # every colour of a drawing is one of the page's


def test_the_headline_says_what_is_kept_at_what_cost(found: Findings, html: str) -> None:
    sentence = (
        "The student keeps 92.1% of the teacher (95% interval 90.3 to 93.9%) at 1/9.5 of its size and 3 times its "
    )
    sentence += "speed."
    assert words.headline(found) == sentence
    assert sentence in html
    assert sentence in markdown_page(found)


def test_the_headline_beside_a_served_teacher_that_is_faster(found: Findings) -> None:
    systems = found.scores.systems
    served = msgspec.structs.replace(systems["teacher"], parameters=None, latency_ms=Latency(p50=2.0, p95=9.0))
    student = msgspec.structs.replace(systems["student"], latency_ms=Latency(p50=60.0, p95=90.0))
    scores = msgspec.structs.replace(found.scores, systems={**systems, "teacher": served, "student": student})
    assert words.headline(replace(found, scores=scores)).endswith("(95% interval 90.3 to 93.9%) at 1/30 of its speed.")


@pytest.mark.parametrize(
    "part",
    [
        "accuracy@B",
        "answers\\_only",
        "retention.low >= 0.95",
        "imbik run runs/demo/recipe.yaml",
        "answer: 41 is not the known 42: 931",
    ],
)
def test_markdown_says_the_same(found: Findings, part: str) -> None:
    text = markdown_page(found)
    assert part in text
    assert "<script>" not in text.replace("\\<script>", "")
    assert "](http" not in text.replace("\\[link](http", "").replace("\\[i](http", "")


def test_other_test_sets_are_explained_beside_their_figures(found: Findings, html: str) -> None:
    said = "@B, phrasings never seen {}; @C, withheld numbers."
    assert said.format("&lt;b&gt;") in html
    assert "without @, the rows of set test; " in html
    assert said.format("<b>") in markdown_page(found)
    assert "measured on:" not in markdown_page(replace(found, sets={"test": 1000}))


def test_no_control_is_said_with_the_recipe_that_trains_one(found: Findings) -> None:
    systems = {name: system for name, system in found.scores.systems.items() if not name.endswith("_only")}
    bare = replace(found, scores=msgspec.structs.replace(found.scores, systems=systems))
    for page in (html_page(bare), markdown_page(bare)):
        assert "No control was trained" in page
        assert "recipes/embedded-full.yaml" in page
    assert "No control was trained" not in html_page(found)


def test_without_teacher_before_and_after_are_compared(found: Findings) -> None:
    systems = {name: system for name, system in found.scores.systems.items() if name in ("student", "baseline")}
    scores = Scores(systems=systems, funnel=found.scores.funnel)
    page = html_page(replace(found, scores=scores, has_teacher=False, bars=()))
    assert "The student reaches 90.2% accuracy" in page
    assert "Before training it was 0.4%" in page
    assert "There is no retention, because the recipe has no teacher" in page
    assert "No control was trained" not in page


@pytest.mark.parametrize(("high", "told"), [(-0.01, True), (0.02, False)])
def test_a_student_below_word_counts_is_said_first(found: Findings, high: float, told: bool) -> None:
    paired = {"student-tfidf": {"accuracy": Interval(value=-0.04, low=-0.07, high=high, n=1000)}}
    notes = words.notes(replace(found, scores=msgspec.structs.replace(found.scores, paired=paired)))
    assert any("below tfidf" in note for note in notes) is told
    if told:
        assert "by 4.0 points (95% interval of student minus tfidf: −7.0 to −1.0)" in notes[0]


@pytest.mark.parametrize("slowest", [3.0, 96.0, 183.0, 990.0, 5e3, 1e5, 1e7])
@pytest.mark.parametrize("fastest", [0.9, 0.1, 0.03, 1e-4])
def test_labels_of_times_do_not_collide(monkeypatch: pytest.MonkeyPatch, slowest: float, fastest: float) -> None:
    drawn: list[Figure] = []

    def keep(figure: Figure, name: str, title: str, alt: str) -> Plot:
        drawn.append(figure)
        return Plot(name, title, "", alt)

    monkeypatch.setattr(plots, "as_plot", keep)
    plots.latency_plot({
        "export:safetensors": Latency(p50=fastest * slowest, p95=slowest), "student": Latency(p50=slowest, p95=slowest),
    })  # fmt: skip
    drawn[0].draw_without_rendering()
    (axes,) = drawn[0].axes
    low, high = sorted(axes.get_xlim())
    labels = [t for t in axes.get_xticklabels() if low <= t.get_position()[0] <= high]
    boxes = sorted((t.get_window_extent() for t in labels), key=lambda box: box.x0)
    assert len(boxes) >= 2
    assert all(left.x1 + 4 < right.x0 for left, right in itertools.pairwise(boxes))


def test_few_rows_are_said_to_show_little() -> None:
    notes = " ".join(words.notes(made_findings(rows=40)))
    assert "40 rows cannot show 95%" in notes
    assert "at least 72" in notes
    assert "cannot show" not in " ".join(words.notes(made_findings(rows=100)))


def test_private_runs_carry_their_mark_and_show_no_rows(found: Findings) -> None:
    private = replace(found, sensitivity=Sensitivity.CONFIDENTIAL, samples=(), samples_withheld=True)
    for page in (html_page(private), markdown_page(private)):
        assert "confidential" in page
        assert "elma" not in page
        assert "Not shown" in page


def test_nothing_measured_is_still_a_page(found: Findings) -> None:
    empty = replace(found, scores=Scores(), metric="", curves=(), samples=(), bars=(), rows=0)
    assert "no metric of this kind" in html_page(empty)
    Page(html_page(empty))
    assert "There is no retention" in markdown_page(empty)


def test_a_served_teacher_does_not_lend_its_network_to_the_student(found: Findings) -> None:
    teacher = msgspec.structs.replace(found.scores.systems["teacher"], parameters=None)
    systems = {**found.scores.systems, "teacher": teacher}
    notes = " ".join(words.notes(replace(found, scores=msgspec.structs.replace(found.scores, systems=systems))))
    assert "network and queue included" in notes
    assert "same engine" in " ".join(words.notes(found))


def test_names_with_dollar_signs_and_angle_brackets_are_no_markup(found: Findings) -> None:
    odd = {**found.scores.systems, "teacher:<b>$x$": found.scores.systems["teacher"]}
    page = html_page(replace(found, scores=msgspec.structs.replace(found.scores, systems=odd)))
    assert "<b>$x$" not in page
    assert "teacher:&lt;b&gt;$x$" in page


@pytest.mark.parametrize(
    ("amount", "told"),
    [
        ("0", "$0.00"), ("0.0003", "$0.0003"), ("0.000031234567", "$0.000031"), ("0.012345678901", "$0.012"),
        ("0.5", "$0.50"), ("12.3456", "$12.35"), ("1234.5", "$1,234.50"),
    ],
)  # fmt: skip
def test_money_has_the_decimals_that_say_something(amount: str, told: str) -> None:
    assert money(Decimal(amount)) == told
    assert money(float(amount)) == told


def test_what_has_no_price_is_not_told_as_nothing_spent() -> None:
    found = made_findings()
    spend = msgspec.structs.replace(found.scores.spend, total=Decimal(0), unpriced=["büyük"])
    told = words.spent(spend)
    assert "not known: there is no price of büyük" in told
    assert "$0" not in told


def test_a_score_that_is_to_come_is_said_first_and_is_no_retention() -> None:
    found = replace(made_findings(), pending="The teacher's score is pending: 5 of 8 rows.")
    assert words.notes(found)[0] == found.pending
    assert not any("no retention" in note.lower() for note in words.notes(found)[1:])
