"""Nothing in a row moves the cursor, turns the direction of reading or hides."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbik.advise.terminal import safe, short

BAD = [
    "\x1b[2J",
    "\x1b]0;title\x07",
    "\x9b31m",
    "\r",
    "\b",
    "\x00",
    "\u202e",
    "\u2066",
    "\u2028",
    "\ufeff",
    "\ud800",
    "\x7f",
]


@pytest.mark.parametrize("text", BAD, ids=[text.encode("unicode_escape", "backslashreplace").decode() for text in BAD])
def test_what_a_terminal_obeys_is_written_out(text: str) -> None:
    found = safe(f"a{text}b")
    assert text[0] not in found
    assert found.startswith("a\\")
    assert found.endswith("b")


@pytest.mark.parametrize("text", ["İıŞşĞğ Çç Öö Üü", "a\nb\tc", "日本語 العربية", "👩‍👩‍👧 naïve", "1.250,50 ₺ €", ""])
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert safe(text) == text


@given(st.text())
def test_only_visible_characters_are_left(text: str) -> None:
    found = safe(text, keep_lines=False)
    joiners = "\u200c\u200d\u00ad"
    assert all(c in joiners or unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} for c in found)
    found.encode()


@given(st.text(), st.integers(1, 30))
def test_short_is_one_line_of_the_width(text: str, width: int) -> None:
    found = short(text, width)
    assert len(found) <= width
    assert "\n" not in found
