"""Records are frozen, compact on disk, and the same after a round trip."""

from __future__ import annotations

import msgspec
import pytest

from imbik.core.types import (
    Completion,
    LabelReference,
    Message,
    NumberReference,
    Reference,
    Sample,
    Sensitivity,
    Span,
    Task,
    TextReference,
    TurnsReference,
    Verdict,
)


def test_sensitivity_is_ordered() -> None:
    assert [level.rank for level in Sensitivity] == [0, 1, 2, 3]
    assert max(Sensitivity, key=lambda level: level.rank) is Sensitivity.SPECIAL


def test_a_row_without_a_mark_is_confidential() -> None:
    assert Task(id="1", kind="qa", messages=()).sensitivity is Sensitivity.CONFIDENTIAL


@pytest.mark.parametrize(
    "reference",
    [
        NumberReference(text="1.250,5", reasoning="a"),
        TextReference(text="evet"),
        LabelReference(text="iade"),
        TurnsReference(turns=("bir", "iki")),
    ],
)
def test_a_sample_comes_back(reference: Reference) -> None:
    task = Task(id="7", kind="qa", messages=(Message(role="user", content="soru"),), reference=reference)
    sample = Sample(task=task, teacher="büyük", number=2, completion=Completion(answer="x"))
    assert msgspec.json.decode(msgspec.json.encode(sample), type=Sample) == sample
    assert sample.id == "7#büyük#2"


def test_the_last_turn_is_the_text_of_a_conversation() -> None:
    assert TurnsReference(turns=("bir", "iki")).text == "iki"
    assert TurnsReference(turns=()).text == ""


def test_records_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Message(role="user", content="a").content = "b"  # type: ignore[misc]


def test_a_span_keeps_what_it_is_part_of_and_what_supports_it() -> None:
    supported = Span(start=3, end=7, note="1402", source=(120, 124))
    wrong = Span(start=0, end=9, part="reasoning")
    assert (supported.part, wrong.source) == ("answer", None)
    verdict = Verdict(by="grounded", keep=True, spans=(supported, wrong))
    assert msgspec.json.decode(msgspec.json.encode(verdict), type=Verdict) == verdict
