"""The fake teacher's own books: what it was asked, and what a provider would have billed for it.

Enters: requests as they come and replies as they leave. Leaves: counts for each question and sums for each key and
model, so that a test can prove what was paid, and on request a file with a line for every reply that went out whole.
A provider bills what its model wrote, whether or not the answer arrived.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

import msgspec

MOST_KEPT = 20_000  # bodies and headers kept for a test to look at
_MILLION = Decimal(1_000_000)


@dataclass
class Account:
    """What one key has used of one model."""

    requests: int = 0
    billed_requests: int = 0
    read_tokens: int = 0
    written_tokens: int = 0
    usd: Decimal = Decimal(0)


@dataclass
class Span:
    """When a question was first asked and when it was last done with, in seconds of the monotonic clock."""

    first: float
    last: float


@dataclass
class Books:
    """Counts of one server; safe to read from any thread. `price` is USD for a million tokens read, and written."""

    price: tuple[Decimal, Decimal] = (Decimal(0), Decimal(0))
    log: Path | None = None
    count: int = 0
    under_way: int = 0
    most_under_way: int = 0
    asked: Counter[str] = field(default_factory=Counter)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    accounts: dict[tuple[str, str], Account] = field(default_factory=dict)
    spans: dict[str, Span] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _file: TextIO | None = None

    def begin(self, text: str, body: dict[str, Any], headers: dict[str, str], account: tuple[str, str]) -> int:
        """A request has come; its number."""
        with self._lock:
            self.count += 1
            self.asked[text] += 1
            if len(self.bodies) < MOST_KEPT:
                self.bodies.append(body)
                self.headers.append(headers)
            now = time.monotonic()
            self.spans.setdefault(text, Span(now, now))
            self.accounts.setdefault(account, Account()).requests += 1
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
            return self.count

    def bill(self, account: tuple[str, str], read: int, written: int, *, first: bool = True, share: int = 1) -> None:
        """The model has read and written so many tokens; `first`: for a request that was not billed yet.

        `share` divides the price: 2 in a batch.
        """
        with self._lock:
            found = self.accounts[account]
            found.billed_requests += first
            found.read_tokens += read
            found.written_tokens += written
            found.usd += (read * self.price[0] + written * self.price[1]) / _MILLION / share

    def end(self, text: str) -> None:
        """Done with a request, or its client has gone."""
        with self._lock:
            self.under_way -= 1
            if text in self.spans:
                self.spans[text].last = time.monotonic()

    def sent(self, number: int, text: str, model: str, fault: str) -> None:
        """A reply went out whole: a line in the log, where there is one, which a kill of the client cannot lose."""
        if self.log is None:
            return
        digest = hashlib.sha256(text.encode()).hexdigest()
        line = {"n": number, "time": time.time(), "question": digest, "model": model, "fault": fault}
        with self._lock:
            if self._file is None:
                self._file = self.log.open("a", encoding="utf-8")
            self._file.write(msgspec.json.encode(line).decode() + "\n")
            self._file.flush()

    @property
    def usd(self) -> Decimal:
        """What a provider would have billed in all."""
        with self._lock:
            return sum((account.usd for account in self.accounts.values()), Decimal(0))

    def told(self) -> dict[str, Any]:
        """All of it as plain data; keys of accounts are `KEY MODEL`, with all but the last four characters of a key
        hidden."""
        with self._lock:
            accounts = {f"{_hidden(key)} {model}".strip(): item for (key, model), item in self.accounts.items()}
            return {
                "count": self.count,
                "different": len(self.asked),
                "most_under_way": self.most_under_way,
                "under_way": self.under_way,
                "most_asked": max(self.asked.values(), default=0),
                "longest_seconds": max((span.last - span.first for span in self.spans.values()), default=0.0),
                "usd": str(sum((account.usd for account in self.accounts.values()), Decimal(0))),
                "accounts": accounts,
            }

    def reset(self) -> None:
        """Forget what was asked."""
        with self._lock:
            self.count, self.most_under_way = 0, 0
            self.asked.clear()
            self.bodies.clear()
            self.headers.clear()
            self.accounts.clear()
            self.spans.clear()

    def close(self) -> None:
        """Close the log."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _hidden(key: str) -> str:
    return f"…{key[-4:]}" if len(key) > 4 else key


class Bill:
    """What one request costs: never more than its limit, and no less than the most that was said of it."""

    def __init__(self, books: Books, account: tuple[str, str], read: int, limit: int) -> None:
        self._books, self._account, self._read, self._limit = books, account, read, limit
        self._written = -1

    def charge(self, tokens: int) -> None:
        """So many tokens were written."""
        tokens, first = min(tokens, self._limit, 1 << 20), self._written < 0
        if tokens > self._written:
            read, more = (self._read, tokens) if first else (0, tokens - self._written)
            self._written = tokens
            self._books.bill(self._account, read, more, first=first)
