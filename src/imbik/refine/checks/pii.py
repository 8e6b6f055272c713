"""PII: an answer holds no personal data: identity numbers, accounts, cards, telephones, addresses of mail, names.

Enters: one sample. Leaves: a verdict that names the detectors and how often each fired, never what they found; spans
say where. A student could say to anybody what it learned here. The detectors are those of the operator's file
(`imbik.privacy.detect`), the same that look at rows.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from pathlib import Path
from secrets import token_hex
from typing import Literal

from pydantic import Field, field_validator

from imbik.core.misspelt import closest
from imbik.core.plugins import PluginSettings, available
from imbik.core.types import Sample, Span, Verdict
from imbik.privacy.detect import GROUP, Detection, detector_versions
from imbik.privacy.operator import load_operator
from imbik.refine.checks import CheckContext


class Pii:
    """Rejects answers and reasoning with personal data in them."""

    class Settings(PluginSettings):
        """Which detectors count, and whether what the task says itself may be said again."""

        detectors: list[str] = Field([], description="only these detectors (empty: all that look at rows)")
        given: Literal["reject", "keep"] = Field(
            "reject", description="keep: what stands in the task in the same words may stand in the answer too"
        )

        @field_validator("detectors")
        @classmethod
        def _known(cls, value: list[str]) -> list[str]:
            known = list(available(GROUP))
            if unknown := [name for name in value if name not in known]:
                raise ValueError(f"there is no detector '{unknown[0]}'; {closest(unknown[0], known)}")
            return value

    version = 2
    scope = "row"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._only = frozenset(settings.detectors)
        self._token = token_hex(8)  # of this check and its copies in worker processes: they build their detectors once

    def shaped_by(self, base: Path) -> object:
        """Names and versions of the detectors, which the operator chooses: part of the stage's hash."""
        return detector_versions(load_operator(base))

    def judge(self, sample: Sample, context: CheckContext) -> Verdict:
        """Rejects with the names of the detectors. Whatever a detector raises rejects the row."""
        detection = _detection(context.base, self._token)
        spans = list[Span]()
        parts: tuple[tuple[Literal["answer", "reasoning"], str], ...] = (
            ("reasoning", sample.reasoning),
            ("answer", sample.answer),
        )
        given = ""
        for part, text in parts:
            for name, start, end, _ in detection.find(text):
                if self._only and name not in self._only:
                    continue
                if self.settings.given == "keep":
                    given = given or f"{sample.task.text}\n{sample.task.passage}"
                    if text[start:end] in given:
                        continue
                spans.append(Span(start=start, end=end, note=name, part=part, doubted=True))
        if not spans:
            return Verdict(by="pii", keep=True)
        counts = Counter((span.note, span.part) for span in spans)
        told = ", ".join(f"{name} ({count} in the {part})" for (name, part), count in sorted(counts.items()))
        return Verdict(by="pii", keep=False, reason=f"it holds personal data: {told}", spans=tuple(spans))


@lru_cache(maxsize=8)
def _detection(base: Path, token: str) -> Detection:  # noqa: ARG001 - one operator's file for each check
    """Built once in a process: the automaton of all triggers takes a while."""
    return Detection(load_operator(base))
