"""Rules of the fake teacher: which requests go wrong, how, and how often.

Enters: a rule as a record, or as a line of text for the command line (`429 times=3 retry_after=1 when=fatura`).
Leaves: for each request the first rule that fires.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal, get_args

from imbik.core.errors import UsageError

Fault = Literal[
    "none",  # answer well (with a latency of its own)
    "429",  # too many requests; with Retry-After when `retry_after` is not negative
    "500",  # the server failed
    "503",  # overloaded
    "401",  # the key was revoked
    "404",  # no such model
    "hang",  # never answers
    "cut_json",  # half a JSON document with a correct Content-Length
    "wrong_length",  # Content-Length promises more than comes
    "reset",  # the connection ends without a reply
    "empty",  # an answer without text
    "refusal",  # the model declines
    "filtered",  # the provider's filter ends the answer
    "redirect",  # 307 to `target`
    "huge",  # a reply of `bytes` bytes
]
FAULTS = get_args(Fault)


@dataclass(frozen=True)
class Rule:
    """`do` happens to requests whose last message holds `when`, after the first `after` of them, `times` times (0:
    always).

    `latency` in seconds; `retry_after` in seconds (negative: no header); `target` is a URL; `bytes` a length.
    """

    do: Fault
    when: str = ""
    after: int = 0
    times: int = 0
    latency: float = 0.0
    retry_after: float = -1.0
    target: str = ""
    bytes: int = 1 << 20


class RuleBook:
    """Finds the rule for each request and counts how often each fired; safe to call from any thread."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = list(rules)
        self._met = [0] * len(self.rules)
        self._lock = threading.Lock()

    def find(self, text: str) -> Rule | None:
        """The first rule that fires for a request with this last message."""
        with self._lock:
            for number, rule in enumerate(self.rules):
                if rule.when not in text:
                    continue
                self._met[number] += 1
                fired = self._met[number] - rule.after
                if fired > 0 and (not rule.times or fired <= rule.times):
                    return rule
        return None


def parse_rule(text: str) -> Rule:
    """A rule as written on the command line.

    Raises: UsageError naming what may be written.
    """
    do, *rest = text.split()
    known = {field.name: field.type for field in fields(Rule) if field.name != "do"}
    if do not in FAULTS:
        raise UsageError(f"'{do}' is no fault; known: {', '.join(FAULTS)}", where=f"rule '{text}'")
    values: dict[str, object] = {}
    for part in rest:
        name, sign, value = part.partition("=")
        if not sign or name not in known:
            raise UsageError(f"'{part}' is not NAME=VALUE with a name of {', '.join(known)}", where=f"rule '{text}'")
        try:
            values[name] = {"int": int, "float": float}.get(str(known[name]), str)(value)
        except ValueError:
            raise UsageError(f"'{value}' is no number", where=f"rule '{text}'") from None
    return Rule(do=do, **values)  # type: ignore[arg-type]
