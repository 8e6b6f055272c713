"""Every link between the project's own pages leads somewhere: the file is there, and so is the heading it names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\]\((?!https?://|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)")


def headings(page: Path) -> set[str]:
    """The anchors that GitHub gives a page's headings: small letters, punctuation out, blanks as dashes."""
    prose = re.sub(r"(?ms)^```.*?^```$", "", page.read_text(encoding="utf-8"))
    titles = re.findall(r"(?m)^#+ +(.+?)\s*$", prose)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for place, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        target = page.parent / place if place else page
        if not target.exists():
            broken.append(place)
        elif anchor and target.suffix == ".md" and anchor not in headings(target):
            broken.append(f"{place}#{anchor}")
    assert broken == []


def test_a_broken_link_would_be_seen() -> None:
    assert LINK.findall("[a](gone.md#there) [b](https://x.y) ![c](images/no.png)") == [
        ("gone.md", "there"),
        ("images/no.png", ""),
    ]
    assert "what-comes-out" in headings(ROOT / "docs" / "refinery.md")
