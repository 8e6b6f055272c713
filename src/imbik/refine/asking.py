"""Checks that ask: questions to their teachers about every sample, then a verdict; in the main process, in row order.

Enters: samples that can be read again, a check of scope `asked`, the asker. Leaves: samples with a verdict each, or
None where a question is pending (a spent budget, a revoked key). Of each teacher the completions lie in a hidden file
of the stage's folder until they are joined: memory holds what is under way. Answers are in the store, so starting over
is reading.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from imbik.core.errors import ImbikError
from imbik.core.files import read_lines, remove, write_lines
from imbik.core.questions import Question
from imbik.core.types import Completion, Outcome, Record, Sample, Verdict
from imbik.privacy.sensitivity import inherited
from imbik.refine.checks import CheckContext
from imbik.refine.named import NamedCheck
from imbik.refine.passes import Crashes
from imbik.stage import Asker

PURPOSE = "judge"
Told = Callable[[], None]


class _Said(Record, frozen=True, kw_only=True):
    """One teacher's completions about one sample."""

    completions: tuple[Completion, ...] = ()


@dataclass
class Ended:
    """How the questions of one check ended, by teacher, with a reason of each kind; and what it says of itself."""

    outcomes: Counter[tuple[str, Outcome]] = field(default_factory=Counter)
    reasons: dict[Outcome, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def count(self, teacher: str, completion: Completion) -> None:
        """One more."""
        self.outcomes[teacher, completion.outcome] += 1
        if completion.outcome is not Outcome.ANSWERED:
            self.reasons.setdefault(completion.outcome, completion.reason.partition(". ")[0])

    def warnings(self, name: str) -> Iterator[str]:
        """What the check says of itself, and one line for each way in which questions were not answered."""
        yield from (f"{name}: {note}" for note in self.notes)
        for (teacher, outcome), count in sorted(self.outcomes.items()):
            if outcome in {Outcome.ANSWERED, Outcome.PENDING}:
                continue
            total = sum(number for (asked, _), number in self.outcomes.items() if asked == teacher)
            ended = "were held back" if outcome is Outcome.BLOCKED else f"ended {outcome.value}"
            why = f" ({self.reasons[outcome]})" if self.reasons.get(outcome) else ""
            yield f"{name}: {count} of {total} questions to '{teacher}' {ended}{why}"


@dataclass
class Asking:
    """One check's way through the samples. Questions are counted of samples with numbers from `counted_from` on: those
    below were counted in an earlier round."""

    named: NamedCheck
    asker: Asker
    context: CheckContext
    folder: Path
    crashes: Crashes
    told: Told
    ended: Ended
    counted_from: int = 0

    def verdicts(self, samples: Callable[[], Iterable[Sample]]) -> Iterator[tuple[Sample, Verdict | None]]:
        """Every sample with its verdict; `samples()` gives them anew each time, in the same order.

        Raises: what ends asking for good (a wrong recipe, a full disk); what may be mended leaves rows pending.
        """
        names = self.named.teachers
        identities = {name: self.asker.identity(name) for name in names}
        context = replace(self.context, identities=identities)
        self.ended.notes = tuple(getattr(self.named.check, "notes", lambda _: ())(context))
        level = inherited(*(self.asker.sensitivity(name) for name in names))
        files = {name: self.folder / f".asked-{self.named.name}-{number}.jsonl" for number, name in enumerate(names)}
        for name, path in files.items():
            write_lines(path, self._asked(name, samples(), context))
        streams = [read_lines(path, _Said) for path in files.values()]
        for sample, *said in zip(samples(), *streams, strict=True):
            found = {name: item.completions for name, item in zip(names, said, strict=True)}
            raised = msgspec.structs.replace(sample, sensitivity=inherited(sample.sensitivity, level))
            yield raised, self._verdict(raised, found, context)
            self.told()
        for path in files.values():
            remove(path)

    def _asked(self, teacher: str, samples: Iterable[Sample], context: CheckContext) -> Iterator[_Said]:
        """One teacher's completions, sample by sample; questions are drawn as fast as the asker wants them."""
        waiting: deque[tuple[int, bool]] = deque()

        def questions() -> Iterator[Question]:
            for sample in samples:
                asked = self._questions(sample, context)
                waiting.append((len(asked), sample.number >= self.counted_from))
                yield from asked

        got: list[Completion] = []
        for completion in self.asker.ask(teacher, questions(), purpose=PURPOSE, leave_pending=True):
            while waiting[0][0] == 0:
                waiting.popleft()
                yield _Said()
            count, counts = waiting[0]
            if counts:
                self.ended.count(teacher, completion)
            got.append(completion)
            if len(got) == count:
                waiting.popleft()
                yield _Said(completions=tuple(got))
                got = []
        yield from (_Said() for _ in waiting)

    def _questions(self, sample: Sample, context: CheckContext) -> Sequence[Question]:
        """What is asked about a sample; nothing where the check crashes on it, and `_verdict` then says so."""
        try:
            return list(self.named.check.questions(sample, context))
        except ImbikError:
            raise
        except Exception:
            return ()

    def _verdict(
        self, sample: Sample, completions: Mapping[str, Sequence[Completion]], context: CheckContext
    ) -> Verdict | None:
        self.crashes.asked[self.named.name] += 1
        if any(item.outcome is Outcome.PENDING for said in completions.values() for item in said):
            return None
        try:
            if not any(completions.values()):
                self.named.check.questions(sample, context)  # it said nothing to ask, or it crashed: then again, here
            verdict: Verdict = self.named.check.decide(sample, completions, context)
            return verdict
        except ImbikError:
            raise
        except Exception as error:
            return self.crashes.verdict(self.named.name, error)
