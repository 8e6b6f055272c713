"""The report's sentences: the headline, what a speed-up comes from, and what must be said beside a figure.

Enters: Findings. Leaves: plain sentences, the same in HTML, Markdown and on the terminal.
"""

from __future__ import annotations

from collections.abc import Iterator

from imbik.evaluate.bootstrap import rows_to_show
from imbik.evaluate.figures import count, interval, money, percent, point_range, points, times
from imbik.evaluate.findings import ADAPTER, Findings, Preferred
from imbik.evaluate.scores import Interval, Spend, SystemScores

CLAIM = 0.95
_LIKENESS = {
    "token_f1": "words",
    "chrf": "runs of letters",
    "bleu": "runs of words",
    "rouge_1": "words",
    "rouge_2": "pairs of words",
    "rouge_l": "words in the same order",
}
EXAMPLE_WITH_CONTROLS = "recipes/embedded-full.yaml"


def headline(found: Findings) -> str:
    """What a reader takes away: what is kept, at which size and speed; or, without a teacher, before and after."""
    student = found.scores.systems.get("student")
    kept = found.scores.retention.get(found.metric)
    if found.pending and not found.metric:
        return f"The student {found.name} was trained; the teacher it is compared with has not answered yet."
    if student is None or not found.metric:
        return f"The student {found.name} was trained; no metric of this kind of task can be computed without people."
    teacher = found.scores.systems.get("teacher")
    if kept is not None and teacher is not None:
        return (
            f"The student keeps {percent(kept.value)} of the teacher (95% interval {interval(kept)})"
            f"{_at_what_cost(student, teacher)}."
        )
    score = student.metrics.get(found.metric)
    before = found.scores.systems.get("baseline", SystemScores()).metrics.get(found.metric)
    if score is None:
        return f"The student {found.name} was trained; its answers could not be scored."
    grew = f" Before training it was {percent(before.value)}." if before else ""
    name = found.metric.replace("_", " ")
    return f"The student reaches {percent(score.value)} {name} (95% interval {interval(score)}).{grew}"


def _at_what_cost(student: SystemScores, teacher: SystemScores) -> str:
    """`at 1/8 of its size and 3.1 times its speed`, as far as both were measured."""
    parts = []
    if student.parameters and teacher.parameters:
        parts.append(f"{_as_much(student.parameters / teacher.parameters)} its size")
    if student.latency_ms and teacher.latency_ms and student.latency_ms.p50 and teacher.latency_ms.p50:
        parts.append(f"{_as_much(teacher.latency_ms.p50 / student.latency_ms.p50)} its speed")
    return (" at " + " and ".join(parts)) if parts else ""


def _as_much(ratio: float) -> str:
    """`3.1 times`, `1/8 of`."""
    return f"{times(ratio)} times" if ratio >= 1 else f"1/{times(1 / ratio)} of"


def subline(found: Findings) -> str:
    """How much stands behind the headline."""
    seeds = len(found.scores.systems.get("student", SystemScores()).metrics.get(found.metric, _NONE).seeds)
    rows = f"Measured on {count(found.rows)} held-out rows ({found.quoted})"
    trained = f", {seeds} students trained from different seeds" if seeds > 1 else ""
    return f"{rows}{trained}."


class _NoScore:
    seeds: dict[str, float] = {}


_NONE = _NoScore()


def notes(found: Findings) -> list[str]:
    """Everything that must be said beside the figures, most important first."""
    return [
        *([found.pending] if found.pending else []),
        *_on_word_counts(found),
        *_on_retention(found),
        *_on_people(found),
        *_on_controls(found),
        *_on_rows(found),
        *found.notes,
        *_on_speed(found),
    ]


def _on_retention(found: Findings) -> Iterator[str]:
    systems = found.scores.systems
    if found.pending:
        return
    if not found.has_teacher:
        yield (
            "There is no retention, because the recipe has no teacher: the rows' own answers were learned. "
            "Baseline and student are compared instead."
        )
    elif "teacher" not in systems:
        yield "There is no retention, because the teacher was not evaluated (evaluate.against leaves it out)."
    elif found.metric == "agreement":
        yield (
            "The held-out rows carry no reference, so what is shown is agreement with the teacher's answers. "
            "That is not retention: where both are wrong in the same way, they agree."
        )
    elif not found.metric:
        yield (
            "No metric can be computed for open answers without references. Ask people "
            f"(imbik review {found.name} --compare student,teacher) or a calibrated judge (docs/judge.md); what "
            "experts or judges prefer is not retention either."
        )
    elif found.metric in _LIKENESS:
        yield (
            f"{found.metric} counts the {_LIKENESS[found.metric]} that an answer shares with the reference. A good "
            "answer in other words scores low, so read retention here as a likeness to the references, not as quality "
            "kept."
        )
    elif found.metric not in found.scores.retention:
        yield (
            "Retention is not defined here: the teacher's own score cannot be told from 0, or it was asked no row. "
            "Read a few of its answers before anything else."
        )


