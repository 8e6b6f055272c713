"""The report opened in a browser: it draws without errors, asks nobody for anything, and can be read on a phone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390], ids=["desktop", "phone"])
def test_the_report_is_whole_by_itself(trained: Path, tmp_path: Path, width: int) -> None:
    from playwright.sync_api import sync_playwright

    page_file = trained / "runs" / "my-run" / "8_report" / "report.html"
    said: list[str] = []
    asked: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(page_file.as_uri())
        text = page.inner_text("body")
        overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert page.screenshot(path=str(tmp_path / "report.png"))
        browser.close()
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [page_file.as_uri()]
    assert overflow <= 1, f"the page is {overflow} pixels wider than the window"
    for word in ("my-run", "student", "baseline"):
        assert word in text
