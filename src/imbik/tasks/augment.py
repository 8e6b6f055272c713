"""Augmenting training tasks, as the recipe's `tasks.augment` says.

Enters: divided tasks, grown ones among them. Leaves: more training tasks, each with the reference, category and family
of the one it was made of; what was refused, with its reason. Tasks of held-out sets are never augmented, and what comes
near one of them is refused.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import msgspec

from imbik.core.files import digest
from imbik.core.plugins import load_plugin, make
from imbik.core.questions import Question, Sampling
from imbik.core.types import Completion, Message, Origin, Outcome, Sensitivity, Task
from imbik.privacy.detect import Detection
from imbik.privacy.person import strings
from imbik.privacy.sensitivity import inherited
from imbik.privacy.suppression import Suppression
from imbik.recipe import Recipe
from imbik.stage import Asker, StageContext
from imbik.tasks.grams import text_key
from imbik.tasks.growth.faithful import unfaithful
from imbik.tasks.growth.grow import Grown
from imbik.tasks.growth.journal import Refused
from imbik.tasks.growth.named import asked_teacher
from imbik.tasks.growth.novelty import Novelty, compared
from imbik.tasks.growth.stops import refuse_blocked
from imbik.tasks.identifiers import raised
from imbik.tasks.questions import row_seed
from imbik.tasks.split import Assignment
from imbik.tasks.strategies import category_of, family_of

GROUP = "tasks/augmentations"
UNCHANGED, AGAIN = "nothing was changed", "the same words as another augmented task"
_SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {"text": {"type": "string"}},
        "required": ["text"],
        "additionalProperties": False,
    }
)
_FORM = '{"text": "…"}'


@dataclass(frozen=True)
class _Named:
    """An augmentation as the recipe names it, built."""

    name: str
    plugin: Any
    teacher: str


@dataclass
class _Work:
    """A task being augmented: its own words before and after, or why nothing comes of it."""

    task: Task
    before: str
    after: str
    why: str = ""
    detail: str = ""


def augment(
    context: StageContext,
    tasks: Sequence[Task],
    assignments: Sequence[Assignment],
    detection: Detection,
    erased: Suppression,
) -> Grown:
    """All augmentations of the recipe, each of a part of the training tasks.

    Raises: BlockedError where no question of one may leave; whatever ends the asking.
    """
    made = Grown()
    named = augmentations_of(context.recipe)
    if not named:
        return made
    sets = [item.set for item in assignments]
    training = [task for task, name in zip(tasks, sets, strict=True) if name == "train"]
    held = Novelty(context.recipe.tasks.grow.threshold if context.recipe.tasks.grow else 0.85)
    held.add(
        ((task.id, compared(task)) for task, name in zip(tasks, sets, strict=True) if name != "train"), held_out=True
    )
    seen = {text_key(task.text) for task in tasks}
    for item in named:
        chosen = [task for task in training if _drawn(item, task)]
        context.progress.begin(item.name, len(chosen))
        works = [_Work(task, words, words) for task in chosen for words in (own_words(task),)]
        _change(item, works, context)
        _finish(item, works, context, made, held, seen, detection, erased)
        context.progress.end(item.name)
    return made


def augmentations_of(recipe: Recipe) -> list[_Named]:
    """The augmentations, built; a second one of the same kind is told apart by its number."""
    found, seen = list[_Named](), Counter[str]()
    for block in recipe.tasks.augment:
        plugin = make(GROUP, block)
        seen[block.use] += 1
        name = block.use if seen[block.use] == 1 else f"{block.use}-{seen[block.use]}"
        teacher = asked_teacher(recipe, name, recipe.growing_teacher(block), block.where) if plugin.asks else ""
        found.append(_Named(name, plugin, teacher))
    return found


def augment_settings(recipe: Recipe, asker: Asker) -> object:
    """What of `tasks.augment` shapes the tasks: settings and versions, who is asked."""
    return [
        {
            "use": block.use,
            "version": load_plugin(GROUP, block.use).version,
            "settings": item.plugin.settings.model_dump(mode="json", exclude={"teacher"}),
            "teacher": [asker.identity(item.teacher), asker.sensitivity(item.teacher).value] if item.teacher else [],
        }
        for block, item in zip(recipe.tasks.augment, augmentations_of(recipe), strict=True)
    ]


def own_words(task: Task) -> str:
    """A task's last turn without the passage that stands above it."""
    text = task.messages[-1].content
    return text.removeprefix(task.passage).lstrip("\n") if task.passage and text != task.passage else text


