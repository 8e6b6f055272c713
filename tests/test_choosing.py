"""The page on choosing claims nothing without the benchmark that printed it; benchmarks that pages name exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
NAMED = re.compile(r"benchmarks/([a-z0-9_]+\.py)")


def sections(text: str) -> dict[str, str]:
    """Text by heading, of headings that have text of their own; what stands above the first is left out."""
    parts = re.split(r"(?m)^#{2,} +(.+)$", text)[1:]
    found = dict(zip(parts[::2], parts[1::2], strict=True))
    return {title: body for title, body in found.items() if body.strip()}


def test_every_section_names_its_benchmark() -> None:
    found = sections((ROOT / "docs" / "choosing.md").read_text(encoding="utf-8"))
    assert len(found) >= 8
    assert [title for title, body in found.items() if not NAMED.search(body)] == []


def test_a_section_without_one_would_be_seen() -> None:
    found = sections("# Page\n\nWords.\n\n## One\n\n### Two\n\n`benchmarks/losses.py`\n\n## Three\n\nbelieve me\n")
    assert [title for title, body in found.items() if not NAMED.search(body)] == ["Three"]


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_benchmarks_that_are_named_exist(page: Path) -> None:
    named = set(NAMED.findall(page.read_text(encoding="utf-8")))
    assert [name for name in sorted(named) if not (ROOT / "benchmarks" / name).exists()] == []
