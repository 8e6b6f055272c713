"""The engine: the one way for a stage to put questions to a teacher, whatever kind of teacher it is.

Enters: a recipe's teachers by name, questions. Leaves: completions in the order of the questions, streamed, with a
bounded number under way. Nothing is opened, and no file is made, before the first question: a run in which nothing
changed pays for none of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from imbik.ask import ledger
from imbik.ask.background import Handed
from imbik.ask.budget import runs_here
from imbik.ask.ensemble import ask_members
from imbik.ask.key import key_or_none
from imbik.ask.local import LocalAsker
from imbik.ask.parts import AskParts
from imbik.ask.retry import RetryPolicy
from imbik.core.errors import BudgetSpentError, ImbikError, WaitingError
from imbik.core.executor import Executor, blocks_of
from imbik.core.files import digest
from imbik.core.money import SpendLine, dollars
from imbik.core.progress import Progress
from imbik.core.questions import Question
from imbik.core.runfolder import RunFolder
from imbik.core.types import Completion, Outcome, Sensitivity
from imbik.privacy.operator import Operator
from imbik.privacy.sensitivity import highest
from imbik.recipe import Recipe
from imbik.teachers import CompositeTeacher, LocalTeacher, ServedTeacher

if TYPE_CHECKING:
    from imbik.ask.batch.sender import BatchSender
    from imbik.ask.scoring import Scorer
    from imbik.ask.sending import Sender
    from imbik.ask.served import ServedAsker

_BATCHED = {"generation", "evaluation"}  # purposes for which an answer may take a day
_LOOK_UP = 500  # keys looked up in the store at a time


class AskEngine:
    """Fulfils `imbik.stage.Asker` for one run; a context manager, used from one thread."""

    def __init__(
        self,
        *,
        recipe: Recipe,
        run: RunFolder,
        executor: Executor,
        progress: Progress,
        operator: Operator,
        policy: RetryPolicy | None = None,
        wait: bool = True,
    ) -> None:
        """`wait` is whether batches under way are waited for; without, they end the asking with WaitingError."""
        self._recipe, self._run, self._progress, self._operator = recipe, run, progress, operator
        self._parts = AskParts(recipe, run, executor, progress, operator, policy or RetryPolicy(), wait=wait)
        self._spent_told = -1

    def __enter__(self) -> AskEngine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Who stops a run (Ctrl-C) while a provider works on a batch is told so. Raises: WaitingError."""
        senders = self._parts.senders()
        try:
            self.close()
        finally:
            if isinstance(error, KeyboardInterrupt) and (waiting := _under_way(senders)) is not None:
                raise waiting from None

    def ask(
        self, teacher: str, questions: Iterable[Question], *, purpose: str, leave_pending: bool = False
    ) -> Generator[Completion]:
        """Completions in the order of the questions. Stored answers are not asked again; nothing is lost on a stop.

        With `leave_pending`, what ends this teacher alone (a revoked key, no credit, a server that is gone, a spent
        budget) raises nothing here: its answers are still given from the store, the other questions come back as
        `pending`, and `stopped` says why.

        Raises: TeacherUnreachableError, BudgetSpentError, WaitingError (a batch is under way), UsageError (no key),
        DiskFullError, RunFolderError (a damaged store).
        """
        found = self._parts.teacher(teacher)
        if isinstance(found, CompositeTeacher):

            def member(name: str, share: Iterable[Question]) -> Generator[Completion]:
                return self.ask(name, share, purpose=purpose, leave_pending=leave_pending)

            yield from ask_members(found, self._recipe.tasks.kind, questions, member)
            return
        asker = self._parts.asker(teacher, purpose)
        before, counts = asker.requests, dict.fromkeys(Outcome, 0)
        source = (
            asker.ask(questions, purpose)
            if isinstance(asker, LocalAsker)
            else self._stream(asker, questions, purpose, leave_pending)
        )
        try:
            for completion in source:
                counts[completion.outcome] += 1
                self._tell_spending()
                yield completion
        finally:
            told = {outcome.value: number for outcome, number in counts.items() if number}
            self._tell_spending()
            spent = {"spent": str(dollars(self._parts.purse.spent))} if self._parts.purse else {}
            self._progress.event(
                "asked", teacher=teacher, purpose=purpose, requests=asker.requests - before, outcomes=told, **spent
            )

    def scoring(self, teacher: str, store: Path, *, purpose: str) -> Scorer:
        """What asks a served teacher how likely given token ids are; replies lie in `store` until they are forgotten.

        Raises: RecipeError for a teacher that cannot say.
        """

        def stream(asker: ServedAsker, questions: Iterable[Question]) -> Iterator[Completion]:
            yield from self._stream(asker, questions, purpose, leave_pending=False)
            self._tell_spending()

        return self._parts.scorer(teacher, purpose, store, stream)

    def _tell_spending(self) -> None:
        """What is spent by now stands beside the bar; half and four fifths of the budget have a line each."""
        purse = self._parts.purse
        if purse is not None and purse.spent != self._spent_told:
            self._spent_told = purse.spent
            self._progress.stand(purse.standing())
            for line in purse.news():
                self._progress.say(line)

    def stopped(self) -> ImbikError | None:
        """Why questions came back as `pending`, if any did: a batch under way, the budget, or what ended the first
        teacher that ended."""
        served = self._parts.served_askers()
        if waiting := next((found for asker in served if (found := asker.sender.waits or asker.waits)), None):
            return waiting
        if self._parts.purse is not None and self._parts.purse.ended:
            return next(iter(self._parts.purse.ended.values()))
        return next((asker.sender.ended for asker in served if asker.sender.ended is not None), None)

    def identity(self, teacher: str) -> str:
        """What shapes this teacher's answers beside the question."""
        found = self._parts.teacher(teacher)
        if isinstance(found, CompositeTeacher):
            return f"ensemble {found.shape} {digest(*map(self.identity, found.members))[:16]}"
        return found.identity

    def model_folder(self, teacher: str) -> Path | None:
        """The weights folder of a teacher that is a model here, else None."""
        folder = getattr(self._parts.teacher(teacher), "folder", None)
        return folder if isinstance(folder, Path) else None

    def sensitivity(self, teacher: str) -> Sensitivity:
        """The sensitivity that this teacher's answers carry at least."""
        found = self._parts.teacher(teacher)
        if isinstance(found, CompositeTeacher):
            return highest(map(self.sensitivity, found.members))
        return found.sensitivity if isinstance(found, LocalTeacher) else Sensitivity.PUBLIC

    def takes(self, teacher: str, sensitivity: Sensitivity) -> bool:
        """Whether a row of this level may go to this teacher, and to all of whom it is made; nothing is written."""
        found = self._parts.teacher(teacher)
        if isinstance(found, CompositeTeacher):
            return all(self.takes(name, sensitivity) for name in found.members)
        asker = self._parts.asker(teacher, "growth")
        if isinstance(asker, LocalAsker):
            return asker.takes(sensitivity)
        return self._parts.background().submit(asker.takes(sensitivity)).result()

    def most(self, teacher: str, question: Question) -> Decimal:
        """The most that asking this once can cost, in USD; 0 where nobody is paid."""
        asked = [self._parts.teacher(name) for name in self._whom(teacher, question)]
        return sum(
            (found.cost_at_most(question) or Decimal(0) for found in asked if isinstance(found, ServedTeacher)),
            Decimal(0),
        )

    def _whom(self, teacher: str, question: Question) -> Sequence[str]:
        """The teacher itself, or those of its members that are asked."""
        found = self._parts.teacher(teacher)
        return found.whom(question) if isinstance(found, CompositeTeacher) else (teacher,)

    def short_of(self, questions: int) -> BudgetSpentError | None:
        """The error for a spent budget with so many questions to come; None where no budget is spent."""
        return self._parts.purse.short_of(questions, self.spending()) if self._parts.purse else None

    def share(self, teacher: str) -> Decimal:
        """The share of its price that generation and evaluation pay: less than 1 in batches."""
        found = self._parts.teacher(teacher)
        price = found.price if isinstance(found, ServedTeacher) and getattr(found, "batch", None) else None
        return Decimal(1) if price is None or price.batch is None else price.batch

    def unpriced(self, teacher: str) -> bool:
        """Whether it is served, at an unknown price, and not by the operator's own server."""
        found = self._parts.teacher(teacher)
        if isinstance(found, CompositeTeacher):
            return any(map(self.unpriced, found.members))
        return isinstance(found, ServedTeacher) and found.price is None and not runs_here(self._operator, found)

    def missing(self, teacher: str, questions: Iterable[Question]) -> int:
        """How many different questions of these have an answer to come. Questions that are put in other words where
        they leave (`privacy.clean`) are not found in the store by their own words, and count as missing."""
        store, count = self._parts.answers(), 0
        seen: set[tuple[bytes, ...]] = set()
        for block in blocks_of(questions, _LOOK_UP):
            asked = {self._keys(teacher, question) for question in block} - seen
            seen |= asked
            stored = store.submit(store.stored({key for keys in asked for key in keys})).result()
            count += sum(not stored.issuperset(keys) for keys in asked)
        return count

    def _keys(self, teacher: str, question: Question) -> tuple[bytes, ...]:
        """The keys of all that is asked for one question; none for what is no text."""
        found = [key_or_none(self.identity(name), question) for name in self._whom(teacher, question)]
        return tuple(key for key in found if key is not None)

    def left(self, purpose: str) -> Decimal | None:
        """USD that may still be spent for a purpose; None where the recipe has no budget."""
        return self._parts.money().left(purpose) if self._recipe.budget else None

    def spending(self) -> list[SpendLine]:
        """What the run has spent by now, by purpose and teacher."""
        if self._parts.store is None:
            return ledger.read(self._run.store, self._run.account)
        return self._parts.store.submit(lambda connection: ledger.spending(connection, self._run.account)).result()

    def close(self) -> None:
        """Let requests under way end for a moment, give claims back, make the audit chain durable."""
        self._parts.close()

    def _stream(
        self, asker: ServedAsker, questions: Iterable[Question], purpose: str, leave_pending: bool
    ) -> Iterator[Completion]:
        """Hand questions to the loop and take completions in order; at most a window of them is under way."""
        loop = self._parts.background()
        window = asker.sender.window
        under_way: deque[Handed[Completion]] = deque()
        try:
            for question in questions:
                under_way.append(loop.queue(asker.answer(question, purpose, leave_pending=leave_pending)))
                while under_way and (len(under_way) >= window or under_way[0].done()):
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            for handed in under_way:
                handed.cancel()


def _under_way(senders: Sequence[Sender | BatchSender]) -> WaitingError | None:
    """What is with providers when everything here has ended."""
    found = [waiting for sender in senders if (waiting := sender.under_way()) is not None]
    if not found:
        return None
    return WaitingError("; ".join(waiting.what for waiting in found), where=found[0].where, next=found[0].next)
