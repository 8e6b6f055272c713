"""The pictures of docs/refinery.md that are not of the experts' pages, taken by the program that the tests run.

    make screenshots
    PYTHONPATH=tests python tests/refinery_screenshots.py docs/images

Needs chromium. Enters: a folder. Runs recipes/turkce-akil.yaml at a small size against a scripted teacher over HTTP and
leaves two sections of its report: refinery-funnel.png (where every row went) and refinery-growth.png (how the pool was
grown).
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from akilkit import run_small
from imbik.core.runfolder import RunFolder
from review_screenshots import Camera
from reviewkit import browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser

TASKS = 1000
SECTIONS = ("funnel", "growth")
MARGIN, TALLEST = 24, 820  # pixels of paper around a section, and of a long table before the picture ends


def take(folder: Path, made: Browser, run: RunFolder) -> Sequence[Path]:
    """A picture of each section in SECTIONS of the run's report; the files."""
    camera = Camera(folder, made)
    page = made.new_page(viewport={"width": 1040, "height": 900}, color_scheme="light")
    page.goto((run.path / "8_report" / "report.html").as_uri())
    for name in SECTIONS:
        box = page.locator(f"section[aria-labelledby={name}]").bounding_box()
        assert box is not None
        clip = {
            "x": box["x"] - MARGIN,
            "y": box["y"] - MARGIN,
            "width": box["width"] + 2 * MARGIN,
            "height": min(box["height"], TALLEST) + MARGIN,
        }
        camera.take(page, f"refinery-{name}", clip=clip, full_page=True)
    page.close()
    return camera.taken


def main(folder: Path) -> None:
    """Make the run, open its report, take the pictures."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["XDG_CONFIG_HOME"] = home
        run, _, _ = run_small(Path(home), TASKS)
        with browser() as made:
            for path in take(folder, made, run):
                print(path)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images"))
