"""Asking models in this process: blocks, stored once, gated and audited, recorded answers never stored."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest

from asking import FAST, question, questions, stored_sensitivity
from imbik.ask.answers import AnswerStore
from imbik.ask.key import question_key
from imbik.ask.local import LocalAsker
from imbik.core.errors import BooksError
from imbik.core.executor import Executor, LocalExecutor
from imbik.core.questions import Question
from imbik.core.types import Completion, Outcome, Recorded, Sensitivity
from imbik.privacy.audit import Audit, read_audit
from imbik.privacy.gate import Gate
from imbik.privacy.operator import Operator

T = TypeVar("T")
U = TypeVar("U")


class Echo:
    """A local teacher that repeats up to `max_tokens` words."""

    identity = "echo"
    block_size = 4

    def __init__(self, place: str = "in_process", sensitivity: Sensitivity = Sensitivity.PUBLIC) -> None:
        self.place, self.sensitivity = place, sensitivity
        self.blocks: list[list[str]] = []

    def answer(self, asked: Sequence[Question]) -> list[Completion]:
        """Words of the question."""
        self.blocks.append([item.messages[-1].content for item in asked])
        return [self._one(item) for item in asked]

    def _one(self, item: Question) -> Completion:
        words = item.messages[-1].content.split()
        short = words[: item.sampling.max_tokens]
        outcome = Outcome.TRUNCATED if len(short) < len(words) else Outcome.ANSWERED
        return Completion(answer=" ".join(short), outcome=outcome)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[AnswerStore]:
    """An open store."""
    opened = AnswerStore(tmp_path / "answers.sqlite")
    yield opened
    opened.close()


class Ahead:
    """An executor that draws blocks before the first one is worked on, as worker processes make it."""

    def __init__(self, blocks: int) -> None:
        self.blocks = blocks

    def map(self, process: Callable[[Sequence[T]], U], blocks: Iterable[Sequence[T]]) -> Iterator[U]:
        """`process(block)` for every block, in order."""
        source = iter(blocks)
        waiting = deque(islice(source, self.blocks))
        while waiting:
            yield process(waiting.popleft())
            waiting.extend(islice(source, 1))


def asker(teacher: Echo, store: AnswerStore, folder: Path, executor: Executor | None = None) -> LocalAsker:
    """An asker with a gate of its own."""
    return LocalAsker(teacher, Gate(Operator(), Audit(folder)), store, executor or LocalExecutor(), FAST)


def test_blocks_in_order_and_each_question_once(tmp_path: Path, store: AnswerStore) -> None:
    teacher = Echo()
    asked = [*questions(6), question("soru 1", row="again")]
    answers = list(asker(teacher, store, tmp_path).ask(asked, "generate"))
    assert [item.answer for item in answers] == [item.messages[-1].content for item in asked]
    assert teacher.blocks == [["soru 0", "soru 1", "soru 2", "soru 3"], ["soru 4", "soru 5"]]
    assert list(asker(teacher, store, tmp_path).ask(asked, "generate")) == answers
    assert sum(map(len, teacher.blocks)) == 6


@pytest.mark.parametrize("ahead", [1, 2, 4, 9])
def test_an_executor_that_draws_ahead_computes_each_question_once(
    tmp_path: Path, store: AnswerStore, ahead: int
) -> None:
    teacher = Echo()
    asked = [question(f"soru {number % 3}", row=f"satır {number}") for number in range(20)]
    asked += [question("bir iki üç", row="kısa", max_tokens=2)] * 4 + [question("bir iki üç", row="uzun")] * 5
    answers = list(asker(teacher, store, tmp_path, Ahead(ahead)).ask(asked, "generate"))
    words = [item.messages[-1].content for item in asked]
    assert [item.answer for item in answers] == [*words[:20], *["bir iki"] * 4, *words[24:]]
    computed = [text for block in teacher.blocks for text in block]
    assert sorted(computed) == ["bir iki üç"] * 2 + ["soru 0", "soru 1", "soru 2"]
    assert len(list(read_audit(tmp_path / "audit.jsonl"))) == len(asked)


def test_what_failed_in_an_earlier_block_is_tried_in_a_later_one(tmp_path: Path, store: AnswerStore) -> None:
    class Once(Echo):
        def _one(self, item: Question) -> Completion:
            first = len(self.blocks) == 1
            return Completion(outcome=Outcome.FAILED) if first else super()._one(item)

    asked = [question("aynı", row=f"satır {number}") for number in range(8)]
    answers = list(asker(Once(), store, tmp_path, Ahead(2)).ask(asked, "generate"))
    assert [item.outcome for item in answers] == [Outcome.FAILED] * 4 + [Outcome.ANSWERED] * 4


def test_every_row_leaves_an_audit_line_and_needs_no_attestation(tmp_path: Path, store: AnswerStore) -> None:
    asked = questions(5, sensitivity=Sensitivity.SPECIAL)
    answers = list(asker(Echo(), store, tmp_path).ask(asked, "evaluation"))
    assert {item.outcome for item in answers} == {Outcome.ANSWERED}
    lines = list(read_audit(tmp_path / "audit.jsonl"))
    assert len(lines) == 5
    assert {(line.place, line.purpose, line.sensitivity) for line in lines} == {("in_process", "evaluation", "special")}


def test_a_models_sensitivity_is_kept_with_its_answers(tmp_path: Path, store: AnswerStore) -> None:
    teacher = Echo(sensitivity=Sensitivity.CONFIDENTIAL)
    list(asker(teacher, store, tmp_path).ask([question("a")], "generate"))
    key = question_key("echo", question("a"), local=True)
    assert stored_sensitivity(store.path, key) is Sensitivity.CONFIDENTIAL


def test_a_twin_with_a_higher_sensitivity_or_limit_shapes_what_is_stored(tmp_path: Path, store: AnswerStore) -> None:
    twins = [
        question("bir iki üç", row="a", max_tokens=2),
        question("bir iki üç", row="b", max_tokens=9, sensitivity=Sensitivity.SPECIAL),
    ]
    answers = list(asker(Echo(), store, tmp_path).ask(twins, "generate"))
    assert [item.answer for item in answers] == ["bir iki üç"] * 2
    key = question_key("echo", twins[0], local=True)
    assert stored_sensitivity(store.path, key) is Sensitivity.SPECIAL


def test_raising_the_limit_computes_only_truncated_rows_again(tmp_path: Path, store: AnswerStore) -> None:
    teacher = Echo()
    short = [question("bir iki", max_tokens=2), question("bir iki üç", max_tokens=2)]
    longer = [question("bir iki", max_tokens=5), question("bir iki üç", max_tokens=5)]
    found = asker(teacher, store, tmp_path)
    assert [item.outcome for item in found.ask(short, "g")] == [Outcome.ANSWERED, Outcome.TRUNCATED]
    assert [item.answer for item in found.ask(longer, "g")] == ["bir iki", "bir iki üç"]
    assert teacher.blocks == [["bir iki", "bir iki üç"], ["bir iki üç"]]


def test_recorded_answers_belong_to_their_row_and_are_not_stored(tmp_path: Path, store: AnswerStore) -> None:
    class Recordings(Echo):
        def _one(self, item: Question) -> Completion:
            return Completion(answer=item.recorded[0].text)

    twins = [
        Question(messages=question("aynı").messages, row=str(n), sensitivity=Sensitivity.PUBLIC, recorded=(recorded,))
        for n, recorded in enumerate([Recorded(name="a", text="bir"), Recorded(name="a", text="iki")])
    ]
    found = asker(Recordings("recorded"), store, tmp_path)
    assert [item.answer for item in found.ask(twins, "generate")] == ["bir", "iki"]
    assert stored_sensitivity(store.path, question_key("echo", twins[0], local=True)) is None
    assert {line.place for line in read_audit(tmp_path / "audit.jsonl")} == {"recorded"}


def test_a_stream_left_in_the_middle_gives_its_claims_back(tmp_path: Path, store: AnswerStore) -> None:
    stream = asker(Echo(), store, tmp_path).ask(questions(20), "generate")
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    other = AnswerStore(store.path)
    teacher = Echo()
    assert len(list(asker(teacher, other, tmp_path / "other").ask(questions(20), "generate"))) == 20
    assert sum(map(len, teacher.blocks)) == 16
    other.close()


def test_a_teacher_that_loses_count_is_found_out(tmp_path: Path, store: AnswerStore) -> None:
    class Forgetful(Echo):
        def answer(self, asked: Sequence[Question]) -> list[Completion]:
            return super().answer(asked)[:-1]

    with pytest.raises(BooksError, match="3 answers to 4 questions"):
        list(asker(Forgetful(), store, tmp_path).ask(questions(5), "generate"))
    other = AnswerStore(store.path)
    assert len(list(asker(Echo(), other, tmp_path / "other").ask(questions(5), "generate"))) == 5
    other.close()


def test_a_row_that_is_no_text_fails_alone(tmp_path: Path, store: AnswerStore) -> None:
    asked = [question("a"), question("yarım \ud83d", row="r"), question("b")]
    found = [item.outcome for item in asker(Echo(), store, tmp_path).ask(asked, "generate")]
    assert found == [Outcome.ANSWERED, Outcome.FAILED, Outcome.ANSWERED]


def test_a_cut_off_answer_is_computed_again_with_a_larger_limit_and_kept(tmp_path: Path, store: AnswerStore) -> None:
    def long(words: int, *longer: int) -> Question:
        text = " ".join(f"s{words}" for _ in range(words))
        return msgspec.structs.replace(question(text, max_tokens=2), longer=longer)

    teacher = Echo()
    asked = [long(1, 4), long(3, 4), long(9, 4, 6), long(5, 4, 8)]
    for _ in range(2):
        answers = list(asker(teacher, store, tmp_path / "r").ask(asked, "generation"))
        assert [len(item.answer.split()) for item in answers] == [1, 3, 6, 5]
        assert [item.outcome for item in answers] == [
            Outcome.ANSWERED, Outcome.ANSWERED, Outcome.TRUNCATED, Outcome.ANSWERED,
        ]  # fmt: skip
    assert [len(block) for block in teacher.blocks] == [4, 3, 2]
