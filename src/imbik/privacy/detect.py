"""Which personal data a text holds. Detection raises a row's sensitivity, never lowers it.

Enters: text, and the operator's file, which adds detectors and leaves some out. Leaves: findings with offsets into the
original text, and the level they raise it to. One pass of RE2 over all triggers decides which detectors look closer;
most texts end there. Any failure raises, and whoever asked treats that as blocked.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import re2

from imbik.core.errors import ImbikError, OperatorFileError
from imbik.core.misspelt import closest
from imbik.core.plugins import PluginBlock, available, load_plugin, make
from imbik.core.types import Sensitivity
from imbik.privacy.detectors import Detector, Reading
from imbik.privacy.normalise import STRANGE, Normal, quick, without_surrogates
from imbik.privacy.operator import Operator
from imbik.privacy.sensitivity import inherited

GROUP = "privacy/detectors"
_MEMORY = 64 << 20  # bytes for RE2's automaton of all triggers


class Finding(NamedTuple):
    """Characters [start, end) of the original text that a detector names, and the level it raises them to."""

    detector: str
    start: int
    end: int
    level: Sensitivity


class Detection:
    """The detectors of one operator's file, ready to look at texts.

    Raises: OperatorFileError for a name that is no detector, MissingExtraError where an added one needs a library.
    """

    def __init__(self, operator: Operator) -> None:
        self._detectors: dict[str, Detector] = {
            name: make(GROUP, PluginBlock(use=name)) for name in chosen_detectors(operator)
        }
        self._triggers = _Triggers({name: detector.triggers for name, detector in self._detectors.items()})

    @property
    def versions(self) -> Mapping[str, int]:
        """Name and version of every detector that looks: part of what shapes a row's sensitivity."""
        return {name: detector.version for name, detector in sorted(self._detectors.items())}

    @property
    def highest(self) -> Sensitivity:
        """The most that any of them raises a row to: rows at or above it need no look."""
        return inherited(Sensitivity.PUBLIC, *(detector.level for detector in self._detectors.values()))

    def find(self, text: str) -> list[Finding]:
        """What was found, by offset; where two overlap, the one with a check (`priority`), then the longer one.

        Raises: whatever a detector raises, and ImbikError when the triggers cannot be matched.
        """
        plain = quick(text)
        fired = self._triggers.fired(plain)
        if not fired:
            return []
        reading = Reading(Normal(text, plain=plain is text and STRANGE not in fired))
        if reading.text != plain:
            fired = fired | self._triggers.fired(reading.text)
        found = []
        for name in fired - {STRANGE}:
            detector = self._detectors[name]
            for start, end in detector.spans(reading):
                found.append((detector.priority, start - end, name, start, end))
        return [
            Finding(name, *reading.normal.origin(start, end), self._detectors[name].level)
            for name, start, end in _apart(sorted(found))
        ]

    def level(self, texts: Iterable[str]) -> Sensitivity:
        """The highest level of anything found in any of them; public when nothing is."""
        level = Sensitivity.PUBLIC
        for text in texts:
            for finding in self.find(text):
                level = inherited(level, finding.level)
            if level is self.highest:
                break
        return level


def chosen_detectors(operator: Operator) -> list[str]:
    """Names of the detectors that look at rows: all that are not optional, what is added, without what is left out.

    Raises: OperatorFileError for a name that no detector has.
    """
    known = list(available(GROUP))
    wanted = operator.detectors
    for key, names in (("add", wanted.add), ("leave_out", wanted.leave_out)):
        if unknown := [name for name in names if name not in known]:
            raise OperatorFileError(
                f"detectors.{key}: there is no detector '{unknown[0]}'; {closest(unknown[0], known)}",
                where=str(operator.path or "operator.yaml"),
                next="imbik plugins privacy/detectors lists them",
            )
    default = [name for name in known if not load_plugin(GROUP, name).optional]
    return [name for name in dict.fromkeys([*default, *wanted.add]) if name not in wanted.leave_out]


def detector_versions(operator: Operator) -> dict[str, int]:
    """Name and version of the detectors that look at rows, without building them: for a stage's hash."""
    return {name: load_plugin(GROUP, name).version for name in sorted(chosen_detectors(operator))}


def _apart(found: list[tuple[int, int, str, int, int]]) -> list[tuple[str, int, int]]:
    """Without overlaps, by offset: what has a check before what has none, then longer spans."""
    kept: list[tuple[int, int, str]] = []
    for _, _, name, start, end in found:
        at = bisect_left(kept, (start, end, name))
        free_before = not at or kept[at - 1][1] <= start
        if free_before and (at == len(kept) or end <= kept[at][0]):
            kept.insert(at, (start, end, name))
    return [(name, start, end) for start, end, name in kept]


class _Triggers:
    """All triggers in one automaton. Its last pattern always matches: a silent set has failed, not found none."""

    def __init__(self, triggers: Mapping[str, tuple[str, ...]]) -> None:
        options = re2.Options()
        options.max_mem = _MEMORY
        wanted = {**triggers, STRANGE: (STRANGE,)}
        patterns = list(dict.fromkeys(pattern for item in wanted.values() for pattern in item))
        number = {pattern: at for at, pattern in enumerate(patterns)}
        self._needs = {name: frozenset(number[pattern] for pattern in item) for name, item in wanted.items()}
        self._silence = len(patterns)
        self._known: dict[tuple[int, ...], set[str]] = {}
        self._set = re2.Set.SearchSet(options)
        for pattern in [*patterns, r"\A"]:
            self._set.Add(pattern)
        self._set.Compile()

    def fired(self, text: str) -> set[str]:
        """Names of the detectors that must look closer; STRANGE for characters that hide something.

        Raises: ImbikError when the automaton gave no answer.
        """
        try:
            matched = self._set.Match(text)
        except UnicodeEncodeError:
            matched = self._set.Match(without_surrogates(text))
        key = tuple(matched)
        if (names := self._known.get(key)) is None:
            if self._silence not in matched:
                raise ImbikError("the search for personal data gave no answer", next="this is an error of imbik")
            names = self._known[key] = {name for name, needs in self._needs.items() if needs.issubset(matched)}
        return names
