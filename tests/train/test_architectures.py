"""Every architecture people ask for, as student and teacher, full and with adapters: what docs/architectures.md says.

The page is written from what the checks find; a line that is out of date fails here.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from archchecks import found
from architectures_page import COMMAND, PAGE, lines, page
from archkit import FAMILIES


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_loads_trains_and_is_handed_over(tmp_path: Path, name: str) -> None:
    line = found(name, tmp_path).line()
    assert line in lines(), f"docs/architectures.md is out of date: {COMMAND}"


def test_the_page_is_as_it_is_written() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(lines()), f"docs/architectures.md is out of date: {COMMAND}"
    assert [line.split("|")[1].strip() for line in lines()] == [family.title for family in FAMILIES.values()]
