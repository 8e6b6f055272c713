"""Whether a teacher still answers anybody, or its troubles are no longer those of single questions.

Enters: what became of questions: answered, refused, throttled, failed. Leaves: nothing while the teacher stands, else
the error that ends it, with what to type. One question's bad luck ends no teacher.
"""

from __future__ import annotations

import time
from collections import Counter

from imbik.ask import retry
from imbik.ask.flight import Flight
from imbik.ask.retry import RetryPolicy, Trouble
from imbik.core.errors import ImbikError
from imbik.teachers import ServedTeacher

FORBIDDEN_ROWS = 3  # a single 403 may be about its row; so many in a row are about the key
_ABOUT_THE_TEACHER = {401, 402, 429}  # hopeless whoever asks: no key, no credit


class Standing:
    """What is known of one teacher's health, on the asking loop."""

    def __init__(self, name: str, teacher: ServedTeacher, policy: RetryPolicy) -> None:
        self._name, self._teacher, self._policy = name, teacher, policy
        self._last_success = 0.0
        self._failed_in_row = 0
        self._forbidden: set[bytes] = set()  # questions that a 403 met since somebody was answered
        self._refused: Counter[str] = Counter()  # questions that no second try would help, by what the teacher said

    @property
    def ever(self) -> bool:
        """Whether anybody was answered yet."""
        return bool(self._last_success)

    def answered(self) -> None:
        """Somebody was answered."""
        self._last_success = time.monotonic()
        self._failed_in_row = 0
        self._forbidden.clear()

    def refused(self, flight: Flight, status: int, trouble: Trouble, *, alone: bool) -> ImbikError | None:
        """An error status; `alone`: no other question is under way. The error where it is about the teacher."""
        forbidden = status == 403 and self._all_forbidden(flight, alone=alone)
        if not trouble.hopeless or not (not self.ever or forbidden or status in _ABOUT_THE_TEACHER):
            return None
        return retry.refused(self._name, self._teacher.url, status, trouble.reason, self._key_name(flight))

    def throttled(self, flight: Flight, wait: float, trouble: Trouble) -> ImbikError | None:
        """Everybody waits `wait` seconds. The error where nobody was answered for a long time."""
        since = time.monotonic() - max(self._last_success, flight.first_sent)
        if since + wait <= self._policy.patience:
            return None
        for_long = f"has refused everything for {since:.0f} s and " if since >= 1 else ""
        reason = f"it {for_long}wants {max(wait, 1):.0f} s of waiting ({trouble.reason})"
        return retry.overwhelmed(self._name, self._teacher.url, reason)

    def failed(self, flight: Flight, trouble: Trouble, tried: str) -> ImbikError | None:
        """A question was given up. The error where nothing ever succeeded, or nothing does any more."""
        self._failed_in_row += 1
        gone = self._failed_in_row >= self._policy.give_up
        if not trouble.again:
            return self._all_refused_alike(trouble)
        if self.ever and not gone:
            return None
        reason = f"{tried}: {trouble.reason}"
        if flight.throttled and not flight.attempts:
            return retry.overwhelmed(self._name, self._teacher.url, reason)
        key_name = self._key_name(flight)
        return retry.unreachable(self._name, self._teacher.url, reason, ever=self.ever, key_name=key_name)

    def _all_forbidden(self, flight: Flight, *, alone: bool) -> bool:
        """Whether a 403 is about the key: several questions met one since anybody was answered, or the last one did."""
        self._forbidden.add(flight.key)
        last = flight.attempts + 1 >= FORBIDDEN_ROWS and alone
        return last or len(self._forbidden) >= FORBIDDEN_ROWS

    def _all_refused_alike(self, trouble: Trouble) -> ImbikError | None:
        """Whether the request itself is wrong, whatever its row: nobody was answered, and everybody heard the same."""
        self._refused[trouble.reason] += 1
        count = self._refused[trouble.reason]
        if self.ever or len(self._refused) > 1 or count < self._policy.all_alike:
            return None
        return retry.refused_alike(self._name, self._teacher.url, count, trouble.reason)

    def _key_name(self, flight: Flight) -> str:
        return self._teacher.request(flight.question).key_name
