"""Whatever a teacher does wrong: no wrong answer is taken for a right one, no row waits past its deadline."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from asking import make_engine, question
from imbik.ask.retry import RetryPolicy
from imbik.core.questions import Question
from imbik.core.types import Completion, Outcome
from imbik.testing import FAULTS, FakeTeacher, Rule, checksum
from imbik.testing.faults import wires

POLICY = RetryPolicy(attempts=3, base=0.002, longest=0.01, poll=0.01, grace=0.1, patience=0.4, give_up=1000)
TIMEOUT, DEADLINE, BYTES = 0.12, 0.4, 100_000
CASES = [
    (name, form)
    for name, fault in FAULTS.items()
    for form in ("openai", "anthropic")
    if form in (fault.formats or ("openai", "anthropic")) and (form == "openai" or name not in wires.TABLE)
]


@pytest.fixture(scope="module")
def teacher() -> Iterator[FakeTeacher]:
    """One server for all faults: what one leaves behind would show in the next."""
    with FakeTeacher(checksum) as server:
        yield server


def is_right(asked: Question, completion: Completion) -> bool:
    """Whether an answer is the one that belongs to the question."""
    return completion.answer.strip() == checksum([{"content": asked.messages[-1].content}])


@pytest.mark.parametrize(("name", "form"), CASES, ids=[f"{name}-{form}" for name, form in CASES])
def test_a_fault(tmp_path: Path, teacher: FakeTeacher, name: str, form: str) -> None:
    fault = FAULTS[name]
    big = 2 * BYTES
    teacher.set_rules(Rule(name, when="hep", bytes=big), Rule(name, when="bir kez", each=1, bytes=big))
    teacher.reset()
    block = {"use": form, "model": "sahte", "base_url": teacher.base_url, "concurrency": 8}
    block |= {"timeout": TIMEOUT, "deadline": DEADLINE, "reply_bytes": BYTES, "price": {"input": 0, "output": 0}}
    asked = [question(f"{kind} {name} {form} {number}") for number in range(2) for kind in ("iyi", "hep", "bir kez")]
    started = time.monotonic()
    with make_engine(tmp_path, teacher=block, policy=POLICY) as engine:
        first = list(engine.ask("buyuk", asked[:1], purpose="generation"))
        found = first + list(engine.ask("buyuk", asked[1:], purpose="generation", leave_pending=True))
    took = time.monotonic() - started
    for row, completion in zip(asked, found, strict=True):
        text = row.messages[-1].content
        if completion.outcome is Outcome.ANSWERED and (fault.visible or text.startswith("iyi")):
            assert is_right(row, completion), f"a wrong answer to '{text}': {completion.answer[:80]}"
        if text.startswith("hep"):
            assert completion.outcome in fault.ends, f"{text}: {completion.outcome} ({completion.reason})"
            assert completion.outcome is Outcome.ANSWERED or completion.reason
    if "pending" not in fault.ends:
        assert {found[at].outcome for at in range(0, 6, 3)} == {Outcome.ANSWERED}
    assert took < DEADLINE + TIMEOUT + 1.5
    refused = POLICY.attempts if name not in THROTTLING else 1000
    assert max(teacher.asked.values()) <= refused
    assert teacher.books.told()["longest_seconds"] < DEADLINE + TIMEOUT + 0.5


THROTTLING = {"429", "429_date", "429_garbage", "429_limits", "503", "529"}