def _drawn(item: _Named, task: Task) -> bool:
    settings = item.plugin.settings
    place = int(digest("augment", str(settings.seed), item.name, task.id)[:12], 16) / 16**12
    return bool(place < settings.share)


def _change(item: _Named, works: Sequence[_Work], context: StageContext) -> None:
    """Other words for each, by the plug-in itself or by the answers to its questions."""
    plugin = item.plugin
    if not item.teacher:
        for work in works:
            random = Random(int(digest("change", str(plugin.settings.seed), item.name, work.task.id)[:16], 16))
            work.after = plugin.change(work.before, work.task, random)
            context.progress.advance(item.name)
        return
    for step in range(plugin.prompts):
        open_ = [work for work in works if not work.why]
        questions = (_question(item, work, step) for work in open_)
        answers = list(context.asker.ask(item.teacher, questions, purpose="growth")) if open_ else []
        refuse_blocked(context.recipe, item.name, item.teacher, answers)
        for work, answer in zip(open_, answers, strict=True):
            _read(work, answer)
            if work.why or step == plugin.prompts - 1:
                context.progress.advance(item.name)


def _question(item: _Named, work: _Work, step: int) -> Question:
    settings, task = item.plugin.settings, work.task
    prompt = f"{item.plugin.prompt(step, work.after, task)}\n\nJSON: {_FORM}"
    return Question(
        messages=(Message(role="user", content=prompt),),
        row=task.id,
        sensitivity=task.sensitivity,
        sampling=Sampling(
            temperature=settings.temperature,
            seed=row_seed(settings.seed, task.id, step) if settings.temperature else None,
            max_tokens=settings.max_tokens,
        ),
        schema=_SCHEMA,
    )


def _read(work: _Work, answer: Completion) -> None:
    if answer.outcome is not Outcome.ANSWERED:
        work.why, work.detail = answer.outcome.value, answer.reason
        return
    work.after = str(json.loads(answer.answer)["text"]).strip()
    work.why = "" if work.after else "an empty text"


def _finish(
    item: _Named,
    works: Sequence[_Work],
    context: StageContext,
    made: Grown,
    held: Novelty,
    seen: set[str],
    detection: Detection,
    erased: Suppression,
) -> None:
    """Refuse what is no good, make tasks of the rest."""
    level = context.asker.sensitivity(item.teacher) if item.teacher else Sensitivity.PUBLIC
    count = 0
    for work in works:
        task = _task(item, work, level)
        why, detail = (work.why, work.detail) if work.why else _wrong(item, work, task, held, seen)
        if not why:
            why = erased.reason(task.id, task.text, strings(msgspec.to_builtins(task)))
        if why:
            failed = work.why in set(Outcome)
            (made.failed if failed else made.refused)[why] += 1
            if not failed:
                told = Refused(by=item.name, category=category_of(work.task), reason=why, detail=detail)
                made.refusals.append(msgspec.structs.replace(told, text=work.after))
            continue
        seen.add(text_key(task.text))
        (task,), _ = raised([task], detection, "")
        made.tasks.append(task)
        made.assignments.append(Assignment(id=task.id, set="train"))
        count += 1
    made.measured[f"augmented_{item.name}"] = str(count)
    if lost := len(works) - count:
        made.notes.append(f"{item.name}: {lost:,} of {len(works):,} augmented tasks were not taken in (refused.jsonl)")


def _task(item: _Named, work: _Work, level: Sensitivity) -> Task:
    task = work.task
    depth = task.origin.depth if task.origin is not None else 0
    *before, last = task.messages
    content = last.content.removesuffix(work.before) + work.after
    return msgspec.structs.replace(
        task,
        id=f"{task.id}-{item.name}",
        messages=(*before, msgspec.structs.replace(last, content=content)),
        group=family_of(task),
        sensitivity=inherited(task.sensitivity, level),
        recorded=(),
        origin=Origin(by=item.name, of=(task.id,), teacher=item.teacher, depth=depth + 1, same_as=task.id),
    )


def _wrong(item: _Named, work: _Work, task: Task, held: Novelty, seen: set[str]) -> tuple[str, str]:
    """Why an augmented task is not taken in, and what of it is this one's own."""
    if work.after == work.before:
        return UNCHANGED, ""
    if item.teacher and text_key(task.text) in seen:
        return AGAIN, ""
    if item.teacher and (why := unfaithful(work.before, work.after, work.task)):
        return "it is another task than the one it was made of", why
    refusal = held.look(compared(task))
    return (refusal.reason, refusal.detail) if refusal else ("", "")
