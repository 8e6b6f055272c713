"""Rows: values by path, and text only where there is text."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from imbik.tasks.rows import BadRowError, Row, as_text, value_at


def test_dotted_paths_reach_into_objects_and_lists() -> None:
    values: dict[str, Any] = {"a": {"b": [{"c": 7}]}, "x.y": 1}
    assert value_at(values, "a.b.0.c") == 7
    assert value_at(values, "x.y") == 1
    assert value_at(values, "a.b.5.c") is None
    assert value_at(values, "a.z") is None
    assert value_at(values, "a.b.0.c.d") is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (72, "72"),
        (0.5, "0.5"),
        (True, "true"),
        (None, ""),
        (Decimal("1.50"), "1.50"),
        (date(2026, 1, 2), "2026-01-02"),
    ],
)
def test_plain_values_have_one_spelling(value: object, text: str) -> None:
    assert as_text(value, "x") == text


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (["a"], "not text"),
        ({"a": 1}, "not text"),
        (float("nan"), "not text"),
        (b"abc", "bytes where text is expected"),
        ("a\x00b", "holds NUL characters"),
        ("a\udcffb", "bytes that cannot be decoded"),
    ],
)
def test_what_is_no_text_says_why(value: object, reason: str) -> None:
    with pytest.raises(BadRowError) as caught:
        as_text(value, "column 'x'")
    assert caught.value.reason == reason
    assert str(caught.value.at(Row({}, "f.csv", 3))).startswith(f"f.csv:3: {reason} (")
