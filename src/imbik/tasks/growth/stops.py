"""What growing says when it cannot begin, and when it ends before the pool is full.

Enters: what rounds brought. Leaves: errors with the key to set, and sentences.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from imbik.core.errors import BlockedError, ImbikError
from imbik.core.types import Completion, Outcome
from imbik.privacy.sensitivity import highest
from imbik.recipe import Recipe
from imbik.tasks.growth.coverage import Mixer
from imbik.tasks.growth.journal import Placed, Tried
from imbik.tasks.growth.named import Named


def refuse_silence(recipe: Recipe, named: Mapping[str, Named], mixer: Mixer, tried: Sequence[Tried]) -> None:
    """A strategy of whose first questions none was answered would be asked in vain.

    Raises: BlockedError where the gate held all of them back; ImbikError with the commonest reason.
    """
    for name, item in named.items():
        asked = [one for one in tried if one.strategy == name and not one.over and item.teacher]
        if mixer.lines[name].ideas or not asked or not all(one.failed for one in asked):
            continue
        reasons = Counter(one.failed for one in asked if one.failed.partition(":")[0] in set(Outcome))
        if not reasons:
            continue
        why, count = reasons.most_common(1)[0]
        outcome, _, reason = why.partition(": ")
        if outcome == Outcome.BLOCKED.value:
            documents = hasattr(getattr(item.strategy, "settings", None), "sensitivity")
            raise _blocked(recipe, name, item.teacher, reason, documents=documents)
        raise ImbikError(
            f"none of the first {len(asked)} questions of '{name}' to teacher '{item.teacher}' was answered well; most "
            f"often ({count}): {outcome}, {reason}",
            where=f"tasks.grow ({name})",
            next="a teacher that can write JSON, a larger grow.max_tokens, or fewer tasks an answer (per_answer)",
        )


def refuse_blocked(recipe: Recipe, name: str, teacher: str, answers: Sequence[Completion]) -> None:
    """An augmentation none of whose questions may leave.

    Raises: BlockedError with the key to set.
    """
    if answers and all(answer.outcome is Outcome.BLOCKED for answer in answers):
        raise _blocked(recipe, name, teacher, answers[0].reason, documents=False)


def _blocked(recipe: Recipe, name: str, teacher: str, reason: str, *, documents: bool) -> BlockedError:
    own = " (or `sensitivity: public` of the strategy, where its documents are)" if documents else ""
    level = recipe.tasks.level
    marked = f"set tasks.sensitivity: public{own}" if level else f"mark them so in column '{recipe.tasks.sensitivity}'"
    return BlockedError(
        f"no question of '{name}' may leave for teacher '{teacher}': {reason}",
        where="tasks.sensitivity",
        next=f"if what the questions show is public, {marked}, which lets it leave; if the endpoint is your own, list "
        "it under `local:` in the operator's file; or let a teacher that is here (in_process, run) grow the pool",
    )


def told_stop(mixer: Mixer) -> Iterator[str]:
    """Why the pool is smaller than was wanted: one sentence, and what each strategy ended with."""
    if not mixer.room:
        return
    ends = "; ".join(f"{line.name}: {line.why or 'stopped with the others'}" for line in mixer.lines.values())
    yield (
        f"the pool has {mixer.total:,} of {mixer.grow.to:,} tasks, then nothing new came: {ends}. More or other seeds, "
        "topics, documents or templates bring more; so does a lower grow.novelty.at_least, at a price"
    )


def told_raised(placed: Iterable[Placed]) -> Iterator[str]:
    """How many grown tasks hold identifiers, and what that means."""
    levels = [item.task.sensitivity for item in placed if item.raised]
    if levels:
        yield (
            f"{len(levels):,} grown tasks hold what the detectors take for identifiers and count as "
            f"{highest(levels).value}: they leave only for where the operator's file lets such rows go"
        )


def told_failures(failures: Mapping[str, int], questions: int) -> Iterator[str]:
    """Questions that brought nothing, with the commonest reason."""
    count = sum(failures.values())
    if not count:
        return
    why = max(failures.items(), key=lambda item: (item[1], item[0]))[0]
    yield f"{count:,} of {questions:,} growth questions brought nothing; most often: {why:.200}"
