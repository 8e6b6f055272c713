"""Conversations: how a system does at each turn, and over whole dialogues.

Enters: the held-out rows and every system's scored answers. Leaves: the quoted metric by the turn's number in its
dialogue, and as a mean over dialogues in which each counts once, however many turns it has. A dialogue is a row of the
source (see `tasks.turns`); one of which a turn was not asked is left out of the mean over dialogues.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from imbik.core.types import Task, TurnsReference
from imbik.evaluate.answers import Answer, Held, waiting
from imbik.evaluate.bootstrap import Bootstrap
from imbik.evaluate.compare import matrix
from imbik.evaluate.scores import Dialogues, MetricScore

LATER = 6
"""From this turn on all are counted as one."""


def dialogues(
    held: Sequence[Held], answers: Mapping[str, Sequence[Answer]], quoted: str, metric: str, bootstrap: Bootstrap
) -> Dialogues | None:
    """By turn and by dialogue on the quoted set, for rows whose known answer is a turn; None where there is none."""
    tasks = sorted((row.task for row in held if row.set == quoted), key=lambda task: task.id)
    turns = {place: number for place, task in enumerate(tasks) if (number := _turn(task))}
    if not turns or not metric:
        return None
    by_turn: dict[str, list[int]] = {}
    by_dialogue: dict[tuple[str, int] | str, list[int]] = {}
    for place, number in sorted(turns.items(), key=lambda item: item[1]):
        by_turn.setdefault(_named(number), []).append(place)
        by_dialogue.setdefault(_dialogue(tasks[place]), []).append(place)
    scored = {name: matrix(rows, quoted, metric) for name, rows in answers.items() if rows and not waiting(rows)}

    def score(name: str, groups: Sequence[Sequence[int]]) -> MetricScore | None:
        """The mean over groups of the means in them."""
        seeds, scores = scored[name]
        means = np.stack([scores[:, list(places)].mean(axis=1) for places in groups], axis=1)
        asked = means[:, ~np.isnan(means).any(axis=0)]
        if not asked.shape[1]:
            return None
        found = bootstrap.mean(asked)
        values = {str(seed): float(value) for seed, value in zip(seeds, asked.mean(axis=1), strict=True) if seed >= 0}
        return MetricScore(value=found.value, low=found.low, high=found.high, n=found.n, seeds=values)

    def everybody(groups: Sequence[Sequence[int]]) -> dict[str, MetricScore]:
        return {name: found for name in scored if (found := score(name, groups)) is not None}

    return Dialogues(
        metric=metric,
        dialogues=len(by_dialogue),
        turns=len(turns),
        by_dialogue=everybody(list(by_dialogue.values())),
        by_turn={name: everybody([[place] for place in places]) for name, places in by_turn.items()},
    )


def _turn(task: Task) -> int:
    """The number of the assistant's turn that is answered, from 1 on; 0 for what is no turn of a conversation."""
    return len(task.reference.turns) if isinstance(task.reference, TurnsReference) else 0


def _named(number: int) -> str:
    return str(number) if number < LATER else f"{LATER} and later"


def _dialogue(task: Task) -> tuple[str, int] | str:
    return (task.source.file, task.source.line) if task.source else task.id
