"""A few held-out rows for the report, chosen so that a reader sees where systems agree and where they part.

Enters: every system's answers. Leaves: rows with the answers side by side; none where the run is confidential.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from imbik.core.files import digest
from imbik.core.types import Sensitivity, Task
from imbik.evaluate.answers import Answer
from imbik.evaluate.findings import SampleRow, Shown, ordered

ROWS = 6
_LONGEST = 700
_SHOWN = ("teacher", "student", "answers_only", "baseline", "tfidf")
_OPEN = (Sensitivity.PUBLIC, Sensitivity.INTERNAL)


def may_show(sensitivity: Sensitivity) -> bool:
    """Rows are shown in a report only where they are public or internal."""
    return sensitivity in _OPEN


def choose(
    tasks: Sequence[Task], answers: Mapping[str, Sequence[Answer]], set_name: str, metric: str, best: int
) -> list[SampleRow]:
    """Rows in turn from: both right, student wrong, student right where the teacher is wrong, both wrong."""
    by_row = {name: _by_row(rows, set_name, best) for name, rows in answers.items() if name in _SHOWN}
    groups: dict[tuple[bool, bool], list[Task]] = {}
    for task in sorted(tasks, key=lambda task: digest(task.id)):
        groups.setdefault(
            (_right(by_row, "teacher", task, metric), _right(by_row, "student", task, metric)), []
        ).append(task)
    turns = [groups.get(key, []) for key in ((True, True), (True, False), (False, True), (False, False))]
    chosen = [group[turn] for turn in range(ROWS) for group in turns if turn < len(group)][:ROWS]
    return [_row(task, by_row, metric) for task in chosen]


def _by_row(rows: Sequence[Answer], set_name: str, best: int) -> dict[str, Answer]:
    """Answers by row id: of the best seed where it was trained, else of the first seed there is."""
    mine = [answer for answer in rows if answer.set == set_name]
    seeds = {answer.seed for answer in mine}
    seed = best if best in seeds else min(seeds, default=0)
    return {answer.id: answer for answer in mine if answer.seed == seed}


def _right(by_row: Mapping[str, Mapping[str, Answer]], name: str, task: Task, metric: str) -> bool:
    answer = by_row.get(name, {}).get(task.id)
    return answer is not None and answer.scores.get(metric, 0.0) >= 0.5


def _row(task: Task, by_row: Mapping[str, Mapping[str, Answer]], metric: str) -> SampleRow:
    names = [name for name in ordered(list(by_row)) if task.id in by_row[name]]
    shown = [_shown(name, by_row[name][task.id], metric) for name in names]
    known = task.reference.text if task.reference else ""
    return SampleRow(task.id, _short(task.text), _short(known), shown)


def _shown(name: str, answer: Answer, metric: str) -> Shown:
    if not answer.asked:
        return Shown(name, f"not asked: {answer.reason or answer.outcome.value}")
    score = answer.scores.get(metric)
    read = answer.answer or _short(answer.text) or f"nothing ({answer.outcome.value})"
    return Shown(name, _short(read), _short(answer.reasoning), None if score is None else score >= 0.5)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST].rstrip() + " …"
