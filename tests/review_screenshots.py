"""The pictures of the experts' pages in docs/images, taken by the program that the tests run.

    make screenshots
    PYTHONPATH=tests python tests/review_screenshots.py docs/images

Needs chromium. Enters: a folder. Leaves: review-*.png and compare-*.png, of the rows of `review_rows`, with as few
colours as a picture of text needs.
"""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from review_rows import RUBRIC, law, others, pairs, sums
from reviewkit import Served, Watched, browser, compare_run, review_run, served, served_comparison

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

COLOURS = 64
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 1.5}


class Camera:
    """Takes pictures into a folder; `taken` are their paths."""

    def __init__(self, folder: Path, made: Browser) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.made = folder, made
        self.taken: list[Path] = []

    def open(self, link: str, language: str = "tr", **settings: Any) -> Page:
        """A page on its first row, in the light, that does not move."""
        desk = Watched(self.made, language, **{"color_scheme": "light", "reduced_motion": "reduce", **settings})
        return desk.join(link)

    def take(self, page: Page, name: str, **what: Any) -> None:
        """One picture of what is seen now, or of `what` (Playwright's `clip`, `full_page`)."""
        from PIL import Image

        drawn = Image.open(io.BytesIO(page.screenshot(**what))).convert("RGB")
        most = sorted(drawn.getcolors(1 << 24) or [], reverse=True)[:COLOURS]  # so that what is large keeps its colour
        palette = Image.new("P", (1, 1))
        palette.putpalette([part for _, colour in most for part in colour])
        fewer = drawn.quantize(palette=palette, dither=Image.Dither.NONE)
        fewer.save(self.folder / f"{name}.png", optimize=True)
        self.taken.append(self.folder / f"{name}.png")


def leave(page: Page) -> None:
    """Close a page once the server knows that its row is free, so that the next one opens on it."""
    script = page.locator("script[type=module]").first.get_attribute("src") or ""
    base = f"{script.rpartition('/')[0]}/base.js"
    page.evaluate("async (base) => { const { ask } = await import(base); await ask('/api/leave'); }", base)
    page.context.close()


def review(camera: Camera, where: Served) -> None:
    """The page on which rows are judged."""
    page = camera.open(where.link("ayşe"))
    page.keyboard.press("m")
    camera.take(page, "review-light")
    page.locator("#row").focus()
    page.keyboard.press("r")
    camera.take(page, "review-reject")
    page.keyboard.press("Escape")
    page.keyboard.press("e")
    answer = page.locator("#edit-answer")
    answer.fill(answer.input_value().replace("ayrıca ihtar gerekmez", "ihtara gerek yoktur (TBK m. 117/2)"))
    page.locator("#changes").scroll_into_view_if_needed()
    camera.take(page, "review-edit")
    page.keyboard.press("Escape")
    page.emulate_media(color_scheme="dark")
    page.keyboard.press("c")
    page.keyboard.press("m")
    camera.take(page, "review-dark")
    leave(page)
    page = camera.open(where.link("ayşe"), **PHONE)
    camera.take(page, "review-phone")
    leave(page)
    page = camera.open(where.link("ayşe"), "en")
    page.keyboard.press("?")
    camera.take(page, "review-english")
    leave(page)


def formulas(camera: Camera, where: Served) -> None:
    """A row of formulas and code."""
    page = camera.open(where.link("ayşe"), viewport={"width": 1000, "height": 1130})
    camera.take(page, "review-formulas")
    leave(page)


def compare(camera: Camera, where: Served) -> None:
    """The page on which systems are compared."""
    page = camera.open(where.link("ayşe"))
    camera.take(page, "compare-light")
    page.emulate_media(color_scheme="dark")
    camera.take(page, "compare-dark")
    leave(page)
    page = camera.open(where.link("ayşe"), **PHONE)
    camera.take(page, "compare-phone")
    leave(page)


def main(folder: Path) -> Sequence[Path]:
    """Make runs, serve them, take the pictures; their paths."""
    with tempfile.TemporaryDirectory() as home, browser() as made:
        camera = Camera(folder, made)
        with served(review_run(Path(home) / "a", [law(), *others()], RUBRIC)) as where:
            review(camera, where)
        with served(review_run(Path(home) / "b", [sums()])) as where:
            formulas(camera, where)
        with served_comparison(compare_run(Path(home) / "c", pairs()), ["student", "teacher"]) as where:
            compare(camera, where)
    return camera.taken


if __name__ == "__main__":
    for path in main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images")):
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB")
