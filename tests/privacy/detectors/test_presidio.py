"""Presidio as a detector that the operator adds: absent it says so, present it finds what its patterns know."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from imbik.core.errors import MissingExtraError
from imbik.privacy.detect import Detection, chosen_detectors
from imbik.privacy.operator import Detectors, Operator

ADDED = Operator(detectors=Detectors(add=("presidio",)), path=Path("operator.yaml"))


def test_it_looks_only_where_it_is_added() -> None:
    assert "presidio" not in chosen_detectors(Operator())
    assert "presidio" in chosen_detectors(ADDED)


def test_without_its_library_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "presidio_analyzer", None)
    with pytest.raises(MissingExtraError, match=r"imbik\[presidio\]"):
        Detection(ADDED)


@pytest.mark.nightly
def test_its_own_patterns_are_found_beside_ours() -> None:
    text = "mac 00:1B:44:11:3A:B7 kart 4111 1111 1111 1111"
    found = [(item.detector, text[item.start : item.end]) for item in Detection(ADDED).find(text)]
    assert found == [("presidio", "00:1B:44:11:3A:B7"), ("card", "4111 1111 1111 1111")]
