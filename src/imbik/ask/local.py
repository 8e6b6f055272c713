"""Asking a teacher in this machine's memory: block by block, through the run's executor.

Enters: questions. Leaves: completions in their order. For each block the gate is asked, the store is looked up and
what is missing is claimed; the executor computes; what came back is stored before anybody sees it. Recorded answers
are read from the task each time and never stored again: nothing was paid for them here.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from functools import partial

import msgspec

from imbik.ask.answers import AnswerStore, Claim, Stored
from imbik.ask.key import NO_TEXT, question_key
from imbik.ask.retry import RetryPolicy
from imbik.ask.shape import shaped
from imbik.core.errors import BooksError
from imbik.core.executor import Executor, blocks_of
from imbik.core.questions import Question
from imbik.core.types import Completion, Outcome, Sensitivity
from imbik.privacy.decisions import IN_PROCESS, RECORDED
from imbik.privacy.gate import Gate, asked_of
from imbik.privacy.sensitivity import inherited
from imbik.teachers import LocalTeacher

KEPT = {Outcome.FAILED, Outcome.MALFORMED, Outcome.BLOCKED}  # they leave a cut-off answer in its place


@dataclass
class _Block:
    """A block on its way: every row's key, what is known already, and what is computed here or elsewhere."""

    questions: Sequence[Question]
    keys: list[bytes | None] = field(default_factory=list)
    known: dict[bytes, Completion] = field(default_factory=dict)
    left_out: dict[int, Completion] = field(default_factory=dict)
    mine: dict[bytes, Question] = field(default_factory=dict)
    elsewhere: dict[bytes, Question] = field(default_factory=dict)
    levels: dict[bytes, Sensitivity] = field(default_factory=dict)


