"""The pictures of the experts' page in docs/images, taken by the program that the tests run.

    PYTHONPATH=tests python tests/review_screenshots.py docs/images

Needs chromium. Enters: a folder. Leaves: review-light.png, review-dark.png, review-edit.png, review-reject.png,
review-phone.png and review-english.png, of rows that are made up here.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imbik.core.types import Sample, Span, Verdict
from reviewkit import Served, Watched, browser, review_run, served
from stagekit import make_sample, make_task

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PASSAGE = (
    "Türk Borçlar Kanunu, madde 117: Muaccel bir borcun borçlusu, alacaklının ihtarıyla temerrüde düşer. "
    "Borcun ifa edileceği gün, birlikte belirlenmiş veya sözleşmede saklı tutulan bir hakka dayanarak taraflardan "
    "biri usulüne uygun bir bildirimde bulunmak suretiyle belirlemişse, bu günün geçmesiyle borçlu temerrüde düşmüş "
    "olur.\n\nMadde 120: Uygulanacak yıllık temerrüt faizi oranı, sözleşmede kararlaştırılmamışsa, faiz borcunun "
    "doğduğu tarihte yürürlükte olan mevzuat hükümlerine göre belirlenir."
)
REASONING = (
    "Sözleşmede ödeme günü birlikte belirlenmiş: 1 Mart. Gün belirli olduğu için ihtara gerek yoktur.\n"
    "Faiz oranı sözleşmede yazılı olmadığından mevzuattaki yıllık oran uygulanır. Yıllık %24 oranla 90 gün için:\n"
    "$$\\frac{10.000 \\times 0{,}24 \\times 90}{365} \\approx 591{,}78\\ \\text{TL}$$"
)
ANSWER = (
    "Borçlu 1 Mart gününün geçmesiyle temerrüde düşer; ayrıca ihtar gerekmez. Oran sözleşmede yoksa temerrüt faizi "
    "yürürlükteki mevzuata göre belirlenir: $x \\approx 591{,}78$ TL."
)
RUBRIC = "{sample: 1, doubtful: 1, rubric: [doğruluk, kültürel uygunluk, açıklık]}"


def law() -> Sample:
    """An answer from a passage, which a check traces to its sentences and a judge doubts."""
    task = make_task(
        "temerrut", "Ödeme günü sözleşmede 1 Mart olarak belirlenmiştir; borçlu ödemezse ne zaman temerrüde düşer, "
        "10.000 TL için 90 günlük temerrüt faizi nasıl bulunur?",
        passage=PASSAGE, category="hukuk › borçlar › temerrüt", language="tr",
    )  # fmt: skip
    grounded = Verdict(
        by="grounded", keep=True, score=1.0, reason="Her cümlenin dayanağı metinde var.",
        spans=(
            _span(ANSWER, "Borçlu 1 Mart gününün geçmesiyle temerrüde düşer", PASSAGE, "bu günün geçmesiyle borçlu "
                  "temerrüde düşmüş olur"),
            _span(ANSWER, "Oran sözleşmede yoksa temerrüt faizi yürürlükteki mevzuata göre belirlenir", PASSAGE,
                  "sözleşmede kararlaştırılmamışsa, faiz borcunun doğduğu tarihte yürürlükte olan mevzuat hükümlerine "
                  "göre belirlenir"),
        ),
    )  # fmt: skip
    judge = Verdict(by="judge", keep=False, score=2.0, reason="Yıllık oranın (%24) nereden geldiği söylenmiyor.")
    return make_sample(task, answer=ANSWER, reasoning=REASONING, verdicts=(grounded, judge))


def others() -> list[Sample]:
    """Rows behind the first one."""
    asked = [
        (
            "tarih › selçuklular",
            "Anadolu Selçuklu Devleti'nin yıkılışını hazırlayan savaş hangisidir?",
            "Kösedağ Savaşı",
        ),
        ("coğrafya", "Türkiye'nin en uzun kıyısı hangi denizdedir?", "Ege Denizi"),
        ("sağlık", "Bir litre serumda kaç gram tuz vardır? (%0,9)", "9 gram"),
    ]
    return [
        make_sample(make_task(f"satir-{number}", text, category=category, language="tr"), answer=answer, reasoning="")
        for number, (category, text, answer) in enumerate(asked)
    ]


def _span(text: str, part: str, passage: str, support: str) -> Span:
    start, source = text.index(part), passage.index(support)
    return Span(start=start, end=start + len(part), note="metinde", source=(source, source + len(support)))


def take(folder: Path, made: Browser, where: Served) -> Sequence[Path]:
    """All pictures; the names of the files."""
    folder.mkdir(parents=True, exist_ok=True)
    found: list[Path] = []

    def picture(page: Page, name: str) -> None:
        page.evaluate("Promise.all(document.getAnimations().map((item) => item.finished))")
        found.append(folder / f"review-{name}.png")
        page.screenshot(path=found[-1])

    desk = Watched(made, color_scheme="light")
    page = desk.join(where.link("ayşe"))
    page.locator("#answer mark").first.focus()
    picture(page, "light")
    page.locator("#row").focus()
    page.keyboard.press("r")
    picture(page, "reject")
    page.keyboard.press("Escape")
    page.keyboard.press("e")
    answer = page.locator("#edit-answer")
    answer.fill(answer.input_value().replace("ayrıca ihtar gerekmez", "ihtara gerek yoktur (TBK m. 117/2)"))
    page.locator("#changes").scroll_into_view_if_needed()
    picture(page, "edit")
    page.keyboard.press("Escape")
    page.emulate_media(color_scheme="dark")
    page.keyboard.press("c")
    page.locator("#answer mark").first.focus()
    picture(page, "dark")
    desk.context.close()
    small = Watched(made, color_scheme="light", viewport={"width": 390, "height": 844}, device_scale_factor=2)
    picture(small.join(where.link("ayşe")), "phone")
    small.context.close()
    english = Watched(made, "en", color_scheme="light")
    page = english.join(where.link("ayşe"))
    page.keyboard.press("?")
    picture(page, "english")
    english.context.close()
    return found


def main(folder: Path) -> None:
    """Make a run, serve it, take the pictures."""
    with tempfile.TemporaryDirectory() as home:
        run = review_run(Path(home), [law(), *others()], RUBRIC)
        with served(run) as where, browser() as made:
            for path in take(folder, made, where):
                print(path)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images"))
