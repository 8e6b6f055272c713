"""Microsoft Presidio's pattern recognisers beside imbik's own, where the operator adds them (`detectors.add`).

Needs the extra `presidio`; no model is downloaded and none is used, only patterns with checks. Findings below the
score are left aside: a pattern without its check or its word is noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from pydantic import Field

from imbik.core.errors import MissingExtraError
from imbik.core.plugins import PluginSettings
from imbik.core.types import Sensitivity
from imbik.privacy.detectors import Reading, Span

_RECOGNISERS = (
    "CreditCardRecognizer",
    "CryptoRecognizer",
    "EmailRecognizer",
    "IbanRecognizer",
    "IpRecognizer",
    "MacAddressRecognizer",
    "PhoneRecognizer",
)


class Presidio:
    """What Presidio's recognisers of no particular country find."""

    class Settings(PluginSettings):
        """How sure it has to be."""

        score: float = Field(0.4, ge=0, le=1, description="lowest score of Presidio that counts")

    version = 1
    level = Sensitivity.CONFIDENTIAL
    optional = True
    priority = 3
    triggers = ()

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        try:
            from presidio_analyzer import predefined_recognizers
        except ImportError:
            raise MissingExtraError(
                "the detector 'presidio' needs presidio-analyzer, which is not installed",
                where="detectors.add",
                next="pip install 'imbik[presidio]', or take it out of the operator's file",
            ) from None
        self._known: Any = predefined_recognizers

    @cached_property
    def _recognisers(self) -> list[Any]:
        return [getattr(self._known, name)() for name in _RECOGNISERS]

    def spans(self, reading: Reading) -> Iterator[Span]:
        """Every finding that is sure enough."""
        for recogniser in self._recognisers:
            for found in recogniser.analyze(reading.text, recogniser.supported_entities, None) or ():
                if found.score >= self.settings.score:
                    yield found.start, found.end
