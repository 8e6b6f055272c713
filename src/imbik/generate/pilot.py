"""The pilot: a few rows are asked first, and from what they cost the whole is estimated before it is bought.

Enters: the tasks, the asker. Leaves: a line for the person, an event, `pilot.json` for later forecasts, and an error
where the rest is not worth beginning: even the lower end of the interval is more than what is left, or none of the
pilot's questions was answered. The rows are ordinary ones, drawn from all of them, asked under their own keys: their
answers are kept and not paid for again.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal

from imbik.core.errors import BudgetSpentError, ImbikError
from imbik.core.files import digest, read_json, write_json
from imbik.core.money import rounded_up, usd
from imbik.core.progress import Progress
from imbik.core.questions import Question
from imbik.core.runfolder import RunFolder
from imbik.core.types import Completion, Outcome, Task
from imbik.recipe import Recipe
from imbik.stage import Asker, Paying
from imbik.tasks.costs import ASKED, Interval, Pilot, summary, total_of
from imbik.tasks.kinds import Kind
from imbik.tasks.questions import question_of

FILE = "pilot.json"
_ENOUGH = 5  # questions without an answer that say something about the others; the least that `budget.pilot` takes
Tasks = Callable[[], Iterator[Task]]


def run_pilot(recipe: Recipe, kind: Kind, asker: Asker, tasks: Tasks, progress: Progress, run: RunFolder) -> None:
    """Ask the pilot rows of every teacher that is paid for, and say what the rest will cost.

    Raises: BudgetSpentError where the rest will certainly not fit into what is left, ImbikError where a teacher
        answered no pilot row well: what comes of the rest is known then, and it would be paid.
    """
    budget = recipe.budget
    if budget is None or not budget.pilot or not isinstance(asker, Paying):
        return
    found: dict[str, Pilot] = {}
    whole, room = list[Interval](), Decimal(0)
    for name in recipe.answering_teachers():
        pairs = [question_of(recipe, kind, name, task, 0) for task in _drawn(recipe, tasks, name, budget.pilot)]
        most = max((asker.most(name, question) for question in pairs), default=Decimal(0))
        if not most or asker.missing(name, _questions(recipe, kind, name, tasks)) <= len(pairs):
            continue
        completions = list(asker.ask(name, pairs, purpose="pilot", leave_pending=True))
        _refused_alike(name, completions)
        made = summary(completions, asker.share(name))
        if made is None:
            continue
        allowed = 1 - [completion.outcome for completion in completions].count(Outcome.BLOCKED) / len(completions)
        least = round(allowed * asker.missing(name, _questions(recipe, kind, name, tasks)))
        samples = recipe.generate.samples
        more = round(allowed * (samples.max - samples.min) * sum(1 for _ in _of(recipe, tasks, name)))
        found[name] = made
        whole.append(total_of(made, least, least + more))
        room += 2 * most  # the last question must still fit at its most
        progress.say(_told(name, made, whole[-1], least, more))
        _worth_it(name, completions, whole[-1])
    if found:
        write_json(run.path / FILE, found)
        _compare(recipe, asker, whole, room, progress)


def read_pilot(run: RunFolder) -> dict[str, Pilot]:
    """What an earlier pilot of this run found, by teacher."""
    path = run.path / FILE
    return read_json(path, dict[str, Pilot]) if path.exists() else {}


def _worth_it(name: str, completions: Sequence[Completion], rest: Interval) -> None:
    """Refuse to begin the rest where the pilot brought no answer at all.

    Raises: ImbikError with the commonest reason.
    """
    asked = [completion for completion in completions if completion.outcome in ASKED]
    if len(asked) < _ENOUGH or any(completion.outcome is Outcome.ANSWERED for completion in asked):
        return
    (outcome, reason), count = Counter((item.outcome, item.reason) for item in asked).most_common(1)[0]
    raise ImbikError(
        f"none of the {len(asked)} pilot questions to '{name}' was answered well, so the rest, about "
        f"{usd(rest.value)}, was not begun; most often ({count}): {outcome.value}, {reason or 'no reason given'}",
        where=f"teachers.{name}",
        next="change the instruction, the length limit, the schema or the teacher; to ask all rows nevertheless, type "
        "the same command with --set budget.pilot=0",
    )


def _refused_alike(name: str, completions: Sequence[Completion]) -> None:
    """Refuse to begin the rest where every pilot question failed for one and the same reason.

    Raises: ImbikError with that reason.
    """
    asked = [item for item in completions if item.outcome not in {Outcome.BLOCKED, Outcome.PENDING}]
    heard = {(item.outcome, item.reason) for item in asked}
    if len(asked) < _ENOUGH or len(heard) != 1 or asked[0].outcome is not Outcome.FAILED:
        return
    raise ImbikError(
        f"all of {len(asked)} pilot questions to '{name}' failed in the same way, so the rest was not begun: "
        f"{asked[0].reason or 'no reason given'}",
        where=f"teachers.{name}",
        next="change what the teacher refuses (its model or settings, the length limit, the schema), then type the "
        "same command again; to ask all rows nevertheless, add --set budget.pilot=0",
    )


def _compare(recipe: Recipe, asker: Paying, whole: Sequence[Interval], room: Decimal, progress: Progress) -> None:
    """Hold what the rest will cost against what is left; spreads of independent teachers add up as squares do."""
    budget, left = recipe.budget, asker.left("generation")
    if budget is None or left is None:
        return
    value = sum((item.value for item in whole), Decimal(0))
    below = Decimal(math.sqrt(sum(float(item.value - item.low) ** 2 for item in whole)))
    above = Decimal(math.sqrt(sum(float(item.high - item.value) ** 2 for item in whole)))
    low, high = max(Decimal(0), value - below), value + above
    progress.event("pilot", value=str(value), low=str(low), high=str(high), left=str(left))
    if high <= left:
        return
    total = budget.total + (high - left + room) / (1 - budget.reserve_for_evaluation)
    enough = f'--set budget.total="{rounded_up(total)} USD"'
    if low > left:
        raise BudgetSpentError(
            f"the rest will cost {Interval(value, low, high)}, and {usd(left)} are left for it, so it was not begun; "
            "the pilot's answers are stored",
            where="budget.total",
            next=f"type the same command with {enough}, or ask fewer rows (imbik explain tasks.rows)",
        )
    progress.say(
        f"! the budget may not be enough: {usd(left)} are left for an expected {Interval(value, low, high)}; {enough} "
        "would be"
    )


def _told(name: str, pilot: Pilot, whole: Interval, least: int, more: int) -> str:
    odd = [f"{pilot.truncated} cut off"] * bool(pilot.truncated) + [f"{pilot.bad} no good"] * bool(pilot.bad)
    also = f" (and up to {more:,} more where answers disagree)" if more else ""
    return (
        f"pilot: {pilot.rows} answers of '{name}' cost {usd(Decimal(repr(pilot.mean)))} each"
        f"{', ' + ', '.join(odd) if odd else ''}; the other {least:,}{also} will cost about {whole}"
    )


def _of(recipe: Recipe, tasks: Tasks, teacher: str) -> Iterator[Task]:
    """The tasks that are routed to a teacher."""
    return (task for task in tasks() if teacher in recipe.teachers_for(task.sensitivity))


def _questions(recipe: Recipe, kind: Kind, teacher: str, tasks: Tasks) -> Iterator[Question]:
    """Everything that is certainly asked of a teacher."""
    for task in _of(recipe, tasks, teacher):
        for number in range(recipe.generate.samples.min):
            yield question_of(recipe, kind, teacher, task, number)


def _drawn(recipe: Recipe, tasks: Tasks, teacher: str, count: int) -> list[Task]:
    """`count` of a teacher's tasks, drawn by a hash of their ids: the first rows of a file are seldom like the others,
    and every n-th row meets whatever repeats itself in it."""
    return heapq.nsmallest(count, _of(recipe, tasks, teacher), key=lambda task: digest(f"pilot {task.id}"))
