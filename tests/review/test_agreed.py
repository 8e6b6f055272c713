"""How far a run's experts agree: told on the terminal, in the manifest for the report, and live on the page."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from imbik.advise.reviewing import agreement, standing
from imbik.core.runfolder import RunFolder
from imbik.core.types import Verdict
from imbik.evaluate.trail import experts
from imbik.review import api
from imbik.review.agreed import agreed
from imbik.review.agreement import alpha, kappa
from imbik.review.content import content_key
from imbik.review.stage import ReviewStage
from imbik.review.store import ExpertVerdict, add_verdicts, close, verdicts_of
from reviewkit import Caller, Watched, browser, review_run, served
from stagekit import context_of, finish, make_recipe, make_sample, make_task

SAMPLES = [make_sample(make_task(f"r{n:02d}"), reasoning=f"{n} + 0 = {n}", answer=str(n)) for n in range(40)]
KEYS = [content_key(sample) for sample in SAMPLES]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return review_run(tmp_path, SAMPLES, "{sample: 1, doubtful: 0, double: 100%, rubric: [doğruluk]}")


def said(content: str, by: str, word: str, **more: Any) -> ExpertVerdict:
    verdict = Verdict(by=by, keep=word != "reject", reason="yanlış" if word == "reject" else "")
    return ExpertVerdict(content=content, verdict=verdict, answer="başka" if word == "edit" else None, **more)


def judged(rows: int) -> list[tuple[str, str]]:
    """What ayse and mehmet say of so many rows: mehmet differs on every fifth."""
    chance = random.Random(4)
    found = []
    for number in range(rows):
        one = chance.choice(["keep", "keep", "edit", "reject"])
        found.append((one, {"keep": "reject", "reject": "keep", "edit": "keep"}[one] if number % 5 == 4 else one))
    return found


def give(run: RunFolder, rows: int) -> list[tuple[str, str]]:
    words = judged(rows)
    for number, (one, other) in enumerate(words):
        scores = {"doğruluk": 1 + number % 5}, {"doğruluk": 1 + (number + (number % 7 == 0)) % 5}
        add_verdicts(run, [said(KEYS[number], "ayse", one, scores=scores[0])])
        add_verdicts(run, [said(KEYS[number], "mehmet", other, scores=scores[1])])
    return words


def test_agreement_is_on_keep_edit_and_reject_and_on_each_score(run: RunFolder) -> None:
    words = give(run, 30)
    add_verdicts(run, [said(KEYS[35], "can", "keep")])
    found = agreed(verdicts_of(run))
    assert (found.rows, found.alike) == (30, 24)
    assert found.alpha == alpha(words)
    (pair,) = found.pairs
    assert (pair.one, pair.other, pair.rows, pair.alike, pair.kappa) == ("ayse", "mehmet", 30, 24, kappa(words))
    assert found.rubric["doğruluk"] is not None
    assert found.rubric["doğruluk"].n == 30


def test_it_is_told_on_the_terminal(run: RunFolder) -> None:
    assert agreement(run) == [
        "no row was judged by two experts, so nothing says how far they agree (review: {double: 20%})"
    ]
    give(run, 30)
    told = agreement(run)
    assert told[0].startswith(
        "the same verdict on 24 of 30 rows that two or more experts judged; Krippendorff's alpha 0."
    )
    assert told[1].startswith("ayse and mehmet: Cohen's kappa 0.")
    assert told[2].startswith("scores of doğruluk: Krippendorff's alpha (ordinal) 0.")
    assert "verdicts there" in standing(run)


def test_the_report_is_told_without_names(run: RunFolder) -> None:
    stage = ReviewStage()
    made = make_recipe(review={"sample": 1, "doubtful": 0, "double": 1.0})
    assert experts(run) == []
    run.retire("4_reviewed")
    finish(run, "4_reviewed", stage.run(context_of(stage, made, run)))
    assert experts(run) == []
    give(run, 30)
    run.retire("4_reviewed")
    close(run)
    finish(run, "4_reviewed", stage.run(context_of(stage, made, run)))
    (sentence,) = experts(run)
    assert sentence.startswith("Experts gave the same verdict on 24 of 30 rows")
    assert "ayse" not in sentence


def test_few_rows_give_no_figure_on_the_page(run: RunFolder) -> None:
    give(run, 9)
    with served(run) as where:
        caller = Caller(where, where.link("ayse"))
        assert caller.ask("/api/agreement")[1] == {"rows": 9, "needed": 10, "alpha": None, "pairs": [], "rubric": []}


def test_it_is_counted_once_a_minute_so_that_no_verdict_can_be_read_off_it(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = give(run, 20)
    with served(run) as where:
        caller = Caller(where, where.link("ayse"))
        found = caller.ask("/api/agreement")[1]
        value = alpha(words)
        assert value is not None
        assert found["alpha"]["value"] == pytest.approx(value.value)
        assert [(pair["with"], pair["rows"]) for pair in found["pairs"]] == [("mehmet", 20)]
        other = Caller(where, where.link("can")).ask("/api/agreement")[1]
        assert (other["alpha"], other["pairs"]) == (found["alpha"], [])
        add_verdicts(run, [said(KEYS[20], name, "reject") for name in ("ayse", "mehmet")])
        assert caller.ask("/api/agreement")[1] == found
        monkeypatch.setattr(api, "AGREEMENT_SECONDS", 0.0)
        assert caller.ask("/api/agreement")[1]["rows"] == 21


@pytest.mark.parametrize(
    ("language", "words"), [("tr", "iki kez değerlendirilen 30 satırda"), ("en", "on 30 rows judged twice")]
)
def test_it_stands_on_the_page(run: RunFolder, language: str, words: str) -> None:
    give(run, 30)
    with served(run) as where, browser() as made:
        for size in ((1280, 860), (390, 800)):
            watched = Watched(made, language, viewport={"width": size[0], "height": size[1]})
            page = watched.join(where.link(f"ayse{size[0]}"))
            page.wait_for_selector("#agreement:not([hidden])")
            assert page.text_content("#agreement", timeout=5000).startswith("α 0")
            page.click("#agreement")
            assert words in page.text_content("#agreement-more")
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
            assert watched.said == []
            watched.context.close()
