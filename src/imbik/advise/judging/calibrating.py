"""`imbik judge calibrate`: a judge held against blind experts, and what that lets it do in the recipe.

Enters: a run or recipe, labels. Leaves: `calibrations/HASH.json` beside the answer store, and lines for a person. The
judge is asked about the labelled answers alone; those that the run asked already cost nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from imbik.advise.judging.asking import Bench, asking, bench_of
from imbik.advise.judging.labels import Labels, labels_of_file, labels_of_review
from imbik.core.errors import ImbikError, InputError
from imbik.core.progress import Progress, Reporter
from imbik.core.questions import Question
from imbik.core.results import Score
from imbik.core.types import Completion, Outcome, Sample
from imbik.judge.calibration import Calibration, agreements, meets, told, write_calibration
from imbik.judge.fence import secret_of
from imbik.judge.scoring import Marks
from imbik.stage import Asker

HEAD = ("mark", "answers", "kappa", "true positive rate", "true negative rate", "tp", "fp", "tn", "fn", "")


@dataclass(frozen=True)
class Calibrated:
    """The calibration, where it lies, at which mark the recipe draws the line, and why it does not suffice ('' where
    it does); `refused` are labels that do not count, in words."""

    made: Calibration
    path: Path
    at_least: int
    short: str
    refused: tuple[str, ...]
    name: str


def calibrate(
    target: str,
    labels: Path | None = None,
    *,
    check: str = "",
    runs: Path | None = None,
    overrides: Sequence[str] = (),
    reporter: Reporter | None = None,
) -> Calibrated:
    """Ask the judge about every labelled answer and compare.

    Raises: InputError where no label counts or the judge gave no verdict at all; what ended asking.
    """
    bench = bench_of(target, check, runs, overrides)
    found = labels_of_file(labels, bench.run, bench.recipe) if labels else labels_of_review(bench.run)
    rows = found.decided()
    if not rows:
        raise InputError("experts agree on none of the labelled answers", where=str(labels or bench.run.path))
    with asking(bench, reporter) as (engine, progress):
        marks = marks_of(bench, engine, [sample for sample, _ in rows], progress)
        identities = {name: engine.identity(name) for name in bench.judges}
    return _made(bench, found, [keep for _, keep in rows], marks, identities)


def marks_of(bench: Bench, asker: Asker, samples: Sequence[Sample], progress: Progress) -> list[dict[str, Marks]]:
    """What each judge says of each sample.

    Raises: what ended asking before every question was answered.
    """
    secret, base = secret_of(bench.run.home), bench.recipe.base
    said: list[dict[str, Sequence[Completion]]] = [{} for _ in samples]
    for name in bench.judges:
        progress.begin(name, len(samples))
        waiting: deque[dict[str, Sequence[Completion]]] = deque(said)
        for completion in asker.ask(name, _questions(bench, samples, secret), purpose="judge", leave_pending=True):
            waiting.popleft()[name] = (completion,)
            progress.advance(name)
        progress.end(name)
    if any(found[0].outcome is Outcome.PENDING for item in said for found in item.values()):
        raise asker.stopped() or ImbikError("the judge could not be asked", where=bench.name)
    return [bench.judge.marks(item, base) for item in said]


def _questions(bench: Bench, samples: Sequence[Sample], secret: bytes) -> Iterator[Question]:
    return (bench.judge.question(sample, bench.recipe.base, secret) for sample in samples)


def _made(
    bench: Bench, found: Labels, keeps: list[bool], marks: list[dict[str, Marks]], identities: Mapping[str, str]
) -> Calibrated:
    at, missing = agreements(keeps, marks)
    if missing == len(keeps):
        fault = next(item.fault for given in marks for item in given.values())
        raise InputError(f"the judge gave no verdict on any of {len(keeps)} answers ({fault})", where=bench.name)
    made = Calibration(
        key=bench.judge.key(identities, bench.recipe.base),
        judges=bench.judges,
        criteria=bench.judge.rubric(bench.recipe.base).names,
        at=at,
        no_verdict=missing,
        experts=found.experts,
        undecided=found.undecided,
        labels=found.digest(),
        made=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    settings = bench.judge.settings
    short = meets(made, settings.calibrated, settings.at_least)
    path = write_calibration(bench.run.home, made)
    return Calibrated(made, path, settings.at_least, short, tuple(found.refused), bench.name)


def table_rows(found: Calibrated) -> list[list[str]]:
    """A line for each mark at which a recipe may draw the line."""
    rows = []
    for mark, at in found.made.at.items():
        figures = [_told(score) for score in (at.kappa, at.true_positive, at.true_negative)]
        counts = [str(count) for count in (at.tp, at.fp, at.tn, at.fn)]
        here = "<- at_least of the recipe" if int(mark) == found.at_least else ""
        rows.append([f"{mark} or more", str(at.n), *figures, *counts, here])
    return rows


def conclusion(found: Calibrated) -> Iterator[str]:
    """What it means, in sentences."""
    made = found.made
    experts = f"{made.experts} expert{'s' * (made.experts != 1)}"
    yield f"judge {', '.join(made.judges)} by {', '.join(made.criteria)}, against {experts}: {found.path}"
    if made.no_verdict:
        yield f"! no verdict on {made.no_verdict} answers, which are in no figure"
    if made.undecided:
        yield f"! {made.undecided} answers on which as many experts say keep as reject are left out"
    for line in found.refused[:5]:
        yield f"! {line}"
    if len(found.refused) > 5:
        yield f"! and {len(found.refused) - 5} more labels that do not count"
    if found.short:
        yield f"on_low: reject of '{found.name}' rejects nothing: {found.short}"
    else:
        yield f"it reaches the recipe's bar: on_low: reject of '{found.name}' rejects from the next run on"


def _told(score: Score | None) -> str:
    return told(score) if score else "cannot be told"
