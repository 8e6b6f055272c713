"""Rules of the fake teacher: which requests go wrong, how, and how often.

Enters: a rule as a record, as a line of text for the command line (`429 times=3 retry_after=1 when=fatura`), or many in
a YAML or JSON file. Leaves: for each request the first rule that fires.
"""

from __future__ import annotations

import shlex
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import msgspec

from imbik.core.errors import UsageError
from imbik.core.misspelt import closest
from imbik.core.strict_yaml import YamlError, read_yaml
from imbik.testing.faults import FAULTS

_QUOTED = "words with spaces stand in quotes: --rule 'hang when=\"iki kelime\" times=3'"


@dataclass(frozen=True)
class Rule:
    """`do` happens to requests whose last message holds `when`, after the first `after` of them, `times` times (0:
    always), to each question only the first `each` times that it is asked (0: always).

    `latency` in seconds, with up to `jitter` more; `retry_after` in seconds (negative: no header); `target` is a URL;
    `bytes` a length; `status` that of a redirect.
    """

    do: str
    when: str = ""
    after: int = 0
    times: int = 0
    each: int = 0
    latency: float = 0.0
    jitter: float = 0.0
    retry_after: float = -1.0
    target: str = ""
    bytes: int = 1 << 20
    status: int = 0

    def __post_init__(self) -> None:
        if self.do not in FAULTS:
            raise UsageError(
                f"'{self.do}' is no fault; {closest(self.do, list(FAULTS))}",
                where="a rule of the fake teacher",
                next="imbik fake-teacher --faults lists them",
            )
        for name in ("after", "times", "each", "latency", "jitter", "bytes", "status"):
            if not getattr(self, name) >= 0:
                raise UsageError(
                    f"{name} is 0 or more, and not {getattr(self, name)}",
                    where="a rule of the fake teacher",
                    next="leave it out for its default",
                )


class RuleBook:
    """Finds the rule for each request and counts how often each fired; safe to call from any thread."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = list(rules)
        self._met = [0] * len(self.rules)
        self._asked: list[Counter[str]] = [Counter() for _ in self.rules]
        self._lock = threading.Lock()

    def find(self, text: str) -> Rule | None:
        """The first rule that fires for a request with this last message."""
        with self._lock:
            for number, rule in enumerate(self.rules):
                if rule.when in text and self._fires(number, rule, text):
                    return rule
        return None

    def _fires(self, number: int, rule: Rule, text: str) -> bool:
        if rule.each:
            self._asked[number][text] += 1
            if self._asked[number][text] > rule.each:
                return False
        self._met[number] += 1
        fired = self._met[number] - rule.after
        return fired > 0 and (not rule.times or fired <= rule.times)


def parse_rule(text: str) -> Rule:
    """A rule as written on the command line.

    Raises: UsageError naming what may be written.
    """
    try:
        do, *rest = shlex.split(text) or [""]
    except ValueError as error:
        raise UsageError(f"its quotes do not end ({error})", where=f"rule '{text}'", next=_QUOTED) from None
    known = {field.name: field.type for field in fields(Rule) if field.name != "do"}
    values: dict[str, object] = {}
    for part in rest:
        name, sign, value = part.partition("=")
        if not sign or name not in known:
            raise UsageError(
                f"'{part}' is not NAME=VALUE; {closest(name, list(known))}", where=f"rule '{text}'", next=_QUOTED
            )
        try:
            values[name] = {"int": int, "float": float}.get(str(known[name]), str)(value)
        except ValueError:
            raise UsageError(f"'{value}' is no number", where=f"rule '{text}'", next=f"write {name}=3") from None
    return Rule(do=do, **values)  # type: ignore[arg-type]


def read_script(path: Path) -> list[Rule]:
    """The rules of a YAML or JSON file: a list, or a list under `rules:`, each a mapping or a line of text.

    Raises: UsageError with the number of the rule.
    """
    try:
        data, _ = read_yaml(path.read_bytes())
    except OSError as error:
        raise UsageError(
            f"cannot be read ({error.strerror})", where=str(path), next="name a YAML or JSON file of rules"
        ) from None
    except YamlError as error:
        raise UsageError(error.what, where=f"{path}:{error.line}", next=error.advice) from None
    if isinstance(data, dict) and (unknown := [str(key) for key in data if key != "rules"]):
        raise UsageError(f"unknown key '{unknown[0]:.60}'; {closest(unknown[0], ['rules'])}", where=str(path))
    items = data.get("rules") if isinstance(data, dict) else data
    if not isinstance(items, list):
        raise UsageError(
            "no list of rules", where=str(path), next="write `rules:` and below it `- {do: 429, times: 3}`"
        )
    return rules_of(items, str(path))


def rules_of(items: Sequence[object], where: str) -> list[Rule]:
    """Rules as data, each a mapping or a line of text.

    Raises: UsageError with the number of the rule.
    """
    return [_rule(item, f"{where}, rule {number}") for number, item in enumerate(items, 1)]


def _rule(item: object, where: str) -> Rule:
    try:
        if not isinstance(item, dict):
            return parse_rule(str(item))
        if unknown := [str(key) for key in item if key not in Rule.__annotations__]:
            raise UsageError(
                f"'{unknown[0]}' is nothing a rule says; {closest(unknown[0], list(Rule.__annotations__))}"
            )
        return msgspec.convert({**item, "do": str(item.get("do", ""))}, Rule)
    except UsageError as error:
        raise UsageError(error.what, where=where, next=error.next) from None
    except msgspec.ValidationError as error:
        raise UsageError(str(error), where=where) from None
