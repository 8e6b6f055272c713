"""`imbik judge compare`: which of two systems of a report does a judge prefer, on the same held-out rows?

Enters: a finished report's answers, a judge. Leaves: wins, losses and draws with an interval, how often the judge's two
orders contradicted each other, and `comparisons/*.json` with the figures. For open answers, where no metric can be
computed. A preference is not retention, and says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from imbik.advise.judging.asking import asking, bench_of
from imbik.core.errors import ImbikError, UsageError
from imbik.core.files import digest, write_json
from imbik.core.misspelt import closest
from imbik.core.progress import Reporter
from imbik.core.results import Score
from imbik.core.runfolder import RunFolder
from imbik.core.types import Record, Task
from imbik.evaluate.answers import Answer, Ran, kept
from imbik.judge.calibration import told, wilson
from imbik.judge.fence import secret_of
from imbik.judge.pairwise import Pair, Preference, prefer
from imbik.privacy.sensitivity import inherited
from imbik.tasks.read import held_out

FOLDER, REPORT = "comparisons", "8_report"


class Compared(Record, frozen=True, kw_only=True):
    """Counts over the rows that both systems answered; `share` is the left one's of the rows with a winner."""

    left: str
    right: str
    judges: tuple[str, ...]
    criteria: tuple[str, ...]
    wins: int
    losses: int
    same: int
    split: int
    no_verdict: int
    share: Score | None = None


def compare(
    target: str,
    left: str,
    right: str,
    *,
    judge: str = "",
    check: str = "",
    rows: int = 0,
    runs: Path | None = None,
    reporter: Reporter | None = None,
) -> Compared:
    """Ask in both orders about every row that both answered (`rows` at most, drawn by a hash of their ids).

    Raises: UsageError for a system that the report has not; ImbikError where no row was answered by both; what ended
        asking before every question was answered.
    """
    bench = bench_of(target, check, runs, (), judge)
    pairs = _pairs(bench.run, left, right)
    if rows:
        pairs = sorted(pairs, key=lambda pair: digest(f"compare {pair.task.id}"))[:rows]
    rubric = bench.judge.rubric(bench.recipe.base)
    with asking(bench, reporter) as (engine, progress):
        progress.begin("compare", len(pairs))
        secret, found = secret_of(bench.run.home), list[Preference]()
        for preference in prefer(engine, bench.judges, pairs, rubric=rubric, secret=secret):
            found.append(preference)
            progress.advance("compare")
        progress.end("compare")
        if any(item.pending for item in found):
            raise engine.stopped() or ImbikError("the judge could not be asked", where=bench.name)
    made = _counted(left, right, bench.judges, rubric.names, found)
    write_json(_file(bench.run, made), made)
    return made


def _pairs(run: RunFolder, left: str, right: str) -> list[Pair]:
    """Rows that both systems answered, each as private as the most private thing in it."""
    (ours, our_run), (theirs, their_run) = _answers(run, left), _answers(run, right)
    tasks: dict[str, Task] = {task.id: task for items in held_out(run).values() for task in items}
    pairs = [
        Pair(
            task=tasks[name], left=_text(ours[name]), right=_text(theirs[name]),
            sensitivity=inherited(tasks[name].sensitivity, our_run.sensitivity, their_run.sensitivity),
        )
        for name in ours
        if name in theirs and name in tasks and ours[name].asked and theirs[name].asked
    ]  # fmt: skip
    if not pairs:
        raise ImbikError(f"no row was answered by both '{left}' and '{right}'", where=str(run.stage(REPORT)))
    return pairs


def _answers(run: RunFolder, system: str) -> tuple[dict[str, Answer], Ran]:
    """A system's answers by row; of several seeds those of the lowest."""
    found = kept(run.stage(REPORT), system)
    if found is None:
        have = sorted(path.stem for path in (run.stage(REPORT) / "answers").glob("*.json"))
        raise UsageError(f"the report has no system '{system}'; {closest(system, have)}", where=str(run.stage(REPORT)))
    answers, ran = found
    lowest = min((answer.seed for answer in answers), default=0)
    return {answer.id: answer for answer in answers if answer.seed == lowest}, ran


def _text(answer: Answer) -> str:
    return answer.answer or answer.text


def _counted(
    left: str, right: str, judges: tuple[str, ...], criteria: tuple[str, ...], found: Sequence[Preference]
) -> Compared:
    counts = Counter(item.winner for item in found)
    wins, losses = counts["left"], counts["right"]
    return Compared(
        left=left, right=right, judges=judges, criteria=criteria, wins=wins, losses=losses, same=counts["same"],
        split=sum(bool(item.split) for item in found), no_verdict=counts[""], share=wilson(wins, wins + losses),
    )  # fmt: skip


def _file(run: RunFolder, made: Compared) -> Path:
    name = "-".join(part.replace(":", "_") for part in (made.left, made.right, *made.judges))
    folder = run.path / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / f"{name}.json"


def conclusion(found: Compared) -> Iterator[str]:
    """What it came to, in sentences."""
    total = found.wins + found.losses + found.same
    yield (
        f"judge {', '.join(found.judges)} by {', '.join(found.criteria)}, both orders: '{found.left}' better on "
        f"{found.wins} of {total} rows, '{found.right}' on {found.losses}, neither on {found.same}"
    )
    if found.share is not None:
        yield f"of the rows with a winner '{found.left}' has {told(found.share)}"
    if found.split:
        yield f"! on {found.split} rows a judge preferred a place, not an answer; those count as neither"
    if found.no_verdict:
        yield f"! no verdict on {found.no_verdict} rows"
    yield "This is a judge's preference, not retention; imbik judge calibrate says what the judge is worth."
