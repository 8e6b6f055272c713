"""What is worth trying again, what is hopeless for a row, and what is hopeless for the whole teacher.

Enters: a reply, or the reason why there is none. Leaves: a Trouble that says whether and when to try again, or an
error that ends the run with what to type. A throttled request is no failed attempt: it waits as long as the teacher
still answers somebody.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from imbik.core.errors import ImbikError, TeacherUnreachableError, UsageError
from imbik.privacy.keys import is_set

if TYPE_CHECKING:
    from imbik.privacy.transport import Reply

_NOT_NOW = {429, 503, 529}
_AGAIN = {408, 409, 425, 500, 502, 504, 520, 522, 524} | _NOT_NOW
_NO_CREDIT = re.compile(rb"insufficient_quota|insufficient_balance|billing_hard_limit", re.IGNORECASE)


@dataclass(frozen=True)
class RetryPolicy:
    """Numbers of the retry rules; seconds unless said otherwise."""

    attempts: int = 6  # of one question, throttling not counted
    first_attempts: int = 3  # of one question while the teacher never answered anything
    base: float = 0.5  # the first wait; doubles, with jitter
    longest: float = 30.0  # the longest wait between attempts
    deadline: float = 1800.0  # of one question from its first sending on, where its teacher states none
    patience: float = 600.0  # of throttling without a single answer to anybody
    give_up: int = 25  # questions failed in a row before the teacher counts as gone
    all_alike: int = 20  # questions refused for good with one reason, and nobody answered: the request is wrong
    poll: float = 0.1  # between looks at an answer that another run is asking for
    grace: float = 2.0  # for requests under way when the engine is closed

    def wait(self, attempt: int) -> float:
        """Seconds before the next attempt (attempts count from 1)."""
        return float(min(self.longest, self.base * 2 ** (attempt - 1)) * random.uniform(0.5, 1.0))


@dataclass(frozen=True)
class Trouble:
    """Why there is no answer yet. `throttled`: refused for now; `retry_after`: seconds the server asked for."""

    reason: str
    again: bool = True
    throttled: bool = False
    retry_after: float | None = None
    hopeless: bool = False


def trouble_in(reply: Reply, reason: str) -> Trouble:
    """What an error status means; `reason` is what the teacher's wire format reads from the body."""
    if 300 <= reply.status < 400:
        target = reply.headers.get("Location", "elsewhere")
        return Trouble(f"it redirects to {target:.200}, and redirects are not followed", again=False, hopeless=True)
    if reply.status == 429 and _NO_CREDIT.search(reply.body):
        return Trouble(reason, again=False, hopeless=True)
    if reply.status in _NOT_NOW:
        return Trouble(reason, throttled=True, retry_after=retry_after(reply.headers))
    return Trouble(reason, again=reply.status in _AGAIN, hopeless=reply.status in {401, 402, 403, 404, 405})


def is_throttled(status: int) -> bool:
    """Whether this status means: not now."""
    return status in _NOT_NOW


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait: `retry-after-ms` (Azure, OpenAI), or Retry-After (RFC 9110, 10.2.3: seconds or a date); None
    where neither says anything of sense."""
    for name, unit in (("retry-after-ms", 1e-3), ("Retry-After", 1.0)):
        text = headers.get(name, "").strip()
        try:
            seconds = float(text) * unit
        except ValueError:
            continue
        if math.isfinite(seconds):
            return max(0.0, seconds)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def refused(name: str, url: str, status: int, reason: str, key_name: str) -> ImbikError:
    """The error for a teacher that will not answer anybody."""
    keyless = (
        f"no key was sent, for the recipe names none: write `key: IMBIK_MY_KEY` under teachers.{name} and "
        "export IMBIK_MY_KEY=… (any name that begins with IMBIK_), then run again"
    )
    advice = {
        401: f"check the key: export {key_name}=…, then run again" if key_name else keyless,
        402: "add credit to the account, then type the same command again",
        403: f"check what the key {key_name} may do, then type the same command again" if key_name else keyless,
        404: "check `base_url` (it usually ends in /v1) and `model`",
        405: "check `base_url` (it usually ends in /v1)",
        429: "add credit to the account, then type the same command again",
    }
    default = "write the address it redirects to as `base_url`, if you trust it"
    return TeacherUnreachableError(
        f"teacher '{name}' refuses: {reason}. Answers so far are stored and will not be asked again",
        where=url,
        next=advice.get(status, default),
    )


def refused_alike(name: str, url: str, count: int, reason: str) -> ImbikError:
    """The error for a teacher that refuses every question for a reason that is not the question's."""
    return TeacherUnreachableError(
        f"the first {count} questions to teacher '{name}' all failed in the same way, and none was answered: {reason}. "
        "The others were not asked, and nothing is lost",
        where=url,
        next=f"change what it refuses (model, extra, sampling under teachers.{name}; generate.max_tokens, "
        "generate.temperature, tasks.answer_schema), then type the same command again",
    )


def overwhelmed(name: str, url: str, reason: str) -> ImbikError:
    """The error for a teacher that is there and takes no more requests for now (429 and the like)."""
    return TeacherUnreachableError(
        f"teacher '{name}' takes no requests for now: {reason}. Answers so far are stored and will not be asked again",
        where=url,
        next=f"wait until it does, then type the same command again; where it happens again, ask for less at a time: "
        f"--set teachers.{name}.concurrency=4",
    )


def unreachable(name: str, url: str, reason: str, *, ever: bool, key_name: str = "") -> ImbikError:
    """The error for a teacher that does not answer at all, or no longer; a key that is not set is told first."""
    if key_name and not ever and not is_set(key_name):
        return UsageError(
            f"the key {key_name} of teacher '{name}' is not set; nor can it be reached: {reason}",
            where=url,
            next=f"export {key_name}=…   or keep it with: keyring set imbik {key_name}; then mend `base_url`",
        )
    what = "no longer answers" if ever else "cannot be reached"
    return TeacherUnreachableError(
        f"teacher '{name}' {what}: {reason}. Answers so far are stored and will not be asked again",
        where=url,
        next="start the server or mend `base_url`, then type the same command again",
    )
