"""Hashes follow values: where a record came from changes nothing."""

from __future__ import annotations

import pickle

import msgspec

from imbik.core.files import canonical_json
from imbik.core.lineage import leaf, sample_leaf
from imbik.core.types import Completion, Message, NumberReference, Sample, Task, Usage


def sample(language: str) -> Sample:
    task = Task(
        id="a",
        kind="math",
        messages=(Message(role="user", content="x"),),
        reference=NumberReference(text="1"),
        language=language,
    )
    return Sample(task=task, teacher="t", number=0, completion=Completion(answer="1"))


def test_equal_records_have_equal_leaves_wherever_they_come_from() -> None:
    here = sample("tr")
    spelled = sample("".join(["t", "r"]))
    piped = pickle.loads(pickle.dumps(here))
    decoded = msgspec.json.decode(msgspec.json.encode(spelled), type=Sample)
    assert here == spelled == piped == decoded
    assert len({canonical_json(item) for item in (here, spelled, piped, decoded)}) == 1
    assert len({leaf("a", item) for item in (here, spelled, piped, decoded)}) == 1


def test_defaults_are_left_out_and_tags_stay() -> None:
    assert canonical_json(NumberReference(text="1")) == b'{"text":"1","type":"number"}'
    assert canonical_json({"b": [Usage()], "a": Usage(input_tokens=2)}) == b'{"a":{"input_tokens":2},"b":[{}]}'
    assert canonical_json(sample("tr")) != canonical_json(sample("en"))


def test_the_leaf_of_a_sample_says_what_it_says_not_what_it_took() -> None:
    slow = msgspec.structs.replace(
        sample("tr"), completion=Completion(answer="1", seconds=3, usage=Usage(output_tokens=9))
    )
    assert sample_leaf(slow) == sample_leaf(sample("tr"))
    other = msgspec.structs.replace(sample("tr"), answer="2")
    assert sample_leaf(other) != sample_leaf(sample("tr"))
