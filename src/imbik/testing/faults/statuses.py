"""Faults that are a status: refusals for now, refusals for good, failures of the server, redirects.

Enters: a call. Leaves: an error as the provider writes it, with the headers that belong to it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial

from imbik.testing.faults.table import JSON, Call, Table, encode, enter

TABLE: Table = {}
_fault = partial(enter, TABLE, paid="no", ends="failed pending")
_HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


def _wait(call: Call) -> dict[str, str]:
    return {"Retry-After": f"{call.rule.retry_after:g}"} if call.rule.retry_after >= 0 else {}


@_fault("429")
async def too_many(call: Call) -> bool:
    """Too many requests; with Retry-After in seconds where `retry_after` is not negative."""
    return await call.refuse(429, "slow down", "rate_limit_exceeded", _wait(call))


@_fault("429_date")
async def too_many_until(call: Call) -> bool:
    """Too many requests, with Retry-After as a date (`retry_after` seconds from now)."""
    until = datetime.now(UTC) + timedelta(seconds=max(0.0, call.rule.retry_after))
    headers = {"Retry-After": format_datetime(until, usegmt=True)}
    return await call.refuse(429, "slow down", "rate_limit_exceeded", headers)


@_fault("429_garbage")
async def too_many_garbage(call: Call) -> bool:
    """Too many requests, with a Retry-After that is neither a number nor a date."""
    return await call.refuse(429, "slow down", "rate_limit_exceeded", {"Retry-After": "birazdan; -1e999"})


@_fault("429_limits")
async def too_many_limits(call: Call) -> bool:
    """Too many requests, with the provider's rate-limit headers saying that none is left."""
    return await call.refuse(429, "slow down", "rate_limit_exceeded", call.form.limits(0, 0.05))


@_fault("limits", paid="answer", ends="answered")
async def limits(call: Call) -> bool:
    """A good answer, with rate-limit headers saying that one request is left."""
    return await call.send(call.whole(), headers={**JSON, **call.form.limits(1, 0.05)})


@_fault("quota")
async def quota(call: Call) -> bool:
    """No credit: 429 with insufficient_quota (402 for Anthropic)."""
    if call.form.name == "anthropic":
        return await call.refuse(402, "your credit balance is too low", "billing_error")
    return await call.refuse(429, "you exceeded your current quota", "insufficient_quota")


@_fault("401")
async def revoked(call: Call) -> bool:
    """The key was revoked (`after=k`: at row k); the error repeats a key."""
    return await call.refuse(401, "Incorrect API key provided: sk-gizli", "invalid_api_key")


@_fault("402")
async def unpaid(call: Call) -> bool:
    """Payment required."""
    return await call.refuse(402, "insufficient balance", "insufficient_balance")


@_fault("403")
async def forbidden(call: Call) -> bool:
    """The key may not use this model."""
    return await call.refuse(403, "not allowed to use this model", "permission_denied")


@_fault("404")
async def absent(call: Call) -> bool:
    """No such model."""
    return await call.refuse(404, "no such model", "model_not_found", _wait(call))


@_fault("400")
async def bad_request(call: Call) -> bool:
    """The request is refused as wrong."""
    return await call.refuse(400, "unsupported parameter", "invalid_request_error")


@_fault("408")
async def request_timeout(call: Call) -> bool:
    """The server gave up waiting."""
    return await call.refuse(408, "request timeout", "timeout")


@_fault("413")
async def too_large(call: Call) -> bool:
    """The request is too large."""
    return await call.refuse(413, "request too large", "request_too_large")


@_fault("500")
async def failed(call: Call) -> bool:
    """The server failed."""
    return await call.refuse(500, "the server failed", "server_error", _wait(call))


@_fault("502")
async def bad_gateway(call: Call) -> bool:
    """A proxy's error page in HTML."""
    return await call.send(_HTML, 502, {"Content-Type": "text/html"})


@_fault("503")
async def overloaded(call: Call) -> bool:
    """Overloaded."""
    return await call.refuse(503, "overloaded", "overloaded", _wait(call))


@_fault("504")
async def gateway_timeout(call: Call) -> bool:
    """A proxy gave up waiting, with an empty body."""
    return await call.send(b"", 504, {})


@_fault("529")
async def anthropic_overloaded(call: Call) -> bool:
    """Overloaded, as Anthropic says it."""
    return await call.refuse(529, "Overloaded", "overloaded_error", _wait(call))


@_fault("204")
async def no_content(call: Call) -> bool:
    """Success without content."""
    await call.line.write(b"HTTP/1.1 204 No Content\r\n\r\n")
    return True


@_fault("redirect")
async def redirect(call: Call) -> bool:
    """A redirect with `status` (301, 302, 307, 308) to `target`."""
    target = call.rule.target or f"{call.here}/v1/elsewhere"
    return await call.send(encode({}), call.rule.status or 307, {**JSON, "Location": target})


@_fault("redirect_loop")
async def redirect_loop(call: Call) -> bool:
    """A redirect to the same address, for ever."""
    return await call.send(b"", 308, {"Location": call.request.target})


@_fault("redirect_away")
async def redirect_away(call: Call) -> bool:
    """A redirect to another host."""
    return await call.send(b"", 301, {"Location": call.rule.target or "http://192.0.2.1/v1/chat/completions"})
