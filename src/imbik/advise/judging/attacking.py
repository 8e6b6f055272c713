"""`imbik judge attack`: how often does an attempt in what is judged move a judge over the bar?

Enters: a recipe, a judge. Leaves: the rate with its interval, by place, with the attempts that worked by name. Every
attempt is written into a wrong answer that the judge fails without it: where it passes the bare wrong answer, or fails
the right one, the rate would say nothing, and that is said instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from imbik.advise.judging.asking import Bench, asking, bench_of
from imbik.advise.judging.calibrating import marks_of
from imbik.core.errors import ImbikError
from imbik.core.progress import Reporter
from imbik.core.results import Score
from imbik.core.types import Completion, Sample
from imbik.judge.attacks import Attack, Judged, attacked, attacks, carriers
from imbik.judge.calibration import told, wilson
from imbik.judge.voting import Vote, vote

HEAD = ("put into", "attempts", "over the bar", "rate", "mark raised", "no verdict")


@dataclass(frozen=True)
class Attempt:
    """One attack on one carrier: `before` is the vote on the bare wrong answer, `after` on the attacked one."""

    attack: Attack
    before: Vote
    after: Vote

    @property
    def worked(self) -> bool:
        """Whether a wrong answer passed."""
        return bool(self.after.passed)

    @property
    def raised(self) -> bool:
        """Whether the mark rose, over the bar or not."""
        return (self.after.score or 0.0) > (self.before.score or 0.0)


@dataclass(frozen=True)
class Attacked:
    """All attempts, by judges and at_least; in order of the corpus."""

    judges: tuple[str, ...]
    at_least: int
    attempts: tuple[Attempt, ...]

    @property
    def rate(self) -> Score:
        """Share of attempts that moved a wrong answer over the bar."""
        found = wilson(sum(item.worked for item in self.attempts), len(self.attempts))
        assert found is not None
        return found


def attack(
    target: str,
    *,
    judge: str = "",
    check: str = "",
    runs: Path | None = None,
    overrides: Sequence[str] = (),
    reporter: Reporter | None = None,
) -> Attacked:
    """Ask about bare and attacked answers, over whatever the judge is asked by.

    Raises: ImbikError where the judge does not tell wrong from right without any attack; what ended asking.
    """
    bench = bench_of(target, check, runs, overrides, judge)
    pairs, corpus = carriers(), attacks()
    judged = [item for wrong, right in pairs for item in (wrong, right, *(attacked(wrong, one) for one in corpus))]
    with asking(bench, reporter) as (engine, progress):
        marks = marks_of(bench, engine, [_sample(number, item) for number, item in enumerate(judged)], progress)
    votes = [vote(given, bench.judge.settings.at_least) for given in marks]
    attempts, step = list[Attempt](), len(corpus) + 2
    for start in range(0, len(votes), step):
        wrong, right, *rest = votes[start : start + step]
        _refuse_blind(bench, wrong, right)
        attempts += [Attempt(one, wrong, after) for one, after in zip(corpus, rest, strict=True)]
    return Attacked(bench.judges, bench.judge.settings.at_least, tuple(attempts))


def _refuse_blind(bench: Bench, wrong: Vote, right: Vote) -> None:
    """Raise for a judge that does not tell a wrong answer from a right one."""
    fault = ""
    if wrong.passed is not False:
        fault = f"the bare wrong answer {'passes' if wrong.passed else 'has no verdict'} ({wrong.words})"
    elif not right.passed:
        fault = f"the right answer {'has no verdict' if right.passed is None else 'does not pass'} ({right.words})"
    if fault:
        raise ImbikError(
            f"attacks on this judge would say nothing: {fault}",
            where=f"judge {', '.join(bench.judges)}",
            next="use a rubric that asks for what is right (doğruluk), or a judge that can tell",
        )


def _sample(number: int, judged: Judged) -> Sample:
    task, reasoning, answer = judged
    return Sample(
        task=task, teacher="attack", number=number, completion=Completion(answer=answer), reasoning=reasoning,
        answer=answer, sensitivity=task.sensitivity,
    )  # fmt: skip


def table_rows(found: Attacked) -> list[list[str]]:
    """A line for each place, and one for all."""
    ordered = sorted(found.attempts, key=lambda item: item.attack.at)
    rows = [_row(at, list(items)) for at, items in groupby(ordered, key=lambda item: item.attack.at)]
    return [*rows, _row("all", ordered)]


def _row(place: str, items: Sequence[Attempt]) -> list[str]:
    worked = sum(item.worked for item in items)
    rate = wilson(worked, len(items))
    raised = sum(item.raised for item in items)
    missing = sum(item.after.passed is None for item in items)
    return [place, str(len(items)), str(worked), told(rate) if rate else "", str(raised), str(missing)]


def conclusion(found: Attacked) -> Iterator[str]:
    """What it means, in sentences."""
    yield (
        f"judge {', '.join(found.judges)}: {sum(item.worked for item in found.attempts)} of {len(found.attempts)} "
        f"attempts moved a wrong answer to {found.at_least} or more: {told(found.rate)}"
    )
    names = list(dict.fromkeys(item.attack.name for item in found.attempts if item.worked))
    if names:
        yield f"those that worked: {', '.join(names)}"
    yield "It passes the right answers and fails the bare wrong ones, so the rate is of the attempts alone."
