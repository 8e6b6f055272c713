"""The engine: the one way for a stage to put questions to a teacher, whatever kind of teacher it is.

Enters: a recipe's teachers by name, questions. Leaves: completions in the order of the questions, streamed, with a
bounded number under way. Nothing is opened, and no file is made, before the first question: a run in which nothing
changed pays for none of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from imbik.ask import ledger
from imbik.ask.answers import AnswerStore
from imbik.ask.background import BackgroundLoop, Handed
from imbik.ask.budget import Purse, runs_here, share_kept
from imbik.ask.ensemble import ask_members
from imbik.ask.key import key_or_none
from imbik.ask.limits import Limiter
from imbik.ask.local import LocalAsker
from imbik.ask.retry import RetryPolicy
from imbik.core.errors import BudgetSpentError, ImbikError, RecipeError
from imbik.core.executor import Executor, blocks_of
from imbik.core.files import digest
from imbik.core.money import SpendLine, dollars
from imbik.core.plugins import closest, load_plugin, typed_settings
from imbik.core.progress import Progress
from imbik.core.runfolder import RunFolder, read_parts
from imbik.core.types import Completion, Outcome, Question, Sensitivity, Task
from imbik.privacy.audit import Audit, Entry
from imbik.privacy.declassify import Lowered, agreed_in, for_the_door
from imbik.privacy.gate import Gate
from imbik.privacy.operator import Operator
from imbik.recipe import Recipe
from imbik.teachers import CompositeTeacher, LocalTeacher, ServedTeacher, TeacherContext
from imbik.teachers.catalogue.terms import Terms, terms_of_teacher

if TYPE_CHECKING:
    from imbik.ask.served import ServedAsker, UnderWay
    from imbik.privacy.cleaning import Cleaner
    from imbik.privacy.transport import Transport
    from imbik.privacy.vault import Vault

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
        self._wait = wait
        self._recipe, self._run, self._executor, self._progress = recipe, run, executor, progress
        self._operator, self._policy = operator, policy or RetryPolicy()
        self._teachers: dict[str, ServedTeacher | LocalTeacher | CompositeTeacher] = {}
        self._askers: dict[tuple[str, bool], ServedAsker | LocalAsker] = {}
        self._audit: Audit | None = None
        self._gate: Gate | None = None
        self._store: AnswerStore | None = None
        self._loop: BackgroundLoop | None = None
        self._transport: Transport | None = None
        self._vault: Vault | None = None
        self._limiters: dict[tuple[str, str], Limiter] = {}
        self._under_way: UnderWay = {}
        self._purse: Purse | None = None
        self._spent_told = -1

    def __enter__(self) -> AskEngine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

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
        found = self._teacher(teacher)
        if isinstance(found, CompositeTeacher):

            def member(name: str, share: Iterable[Question]) -> Generator[Completion]:
                return self.ask(name, share, purpose=purpose, leave_pending=leave_pending)

            yield from ask_members(found, self._recipe.tasks.kind, questions, member)
            return
        asker = self._asker(teacher, purpose)
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
            spent = {"spent": str(dollars(self._purse.spent))} if self._purse else {}
            self._progress.event(
                "asked", teacher=teacher, purpose=purpose, requests=asker.requests - before, outcomes=told, **spent
            )

    def _tell_spending(self) -> None:
        """What is spent by now stands beside the bar; half and four fifths of the budget have a line each."""
        purse = self._purse
        if purse is not None and purse.spent != self._spent_told:
            self._spent_told = purse.spent
            self._progress.stand(purse.standing())
            for line in purse.news():
                self._progress.say(line)

    def stopped(self) -> ImbikError | None:
        """Why questions came back as `pending`, if any did: a batch under way, the budget, or what ended the first
        teacher that ended."""
        served = [asker for asker in self._askers.values() if not isinstance(asker, LocalAsker)]
        if waiting := next((found for asker in served if (found := asker.sender.waits or asker.waits)), None):
            return waiting
        if self._purse is not None and self._purse.ended:
            return next(iter(self._purse.ended.values()))
        return next((asker.sender.ended for asker in served if asker.sender.ended is not None), None)

    def identity(self, teacher: str) -> str:
        """What shapes this teacher's answers beside the question."""
        found = self._teacher(teacher)
        if isinstance(found, CompositeTeacher):
            return f"ensemble {found.shape} {digest(*map(self.identity, found.members))[:16]}"
        return found.identity

    def model_folder(self, teacher: str) -> Path | None:
        """The weights folder of a teacher that is a model here, else None."""
        folder = getattr(self._teacher(teacher), "folder", None)
        return folder if isinstance(folder, Path) else None

    def sensitivity(self, teacher: str) -> Sensitivity:
        """The sensitivity that this teacher's answers carry at least."""
        found = self._teacher(teacher)
        if isinstance(found, CompositeTeacher):
            return max(map(self.sensitivity, found.members), key=lambda level: level.rank)
        return found.sensitivity if isinstance(found, LocalTeacher) else Sensitivity.PUBLIC

    def most(self, teacher: str, question: Question) -> Decimal:
        """The most that asking this once can cost, in USD; 0 where nobody is paid."""
        asked = [self._teacher(name) for name in self._whom(teacher, question)]
        return sum(
            (found.cost_at_most(question) or Decimal(0) for found in asked if isinstance(found, ServedTeacher)),
            Decimal(0),
        )

    def _whom(self, teacher: str, question: Question) -> Sequence[str]:
        """The teacher itself, or those of its members that are asked."""
        found = self._teacher(teacher)
        return found.whom(question) if isinstance(found, CompositeTeacher) else (teacher,)

    def short_of(self, questions: int) -> BudgetSpentError | None:
        """The error for a spent budget with so many questions to come; None where no budget is spent."""
        return self._purse.short_of(questions, self.spending()) if self._purse else None

    def share(self, teacher: str) -> Decimal:
        """The share of its price that generation and evaluation pay: less than 1 in batches."""
        found = self._teacher(teacher)
        price = found.price if isinstance(found, ServedTeacher) and getattr(found, "batch", None) else None
        return Decimal(1) if price is None or price.batch is None else price.batch

    def unpriced(self, teacher: str) -> bool:
        """Whether it is served, at an unknown price, and not by the operator's own server."""
        found = self._teacher(teacher)
        if isinstance(found, CompositeTeacher):
            return any(map(self.unpriced, found.members))
        return isinstance(found, ServedTeacher) and found.price is None and not runs_here(self._operator, found)

    def missing(self, teacher: str, questions: Iterable[Question]) -> int:
        """How many different questions of these have an answer to come. Questions that are put in other words where
        they leave (`privacy.clean`) are not found in the store by their own words, and count as missing."""
        store, count = self._answers(), 0
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
        return self._money(self._answers()).left(purpose) if self._recipe.budget else None

    def spending(self) -> list[SpendLine]:
        """What the run has spent by now, by purpose and teacher."""
        if self._store is None:
            return ledger.read(self._run.store, self._run.name)
        return self._store.submit(lambda connection: ledger.spending(connection, self._run.name)).result()

    def close(self) -> None:
        """Let requests under way end for a moment, give claims back, make the audit chain durable."""
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.submit(self._shut()).result()
            loop.close()
        if self._store is not None:
            self._store.close()
        if self._vault is not None:
            self._vault.close()
        if self._audit is not None:
            self._audit.close()
        self._askers, self._store, self._audit, self._gate, self._transport = {}, None, None, None, None
        self._purse = None

    def _stream(
        self, asker: ServedAsker, questions: Iterable[Question], purpose: str, leave_pending: bool
    ) -> Iterator[Completion]:
        """Hand questions to the loop and take completions in order; at most a window of them is under way."""
        loop = self._background()
        window = asker.sender.window
        under_way: deque[Handed[Completion]] = deque()
        try:
            for question in questions:
                under_way.append(loop.queue(asker.answer(question, purpose, leave_pending=leave_pending)))
                while under_way and (len(under_way) >= window or under_way[0].done()):
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        except KeyboardInterrupt:
            if (waiting := asker.sender.under_way()) is not None:
                raise waiting from None
            raise
        finally:
            for handed in under_way:
                handed.cancel()

    def _teacher(self, name: str) -> ServedTeacher | LocalTeacher | CompositeTeacher:
        """The teacher called so in the recipe, made on first use."""
        if name not in self._teachers:
            block = self._recipe.teachers.get(name)
            if block is None:
                known = list(self._recipe.teachers)
                raise RecipeError(f"there is no teacher '{name}'; {closest(name, known)}", where="teachers")
            context = TeacherContext(name=name, base=self._recipe.base, runs=self._run.path.parent)
            self._teachers[name] = load_plugin("teachers", block.use)(typed_settings("teachers", block), context)
        return self._teachers[name]

    def _asker(self, name: str, purpose: str) -> ServedAsker | LocalAsker:
        batched = purpose in _BATCHED and getattr(self._teacher(name), "batch", None) is not None
        slot = (name, batched)
        if slot not in self._askers:
            teacher = self._teacher(name)
            if isinstance(teacher, CompositeTeacher):
                raise RecipeError(f"'{name}' is itself made of several teachers", where="teachers")
            gate, store = self._guard(), self._answers()
            self._note_terms(name, teacher)
            if isinstance(teacher, ServedTeacher):
                self._askers[slot] = self._served(name, teacher, batched)
            else:
                self._askers[slot] = LocalAsker(teacher, gate, store, self._executor, self._policy)
        return self._askers[slot]

    def _served(self, name: str, teacher: ServedTeacher, batched: bool) -> ServedAsker:
        """An asker that asks at once, or in batches: then what an earlier process handed over is taken up."""
        from imbik.ask.batch.sender import BatchSender  # these bring aiohttp, which a run that asks nobody does without
        from imbik.ask.sending import Sender
        from imbik.ask.served import ServedAsker

        gate, store, policy = self._guard(), self._answers(), self._policy
        transport = self._door(gate)
        sender: Sender | BatchSender
        if batched:
            wire, say = teacher.batch, self._progress.say  # type: ignore[attr-defined]
            sender = BatchSender(
                name, self._run.name, teacher, wire, transport, store, policy, self._money(store), say, self._wait
            )
            self._background().submit(sender.resume()).result()
        else:
            sender = Sender(name, teacher, transport, store, policy, self._limiter(teacher), self._money(store))
        return ServedAsker(sender, transport, store, policy, self._under_way, self._cleaner(gate))

    def _note_terms(self, name: str, teacher: ServedTeacher | LocalTeacher) -> None:
        """Write down, before the teacher is asked, which of its terms the recipe says somebody accepts."""
        accepted = [item for item in terms_of_teacher(teacher).restricted if item.name in self._recipe.accept_terms]
        if accepted and self._audit is not None:
            self._audit.append([_accepted(name, terms, self._operator.hash) for terms in accepted])

    def _money(self, store: AnswerStore) -> Purse:
        if self._purse is None:
            recipe, free = self._recipe, partial(runs_here, self._operator)
            self._purse = Purse(store, self._run.name, recipe.budget, share_kept(recipe), free)
        return self._purse

    def _limiter(self, teacher: ServedTeacher) -> Limiter:
        """The limiter of the teacher's endpoint and model: teachers that share both share what it stands."""
        spot = (teacher.url, str(getattr(getattr(teacher, "settings", None), "model", "")))
        if spot in self._limiters:
            self._limiters[spot].lower(teacher.concurrency)
        else:
            self._limiters[spot] = Limiter(
                teacher.concurrency, base_seconds=self._policy.base, longest_seconds=self._policy.longest
            )
        return self._limiters[spot]

    def _guard(self) -> Gate:
        if self._gate is None:
            self._audit = Audit(self._run.path)
            tasks = self._recipe.tasks
            column = "" if tasks.level else tasks.sensitivity
            self._gate = Gate(self._operator, self._audit, column, self._lowered(self._audit), tasks.level)
        return self._gate

    def _lowered(self, audit: Audit) -> Lowered:
        """Rows that two people declassified, as they are in this run now."""
        agreed = agreed_in(self._run.path, self._operator)
        folder = self._run.stage("1_tasks")
        return for_the_door(read_parts(folder, Task), agreed, audit.keyed) if agreed else Lowered()

    def _cleaner(self, gate: Gate) -> Cleaner | None:
        """The recipe's way to clean; the vault of this folder is opened at the first row that needs it."""
        if self._recipe.privacy.clean == "none":
            return None
        from imbik.privacy.cleaning import Pseudonymiser, Redactor
        from imbik.privacy.vault import FILE_NAME, Vault

        if self._recipe.privacy.clean == "redact":
            return Redactor(gate.inspector)
        if self._vault is None:
            self._vault = Vault(self._run.store.with_name(FILE_NAME))
        return Pseudonymiser(gate.inspector, self._vault)

    def _answers(self) -> AnswerStore:
        if self._store is None:
            self._store = AnswerStore(self._run.store)
        return self._store

    def _background(self) -> BackgroundLoop:
        if self._loop is None:
            self._loop = BackgroundLoop("imbik-asking")
        return self._loop

    def _door(self, gate: Gate) -> Transport:
        if self._transport is None:
            from imbik.privacy.transport import Transport

            self._transport = Transport(gate)
            self._background().submit(self._transport.__aenter__()).result()
        return self._transport

    async def _shut(self) -> None:
        """On the loop: end what is under way, close connections."""
        for asker in self._askers.values():
            if not isinstance(asker, LocalAsker):
                await asker.close(self._policy.grace)
        if self._transport is not None:
            await self._transport.__aexit__(None, None, None)


def _accepted(teacher: str, terms: Terms, operator: str) -> Entry:
    """The audit line of accepted terms: by name, with the date of the summary that the recipe's author saw."""
    return Entry(
        event="terms",
        verdict="accepted",
        sensitivity="",
        place=teacher,
        address="",
        purpose="training",
        reason=f"{terms.name} as of {terms.date}",
        rows=(),
        operator=operator,
    )
