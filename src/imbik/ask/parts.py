"""What asking is made of, each part opened at the first question that needs it, and closed together.

Enters: a recipe, its run, the operator's file. Leaves: teachers and their askers by name, with what they share: the
answer store, the purse, the gate with its audit chain, the door, the loop, the vault, and a limiter for each endpoint
and model. A run in which nothing changed opens none of it.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from imbik.ask.answers import AnswerStore
from imbik.ask.background import BackgroundLoop
from imbik.ask.budget import Purse, runs_here, share_kept
from imbik.ask.limits import Limiter
from imbik.ask.local import LocalAsker
from imbik.ask.retry import RetryPolicy
from imbik.core.errors import RecipeError
from imbik.core.executor import Executor
from imbik.core.misspelt import closest
from imbik.core.plugins import load_plugin, typed_settings
from imbik.core.progress import Progress
from imbik.core.runfolder import RunFolder, read_parts
from imbik.core.types import Task
from imbik.privacy.audit import Audit, Entry
from imbik.privacy.declassify import Lowered, agreed_in, for_the_door
from imbik.privacy.gate import Gate
from imbik.privacy.operator import Operator
from imbik.recipe import Recipe
from imbik.teachers import CompositeTeacher, LocalTeacher, ServedTeacher, TeacherContext
from imbik.teachers.catalogue.terms import Terms, terms_of_teacher

if TYPE_CHECKING:
    from imbik.ask.batch.sender import BatchSender
    from imbik.ask.scoring import Scorer, Stream
    from imbik.ask.sending import Sender
    from imbik.ask.served import ServedAsker, UnderWay
    from imbik.privacy.cleaning import Cleaner
    from imbik.privacy.transport import Transport
    from imbik.privacy.vault import Vault

_BATCHED = {"generation", "evaluation"}  # purposes for which an answer may take a day


class AskParts:
    """The parts of one run's asking. `store` and `purse` are None until they are opened."""

    def __init__(
        self,
        recipe: Recipe,
        run: RunFolder,
        executor: Executor,
        progress: Progress,
        operator: Operator,
        policy: RetryPolicy,
        *,
        wait: bool,
    ) -> None:
        """`wait` is whether batches under way are waited for."""
        self._wait = wait
        self._recipe, self._run, self._executor, self._progress = recipe, run, executor, progress
        self._operator, self._policy = operator, policy
        self._teachers: dict[str, ServedTeacher | LocalTeacher | CompositeTeacher] = {}
        self._askers: dict[tuple[str, bool], ServedAsker | LocalAsker] = {}
        self._scorers: list[tuple[ServedAsker, Scorer]] = []
        self.store: AnswerStore | None = None
        self.purse: Purse | None = None
        self._audit: Audit | None = None
        self._gate: Gate | None = None
        self._loop: BackgroundLoop | None = None
        self._transport: Transport | None = None
        self._vault: Vault | None = None
        self._limiters: dict[tuple[str, str], Limiter] = {}
        self._under_way: UnderWay = {}

    def served_askers(self) -> list[ServedAsker]:
        """The askers of served teachers that were opened."""
        asking = [asker for asker in self._askers.values() if not isinstance(asker, LocalAsker)]
        return [*asking, *(asker for asker, _ in self._scorers)]

    def senders(self) -> list[Sender | BatchSender]:
        """What sends to them; of use after `close` too."""
        return [asker.sender for asker in self.served_askers()]

    def close(self) -> None:
        """Let requests under way end for a moment, give claims back, make the audit chain durable."""
        for _, scorer in list(self._scorers):
            scorer.close()
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.submit(self._shut()).result()
            loop.close()
        if self.store is not None:
            self.store.close()
        if self._vault is not None:
            self._vault.close()
        if self._audit is not None:
            self._audit.close()
        self._askers, self.store, self._audit, self._gate, self._transport = {}, None, None, None, None
        self.purse = None

    def teacher(self, name: str) -> ServedTeacher | LocalTeacher | CompositeTeacher:
        """The teacher called so in the recipe, made on first use."""
        if name not in self._teachers:
            block = self._recipe.teachers.get(name)
            if block is None:
                known = list(self._recipe.teachers)
                raise RecipeError(f"there is no teacher '{name}'; {closest(name, known)}", where="teachers")
            context = TeacherContext(name=name, base=self._recipe.base, runs=self._run.home)
            self._teachers[name] = load_plugin("teachers", block.use)(typed_settings("teachers", block), context)
        return self._teachers[name]

    def asker(self, name: str, purpose: str) -> ServedAsker | LocalAsker:
        """What asks this teacher, in batches where it takes them and the purpose can wait.

        Raises: RecipeError for a teacher made of several.
        """
        batched = purpose in _BATCHED and getattr(self.teacher(name), "batch", None) is not None
        slot = (name, batched)
        if slot not in self._askers:
            teacher = self.teacher(name)
            if isinstance(teacher, CompositeTeacher):
                raise RecipeError(f"'{name}' is itself made of several teachers", where="teachers")
            gate, store = self._guard(), self.answers()
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

        gate, store, policy, purse = self._guard(), self.answers(), self._policy, self.money()
        transport = self._door(gate)
        sender: Sender | BatchSender
        if batched:
            wire, say = teacher.batch, self._progress.say  # type: ignore[attr-defined]
            sender = BatchSender(
                name, self._run.account, teacher, wire, transport, store, policy, purse, say, self._wait
            )
            self.background().submit(sender.resume()).result()
        else:
            sender = Sender(name, teacher, transport, store, policy, self._limiter(teacher), purse)
        return ServedAsker(sender, transport.keeper, store, policy, self._under_way, self._cleaner(gate))

    def scorer(self, name: str, purpose: str, store: Path, stream: Stream) -> Scorer:
        """What asks this teacher about given token ids; its replies lie in `store`.

        Raises: RecipeError for a teacher that cannot say.
        """
        from imbik.ask.scoring import Scorer, scoring_side
        from imbik.ask.sending import Sender
        from imbik.ask.served import ServedAsker

        teacher = self.teacher(name)
        side = scoring_side(name, teacher, where=f"teachers.{name}")
        gate = self._guard()
        self._note_terms(name, teacher)  # type: ignore[arg-type]
        transport, replies = self._door(gate), AnswerStore(store)
        sender = Sender(name, side, transport, replies, self._policy, self._limiter(side), self.money())
        # Nothing cleans token ids: a row that may leave in other words only does not leave.
        asker = ServedAsker(sender, transport.keeper, replies, self._policy, {}, None)

        def closing() -> None:
            self.background().submit(asker.close(self._policy.grace)).result()
            self._scorers = [item for item in self._scorers if item[0] is not asker]

        scorer = Scorer(asker, replies, stream, purpose, closing)
        self._scorers.append((asker, scorer))
        return scorer

    def _note_terms(self, name: str, teacher: ServedTeacher | LocalTeacher) -> None:
        """Write down, before the teacher is asked, which of its terms the recipe says somebody accepts."""
        accepted = [item for item in terms_of_teacher(teacher).restricted if item.name in self._recipe.accept_terms]
        if accepted and self._audit is not None:
            self._audit.append([_accepted(name, terms, self._operator.hash) for terms in accepted])

    def money(self) -> Purse:
        """The run's purse, opened."""
        if self.purse is None:
            recipe, free = self._recipe, partial(runs_here, self._operator)
            self.purse = Purse(self.answers(), self._run.account, recipe.budget, share_kept(recipe), free)
        return self.purse

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

    def answers(self) -> AnswerStore:
        """The answer store, opened."""
        if self.store is None:
            self.store = AnswerStore(self._run.store)
        return self.store

    def background(self) -> BackgroundLoop:
        """The asking loop, running."""
        if self._loop is None:
            self._loop = BackgroundLoop("imbik-asking")
        return self._loop

    def _door(self, gate: Gate) -> Transport:
        if self._transport is None:
            from imbik.privacy.transport import Transport

            self._transport = Transport(gate)
            self.background().submit(self._transport.__aenter__()).result()
        return self._transport

    async def _shut(self) -> None:
        """On the loop: end what is under way, close connections."""
        for asker in self.served_askers():
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
