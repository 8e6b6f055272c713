"""What tests of the pages share: one browser a file, and a page that is watched; `where` is the file's own server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from reviewkit import Served, Watched, browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as made:
        yield made


@pytest.fixture
def desk(chromium: Browser, where: Served) -> Iterator[Watched]:
    """A page on its first row, that complained of nothing and asked nobody else."""
    made = Watched(chromium)
    made.join(where.link("ayşe"))
    yield made
    made.context.close()
    assert [text for text in made.said if "409" not in text] == []
    assert [address for address in made.asked if not address.startswith(where.address)] == []
