"""Which replies are worth another try, and what Retry-After says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from imbik.ask.retry import RetryPolicy, retry_after, trouble_in
from imbik.privacy.transport import Reply


@pytest.mark.parametrize(
    ("status", "again", "throttled", "hopeless"),
    [
        (429, True, True, False),
        (503, True, True, False),
        (529, True, True, False),
        (500, True, False, False),
        (502, True, False, False),
        (408, True, False, False),
        (400, False, False, False),
        (422, False, False, False),
        (401, False, False, True),
        (402, False, False, True),
        (403, False, False, True),
        (404, False, False, True),
        (307, False, False, True),
    ],
)
def test_statuses(status: int, again: bool, throttled: bool, hopeless: bool) -> None:
    trouble = trouble_in(Reply(status, {}, b""), "x")
    assert (trouble.again, trouble.throttled, trouble.hopeless) == (again, throttled, hopeless)


def test_no_credit_is_no_throttling() -> None:
    body = b'{"error":{"code":"insufficient_quota"}}'
    assert trouble_in(Reply(429, {}, body), "x").hopeless


def test_retry_after_in_seconds_or_as_a_date() -> None:
    assert retry_after({"Retry-After": "1.5"}) == 1.5
    assert retry_after({"Retry-After": "-3"}) == 0
    assert retry_after({}) is None
    assert retry_after({"Retry-After": "soon"}) is None
    later = retry_after({"Retry-After": format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)})
    assert later is not None
    assert 28 < later <= 30
    assert retry_after({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0


def test_milliseconds_are_read_first_and_nonsense_is_not() -> None:
    assert retry_after({"retry-after-ms": "250", "Retry-After": "1"}) == 0.25
    assert retry_after({"retry-after-ms": "?", "Retry-After": "2"}) == 2
    assert retry_after({"Retry-After": "nan"}) is None
    assert retry_after({"Retry-After": "inf"}) is None


def test_waits_double_with_jitter_up_to_the_longest() -> None:
    policy = RetryPolicy(base=1, longest=8)
    for attempt, most in ((1, 1), (2, 2), (3, 4), (4, 8), (10, 8)):
        assert most / 2 <= policy.wait(attempt) <= most
