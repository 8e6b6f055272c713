"""Every system's answer to every held-out row, kept so that intervals can be computed again and rows looked at.

Enters: completions of one system. Leaves: `8_report/answers/SYSTEM.jsonl` with what was read from each and its
scores, and `SYSTEM.json` with what the system costs to run. A system whose files are whole is not asked again when a
run is resumed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from imbik.core.files import read_json, read_lines, write_json, write_lines
from imbik.core.types import Completion, Outcome, Record, Sensitivity, Task, Usage
from imbik.evaluate.metrics import CorpusMetric, Metric
from imbik.evaluate.scores import SystemScores
from imbik.tasks.kinds import Kind

UNTRAINED = -1  # the seed of a system that was not trained here
NOT_ROUTED = "not routed to this teacher"
NOT_ASKED = (Outcome.BLOCKED, Outcome.FAILED, Outcome.PENDING)
_READ = (Outcome.ANSWERED, Outcome.TRUNCATED)


class Answer(Record, frozen=True, kw_only=True):
    """One system's answer to one row; `seed` is the training seed, UNTRAINED for what was not trained here."""

    id: str
    set: str
    seed: int = UNTRAINED
    answer: str = ""
    reasoning: str = ""
    text: str = ""
    outcome: Outcome = Outcome.ANSWERED
    reason: str = ""
    confidence: float | None = None
    scores: dict[str, float] = {}
    statistics: dict[str, dict[str, float]] = {}
    usage: Usage = Usage()
    cost: Decimal = Decimal(0)
    seconds: float = 0.0

    @property
    def asked(self) -> bool:
        """False where a gate, a budget or a broken connection kept the row from the system: no fault of its answers."""
        return self.outcome not in NOT_ASKED


def waiting(answers: Iterable[Answer]) -> list[Answer]:
    """Answers that are still to come: the teacher ended, and the same command goes on with them."""
    return [answer for answer in answers if answer.outcome is Outcome.PENDING and answer.reason != NOT_ROUTED]


class Ran(Record, frozen=True, kw_only=True):
    """What is known of a system beside its answers; its presence says that the answers are whole."""

    cost_to_run: SystemScores
    sensitivity: Sensitivity
    notes: tuple[str, ...] = ()


class Held(NamedTuple):
    """A held-out task and the name of its set."""

    task: Task
    set: str


def read_answer(held: Held, completion: Completion, kind: Kind, metrics: Mapping[str, Metric], seed: int) -> Answer:
    """What the kind reads from a completion, with the scores of every metric (none for a row without reference)."""
    reasoning, answer = _read(held.task, completion, kind)
    scored = held.task.reference is not None and completion.outcome not in NOT_ASKED
    return Answer(
        id=held.task.id,
        set=held.set,
        seed=seed,
        answer=answer,
        reasoning=reasoning,
        text=completion.answer,
        outcome=completion.outcome,
        reason=completion.reason,
        confidence=confidence(completion),
        scores={name: metric.score(held.task, answer, kind) for name, metric in metrics.items()} if scored else {},
        statistics=_statistics(held.task, answer, kind, metrics) if scored else {},
        usage=completion.usage,
        cost=completion.cost,
        seconds=completion.seconds,
    )


def _statistics(task: Task, answer: str, kind: Kind, metrics: Mapping[str, Metric]) -> dict[str, dict[str, float]]:
    """What the row adds to the sums of corpus metrics."""
    corpora = {name: metric for name, metric in metrics.items() if isinstance(metric, CorpusMetric)}
    return {name: dict(metric.statistics(task, answer, kind)) for name, metric in corpora.items()}


def _read(task: Task, completion: Completion, kind: Kind) -> tuple[str, str]:
    """Reasoning and answer; a truncated answer is read as far as it goes, one that cannot be read is no answer."""
    if completion.outcome not in _READ:
        return "", ""
    try:
        return kind.read(completion, task)
    except Exception:  # what a model writes must never stop a report
        return "", ""


def confidence(completion: Completion) -> float | None:
    """Probability of a chosen answer among the choices, where the engine gave one."""
    if len(completion.logprobs) != 1:
        return None
    return math.exp(min(completion.logprobs[0].logprob, 0.0))


def file_of(folder: Path, system: str) -> Path:
    """`export:safetensors` is kept as `export_safetensors.jsonl`: a colon is no letter of a file name everywhere."""
    return folder / "answers" / f"{system.replace(':', '_')}.jsonl"


def keep(folder: Path, system: str, answers: Sequence[Answer], ran: Ran) -> None:
    """Write the answers, then the note that they are whole."""
    path = file_of(folder, system)
    write_lines(path, answers)
    write_json(path.with_suffix(".json"), ran)


def kept(folder: Path, system: str) -> tuple[list[Answer], Ran] | None:
    """What `keep` wrote, or None."""
    path = file_of(folder, system)
    if not path.with_suffix(".json").exists():
        return None
    return list(read_lines(path, Answer)), read_json(path.with_suffix(".json"), Ran)
