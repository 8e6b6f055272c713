"""What a reply's headers say of the quota that is left, so that asking slows down before it is refused.

Enters: headers, and about how many tokens one answer takes. Leaves: how many more requests may be sent, and for how
many seconds that holds. Forms read: `x-ratelimit-remaining-requests`/`-tokens` with resets such as `1s`, `6m0s`,
`120ms` (OpenAI API reference, "Rate limits in headers"; Azure, DeepSeek, Groq alike); `anthropic-ratelimit-*` with RFC
3339 times (Anthropic API reference, "Response headers"); `x-ratelimit-remaining` with `x-ratelimit-reset` and
`ratelimit-remaining` with `ratelimit-reset`, in seconds or as seconds or milliseconds since 1970.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

_COUNTED = (
    ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
    ("ratelimit-remaining", "ratelimit-reset"),
)
_TOKENS = (
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
    ("anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"),
    ("anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"),
)
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|s|m|h|d)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_YEAR_2001 = 1e9  # larger numbers are times since 1970, not seconds to wait
_MILLISECONDS = 1e11


class Quota(NamedTuple):
    """So many more requests may be sent within the next `seconds`."""

    requests: int
    seconds: float


def quota_in(headers: Mapping[str, str], tokens_each: float) -> Quota | None:
    """The tightest quota that the headers name, None where they name none.

    `headers` are compared without case; `tokens_each` is about what one request and its answer take (0: unknown).
    """
    if not any("ratelimit" in name.lower() for name in headers):
        return None
    lower = {name.lower(): value for name, value in headers.items()}
    found = [_quota(lower, *names, 1.0) for names in _COUNTED]
    if tokens_each > 0:
        found += [_quota(lower, *names, tokens_each) for names in _TOKENS]
    told = [quota for quota in found if quota is not None]
    return min(told, key=lambda quota: (quota.requests, -quota.seconds), default=None)


def _quota(headers: Mapping[str, str], remaining: str, reset: str, each: float) -> Quota | None:
    try:
        left = float(headers[remaining])
    except (KeyError, ValueError):
        return None
    seconds = duration(headers.get(reset, ""))
    if seconds is None or not math.isfinite(left):
        return None
    return Quota(max(0, int(left / each)), seconds)


def duration(text: str) -> float | None:
    """Seconds from now: `6m0s`, `120ms`, `1.5`, a time in RFC 3339, or a number of seconds since 1970; else None."""
    text = text.strip()
    try:
        number = float(text)
    except ValueError:
        return _written(text)
    if not math.isfinite(number):
        return None
    if number > _YEAR_2001:
        number = number / (1000 if number > _MILLISECONDS else 1) - time.time()
    return max(0.0, number)


def _written(text: str) -> float | None:
    parts = _PART.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return sum(float(number) * _SECONDS[unit] for number, unit in parts)
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())
