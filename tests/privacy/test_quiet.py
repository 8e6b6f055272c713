"""A server's message keeps its meaning and loses the row's words, however they are written in it."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbik.privacy.quiet import without_words_of

ROW = "Ayşe İpekçi'nin TC kimlik numarası 10000000146, borcu 4200 lira"
SECRET = ("Ayşe", "İpekçi", "kimlik", "numarası", "10000000146", "borcu", "4200", "lira")


@pytest.mark.parametrize(
    "message",
    [
        f"HTTP 400: invalid prompt: {ROW}",
        f"HTTP 400: invalid prompt: {json.dumps(ROW)}",
        f"HTTP 400: invalid prompt: {ROW.upper()}",
        f"HTTP 400: invalid prompt: {quote(ROW)}",
        f"HTTP 400: invalid prompt: {ROW.replace('ş', 's' + chr(0x327)).replace('İ', 'I' + chr(0x307))}",
        f"HTTP 400: invalid prompt: {ROW[:21]}",
        "HTTP 400: invalid prompt: 1000 0000 146",
        f"it redirects to http://a.test/?q={quote(ROW)}, and redirects are not followed",
    ],
)
def test_a_row_is_not_repeated(message: str) -> None:
    told = without_words_of(message, [ROW])
    assert "…" in told
    for word in SECRET:
        for spelt in (word, word.lower(), word.upper(), quote(word), json.dumps(word)[1:-1]):
            assert spelt not in told
    assert "146" not in told.removeprefix("HTTP 400")
    assert told.startswith(("HTTP 400: invalid prompt: ", "it redirects to http://a.test/"))


@pytest.mark.parametrize(
    "message",
    [
        "HTTP 404: The model `gpt-9` does not exist or you do not have access to it.",
        "HTTP 400: This model's maximum context length is 8192 tokens. However, you requested 9000 tokens",
        "HTTP 429: Rate limit reached for requests per minute",
        "HTTP 500",
        "",
    ],
)
def test_a_message_that_repeats_nothing_is_untouched(message: str) -> None:
    assert without_words_of(message, [ROW, "a prompt about the maximum length of a model's context"]) == message
    assert without_words_of(message, []) == message


def test_a_status_stays_though_the_row_holds_its_number() -> None:
    assert without_words_of("HTTP 400: 400 lira", ["400 lira"]) == "HTTP 400: …"


@given(st.text(max_size=60), st.text(max_size=30), st.text(max_size=30))
def test_no_long_word_of_a_row_survives(row: str, before: str, after: str) -> None:
    told = without_words_of(f"HTTP 400: {before} {row}marker12345 {after}", [f"{row}marker12345"])
    assert "marker12345" not in told
