"""Rate-limit headers: how many more requests may go, and for how long that holds."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from imbik.ask.quota import Quota, duration, quota_in


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1.0),
        ("6m0s", 360.0),
        ("120ms", 0.12),
        ("1h2m3.5s", 3723.5),
        ("60", 60.0),
        (" 0.25 ", 0.25),
        ("-3", 0.0),
        ("soon", None),
        ("", None),
        ("1s of 2", None),
        ("nan", None),
        ("inf", None),
    ],
)
def test_durations(text: str, seconds: float | None) -> None:
    assert duration(text) == (pytest.approx(seconds) if seconds is not None else None)


def test_times_become_seconds_from_now() -> None:
    later = datetime.now(UTC) + timedelta(seconds=30)
    for text in (later.isoformat(), later.strftime("%Y-%m-%dT%H:%M:%SZ"), f"{time.time() + 30}"):
        found = duration(text)
        assert found is not None
        assert 28 < found <= 30.5
    assert 28 < (duration(f"{(time.time() + 30) * 1000:.0f}") or 0) <= 30.5
    assert duration("2015-10-21T07:28:00Z") == 0


def test_the_tightest_quota_counts_and_tokens_become_requests() -> None:
    headers = {
        "X-RateLimit-Remaining-Requests": "59",
        "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-remaining-tokens": "4000",
        "x-ratelimit-reset-tokens": "6m0s",
    }
    assert quota_in(headers, 0) == Quota(59, 1.0)
    assert quota_in(headers, 500.0) == Quota(8, 360.0)
    assert quota_in(headers, 10.0) == Quota(59, 1.0)


def test_anthropic_headers() -> None:
    reset = (datetime.now(UTC) + timedelta(seconds=20)).strftime("%Y-%m-%dT%H:%M:%SZ")
    found = quota_in(
        {
            "anthropic-ratelimit-requests-remaining": "3",
            "anthropic-ratelimit-requests-reset": reset,
            "anthropic-ratelimit-output-tokens-remaining": "100",
            "anthropic-ratelimit-output-tokens-reset": reset,
        },
        60.0,
    )
    assert found is not None
    assert found.requests == 1
    assert 18 < found.seconds <= 20


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "application/json"},
        {"x-ratelimit-remaining-requests": "many", "x-ratelimit-reset-requests": "1s"},
        {"x-ratelimit-remaining-requests": "5"},
        {"x-ratelimit-remaining-requests": "5", "x-ratelimit-reset-requests": "later"},
        {"x-ratelimit-remaining-requests": "inf", "x-ratelimit-reset-requests": "1s"},
    ],
)
def test_what_makes_no_sense_is_no_quota(headers: dict[str, str]) -> None:
    assert quota_in(headers, 100.0) is None