class LocalAsker:
    """Everything about asking one local teacher."""

    def __init__(
        self, teacher: LocalTeacher, gate: Gate, store: AnswerStore, executor: Executor, policy: RetryPolicy
    ) -> None:
        self.teacher = teacher
        self.requests = 0
        self._gate, self._store, self._executor, self._policy = gate, store, executor, policy
        self._recorded = teacher.place == "recorded"
        self._place = RECORDED if self._recorded else IN_PROCESS

    def takes(self, level: Sensitivity) -> bool:
        """Whether a row of this level may be read by the teacher."""
        return self._gate.foresee(level, self._place).allowed

    def ask(self, questions: Iterable[Question], purpose: str) -> Iterator[Completion]:
        """Completions in order. An executor may draw blocks ahead: what an earlier one computes is waited for."""
        under_way: deque[_Block] = deque()

        def missing() -> Iterator[list[Question]]:
            for rows in blocks_of(questions, max(1, self.teacher.block_size)):
                computing = {key for block in under_way for key in (*block.mine, *block.elsewhere)}
                under_way.append(self._prepare(rows, purpose, computing))
                yield list(under_way[-1].mine.values())

        try:
            for answers in self._executor.map(partial(_compute, self.teacher), missing()):
                block = under_way[0]
                self._keep(block, answers)
                self._await_others(block)
                under_way.popleft()
                longer = self._longer(block, purpose)
                for number in range(len(block.questions)):
                    yield longer.get(number) or self._completion(block, number)
        finally:
            for block in under_way:
                self._release(block)

    def _longer(self, block: _Block, purpose: str) -> dict[int, Completion]:
        """Rows whose answers were cut off, asked again with their larger limits."""
        found = {number: self._completion(block, number) for number in range(len(block.questions))}
        better: dict[int, Completion] = {}
        for time_over in range(max((len(row.longer) for row in block.questions), default=0)):
            again = {
                number: with_limit(row, row.longer[time_over])
                for number, row in enumerate(block.questions)
                if found[number].outcome is Outcome.TRUNCATED and time_over < len(row.longer)
            }
            if not again:
                break
            more = self._prepare(list(again.values()), purpose, set())
            try:
                self._keep(more, _compute(self.teacher, list(more.mine.values())))
                self._await_others(more)
            finally:
                self._release(more)
            told = {number: self._completion(more, place) for place, number in enumerate(again)}
            better |= {number: answer for number, answer in told.items() if answer.outcome not in KEPT}
            found |= better
        return better

    def _prepare(self, rows: Sequence[Question], purpose: str, computing: Set[bytes]) -> _Block:
        """Gate, then store, then claims, but for the keys that earlier blocks are `computing` or wait for."""
        block = _Block(rows)
        asked = [asked_of(row) for row in rows]
        for number, decision in enumerate(self._gate.decide_all(asked, self._place, purpose=purpose)):
            key = self._key(rows[number], number) if decision.allowed else None
            block.keys.append(key)
            if not decision.allowed:
                block.left_out[number] = Completion(outcome=Outcome.BLOCKED, reason=decision.reason)
            elif key is None:
                block.left_out[number] = Completion(outcome=Outcome.FAILED, reason=NO_TEXT)
        wanted = self._distinct(block)
        if self._recorded:
            block.mine = wanted
        else:
            block.elsewhere = {key: row for key, row in wanted.items() if key in computing}
            self._claim(block, {key: row for key, row in wanted.items() if key not in computing})
        return block

    def _distinct(self, block: _Block) -> dict[bytes, Question]:
        """One question a key: the one that allows the longest answer, stored with the highest sensitivity."""
        wanted: dict[bytes, Question] = {}
        for key, row in zip(block.keys, block.questions, strict=True):
            if key is None:
                continue
            known = wanted.get(key)
            if known is None or row.sampling.max_tokens > known.sampling.max_tokens:
                wanted[key] = row
            level = inherited(row.sensitivity, self.teacher.sensitivity)
            block.levels[key] = inherited(level, block.levels.get(key, level))
        return wanted

    def _claim(self, block: _Block, wanted: dict[bytes, Question]) -> None:
        """Sort what is wanted into known, mine, and being computed elsewhere."""
        beyond = dict.fromkeys(wanted, 0)
        while beyond:
            claims = [
                (key, self._store.submit(self._store.claim(key, block.levels[key], beyond=revision)))
                for key, revision in beyond.items()
            ]
            beyond = {}
            for key, claim in claims:
                found = claim.result()
                if not isinstance(found, Stored):
                    (block.mine if found is Claim.MINE else block.elsewhere)[key] = wanted[key]
                elif _too_short(found, wanted[key]):
                    beyond[key] = found.revision
                else:
                    block.known[key] = _decode(found)

    def _keep(self, block: _Block, answers: Sequence[Completion]) -> None:
        """Store what was computed, and wait until it is durable."""
        if len(answers) != len(block.mine):
            raise BooksError(f"a teacher gave {len(answers)} answers to {len(block.mine)} questions")
        self.requests += len(answers)
        stored = []
        for (key, row), completion in zip(block.mine.items(), answers, strict=True):
            block.known[key] = completion
            if not self._recorded and completion.outcome is not Outcome.FAILED:
                raw = Stored("completion", msgspec.json.encode(completion), row.sampling.max_tokens, completion.seconds)
                readable = completion.outcome is not Outcome.MALFORMED
                put = self._store.put(key, self.teacher.identity, raw, block.levels[key], readable=readable)
                stored.append(self._store.submit(put))
        for future in stored:
            future.result()
        self._release(block)

    def _await_others(self, block: _Block) -> None:
        """What another run or an earlier block computes is waited for; what it gave up is computed here."""
        while block.elsewhere:
            wanted, block.elsewhere, block.mine = block.elsewhere, {}, {}
            self._claim(block, wanted)
            if block.mine:
                self._keep(block, _compute(self.teacher, list(block.mine.values())))
            elif block.elsewhere:
                time.sleep(self._policy.poll)

    def _completion(self, block: _Block, number: int) -> Completion:
        key = block.keys[number]
        return block.left_out[number] if key is None else shaped(block.known[key], block.questions[number].schema)

    def _key(self, question: Question, number: int) -> bytes | None:
        """The key, or None for what is no text. Recorded answers belong to their row, whatever its words are."""
        if self._recorded:
            return number.to_bytes(8, "big")
        try:
            return question_key(self.teacher.identity, question, local=True)
        except UnicodeEncodeError:
            return None

    def _release(self, block: _Block) -> None:
        if not self._recorded:
            for key in block.mine:
                self._store.release(key)
        block.mine = {}


def _compute(teacher: LocalTeacher, questions: Sequence[Question]) -> list[Completion]:
    """The computing half: what an executor runs."""
    return teacher.answer(questions) if questions else []


def with_limit(question: Question, limit: int) -> Question:
    """The same question under another limit."""
    return msgspec.structs.replace(question, sampling=msgspec.structs.replace(question.sampling, max_tokens=limit))


def _too_short(stored: Stored, question: Question) -> bool:
    """A stored answer that was cut off under a lower limit than this question's."""
    longer = question.sampling.max_tokens > stored.max_tokens
    return longer and _decode(stored).outcome is Outcome.TRUNCATED


def _decode(stored: Stored) -> Completion:
    return msgspec.json.decode(stored.body, type=Completion)
