"""The key of an answer: what shapes it is in, what does not is out."""

from __future__ import annotations

import msgspec
import pytest

from asking import question
from imbik.ask.key import question_key
from imbik.core.questions import Question, Sampling
from imbik.core.types import Message, Recorded, Sensitivity, Task

BASE = question("2 + 2?")


def key(asked: Question, identity: str = "openai sahte", *, local: bool = False) -> bytes:
    """The key of a question to a served teacher."""
    return question_key(identity, asked, local=local)


@pytest.mark.parametrize(
    "changed",
    [
        {"messages": (Message(role="user", content="2 + 3?"),)},
        {"messages": (Message(role="system", content="2 + 2?"),)},
        {"sample": 1},
        {"sampling": Sampling(temperature=0.5)},
        {"sampling": Sampling(top_p=0.5)},
        {"sampling": Sampling(seed=1)},
        {"schema": '{"type":"object"}'},
    ],
)
def test_what_shapes_an_answer_changes_its_key(changed: dict[str, object]) -> None:
    assert key(msgspec.structs.replace(BASE, **changed)) != key(BASE)


@pytest.mark.parametrize(
    "changed",
    [
        {"row": "another row"},
        {"sensitivity": Sensitivity.SPECIAL},
        {"sampling": Sampling(max_tokens=9)},
        {"sampling": Sampling(temperature=0)},
        {"recorded": (Recorded(name="a", text="b"),)},
        {"choices": ("evet", "hayır")},
        {"task": Task(id="1", kind="qa", messages=())},
    ],
)
def test_what_does_not_shape_it_does_not(changed: dict[str, object]) -> None:
    assert key(msgspec.structs.replace(BASE, **changed)) == key(BASE)


def test_another_teacher_is_another_key_and_models_here_choose_among_choices() -> None:
    chosen = msgspec.structs.replace(BASE, choices=("evet", "hayır"))
    assert key(BASE, "openai other") != key(BASE)
    assert key(chosen, local=True) != key(BASE, local=True)


def test_keys_stay_what_they_are() -> None:
    """A golden value: a change here would buy every stored answer again."""
    assert key(BASE).hex() == "d0d5c0b7a960fb978c69804fbe72f78feddd22533b293dff1f4b692c8408dc38"
