"""The detectors together: what an operator adds and leaves out, overlaps, levels, and failing closed."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from imbik.core.errors import OperatorFileError
from imbik.core.types import Sensitivity
from imbik.privacy.detect import Detection, Finding, chosen_detectors
from imbik.privacy.detectors.tckn import Tckn
from imbik.privacy.operator import Detectors, Operator

DETECTION = Detection(Operator())


def operator(add: tuple[str, ...] = (), leave_out: tuple[str, ...] = ()) -> Operator:
    return Operator(detectors=Detectors(add=add, leave_out=leave_out), path=Path("operator.yaml"))


def test_findings_point_at_the_original_text() -> None:
    text = "Müşteri TC１２３\u200b45678950'in adresi ali@ornek.com.tr."
    assert [(item.detector, text[item.start : item.end]) for item in DETECTION.find(text)] == [
        ("tckn", "１２３\u200b45678950"),
        ("email", "ali@ornek.com.tr"),
    ]
    assert DETECTION.find("") == []


def test_levels_rise_and_nothing_found_is_public() -> None:
    assert DETECTION.level(["İyi günler.", "ali@ornek.com.tr"]) is Sensitivity.CONFIDENTIAL
    assert DETECTION.level(["İyi günler.", ""]) is Sensitivity.PUBLIC
    assert DETECTION.level([]) is Sensitivity.PUBLIC


def test_the_operator_leaves_detectors_out() -> None:
    some = Detection(operator(leave_out=("email",)))
    assert "email" not in some.versions
    assert [item.detector for item in some.find("ali@ornek.com.tr 12345678950")] == ["tckn"]


@pytest.mark.parametrize("key", ["add", "leave_out"])
def test_a_misspelt_detector_names_the_one_that_was_meant(key: str) -> None:
    with pytest.raises(OperatorFileError, match=f"detectors.{key}: there is no detector 'tckm'; did you mean 'tckn'"):
        chosen_detectors(operator(**{key: ("tckm",)}))


def test_a_detector_that_fails_fails_the_detection(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Tckn, reading: object) -> list[tuple[int, int]]:
        raise RuntimeError("no")

    monkeypatch.setattr(Tckn, "spans", broken)
    with pytest.raises(RuntimeError):
        DETECTION.level(["TC 12345678950"])


def test_findings_are_sorted_and_apart() -> None:
    found = DETECTION.find(" ".join(["12345678950 a@b.com"] * 50))
    assert len(found) == 100
    assert all(isinstance(item, Finding) for item in found)
    assert all(one.end <= other.start for one, other in pairwise(found))