def _on_people(found: Findings) -> Iterator[str]:
    """Preferences are told with what they are not."""
    for item in found.people:
        if item.on_left is not None and not item.on_left.low <= 0.5 <= item.on_left.high:
            chosen = f"{percent(item.on_left.value)} of the choices of people who compared {item.one} and {item.other}"
            yield f"{chosen} fell on the answer on the left: in part they chose the place."
    if found.people:
        yield "What people prefer is not retention: it says which answer they like better, not how much was kept."


def preference(item: Preferred) -> str:
    """What a comparison of people says."""
    said = f"people prefer {item.preferred}" if item.preferred else "no difference is shown"
    return said if item.chance is None else f"{said} (sign test p = {item.chance:.2g})"


def _on_word_counts(found: Findings) -> Iterator[str]:
    """A student that loses against counting words must not be read as a success."""
    behind = found.scores.paired.get("student-tfidf", {}).get(found.metric)
    if behind is not None and behind.high < 0:
        yield (
            f"The student scores below tfidf, word counts and a linear classifier, by {points(-behind.value)[1:]} "
            f"points (95% interval of student minus tfidf: {point_range(behind)}): on these rows the simpler "
            "model is better."
        )


def _on_controls(found: Findings) -> Iterator[str]:
    if found.has_teacher and not {"text_only", "answers_only"} & set(found.scores.systems):
        yield (
            "No control was trained, so nothing here says how much of the result came from the teacher's reasoning or "
            f"probabilities; {EXAMPLE_WITH_CONTROLS} is an example of a recipe that trains them (train.controls)."
        )


def _on_rows(found: Findings) -> Iterator[str]:
    needed = rows_to_show(CLAIM)
    if 0 < found.rows < needed:
        yield (
            f"{found.rows} rows cannot show {CLAIM:.0%}: even with every row right, at least {needed} are needed. "
            "Hold out more rows (tasks.split.test)."
        )
    if found.quoted == "validation":
        yield (
            "The validation rows are quoted, for want of test rows or by evaluate.on. The best checkpoint was chosen "
            "on them, which flatters the student: a claim needs test rows (tasks.split.test, evaluate.on: test)."
        )


def _on_speed(found: Findings) -> Iterator[str]:
    teacher, student = found.scores.systems.get("teacher"), found.scores.systems.get("student")
    if teacher is None or student is None or not teacher.latency_ms or not student.latency_ms:
        return
    if teacher.parameters:
        yield (
            "Teacher and student were timed in the same engine on this machine, so all of the difference in speed "
            "comes from the model, none from the engine."
        )
    else:
        yield (
            "The teacher was timed over its endpoint, network and queue included, so the difference in speed does not "
            "say what comes from the smaller model and what from where it runs."
        )


def held_out(found: Findings) -> str:
    """How many tasks never reached training because this report needed them."""
    sets = ", ".join(f"{count(rows)} ({name})" for name, rows in found.sets.items())
    return f"Held out for this report, and never trained on: {sets}." if sets else ""


def sets(found: Findings) -> str:
    """What the figures of other test sets are measured on, where a table shows any."""
    if len(found.sets) < 2:
        return ""
    told = [
        (f"@{name}" if name != found.quoted else "without @", found.about_sets.get(name, f"the rows of set {name}"))
        for name in found.sets
    ]
    return f"What a figure was measured on: {'; '.join(f'{mark}, {about}' for mark, about in told)}."


def spent(spend: Spend) -> str:
    """What this run paid for the teacher's answers, what it may have paid beside, and what earlier runs had paid."""
    tokens = f"({count(spend.input_tokens)} tokens read, {count(spend.output_tokens)} written)"
    gave = f"The teacher gave {count(spend.answers)} answers {tokens}."
    if spend.unpriced and not spend.total:
        return f"{gave} What this run spent is not known: there is no price of {', '.join(spend.unpriced)}."
    told = (
        f"{gave} This run spent {money(spend.total)}: "
        f"{money(spend.generation)} for training, {money(spend.evaluation)} for this report"
    )
    other = spend.total - spend.generation - spend.evaluation
    told += f", {money(other)} for other questions." if other else "."
    if spend.possible:
        told += (
            f" {money(spend.possible)} of it may have been paid: for requests that broke off, the most they can cost."
        )
    if spend.reused:
        told += f" Answers that had cost {money(spend.reused)} were paid for by earlier runs."
    if spend.unpriced:
        told += f" The price of {', '.join(spend.unpriced)} is not known, so what it cost is not in these figures."
    return told


def some_rows(found: Findings) -> str:
    """Which systems were asked a part of the rows alone: ` (adapter:iade: 23)`; '' where none was."""
    asked = {
        name: max((score.n for score in system.metrics.values()), default=0)
        for name, system in found.scores.systems.items()
        if name.startswith(ADAPTER)
    }
    return f" ({', '.join(f'{name}: {count(rows)} of them' for name, rows in asked.items())})" if asked else ""


def control_reading(name: str, score: Interval) -> str:
    """What a paired difference `student-X`, or `adapter:NAME-student`, says in words."""
    who, _, other = name.rpartition("-") if name.startswith(ADAPTER) else name.partition("-")
    who = f"{who} on its rows" if name.startswith(ADAPTER) else "the student"
    other = "the student" if other == "student" else other
    if score.low > 0:
        return f"{who} is better than {other}"
    if score.high < 0:
        return f"{who} is worse than {other}"
    return f"no difference from {other} is shown"
