"""A teacher that knows the answers of a recipe's own rows, whatever their kind, and gets a share of them wrong.

Enters: a recipe whose rows have answers. Leaves: what a teacher of that kind writes: steps and the marked answer for
problems, a label, JSON, a program in its block, as many drafts as a summary is asked for. A wrong answer is the one of
another row: it reads well and is false, which is what checks and metrics are tried with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import blake2b
from itertools import cycle, islice
from pathlib import Path

from imbik.core.errors import InputError
from imbik.core.plugins import make
from imbik.core.types import LabelReference, Message, Task
from imbik.recipe import load_recipe
from imbik.tasks.asking import worded
from imbik.tasks.kinds import Kind
from imbik.tasks.kinds.classification import Classification
from imbik.tasks.kinds.summarization import Summarization
from imbik.tasks.load import load_tasks
from imbik.tasks.questions import question_of
from imbik.testing.answers import Messages, solve

_DRAFT = {"tr": "Özet", "en": "Summary", "sl": "Povzetek", "hu": "Összefoglaló"}
_FILLER = {
    "tr": "metinde bu konu ile ilgili olarak başka bilgiler de ayrıca anlatılmaktadır",
    "en": "the text also goes on to tell of some other things about this subject as well",
    "sl": "besedilo poleg tega govori tudi o nekaterih drugih stvareh na to temo",
    "hu": "a szöveg ezen kívül még néhány más dologról is szól ezzel a témával kapcsolatban",
}


def from_recipe(path: Path, wrong: float = 0.0) -> Callable[[Messages], str]:
    """Answers to the questions that a run of the recipe asks; others are left to `solve`.

    `wrong` is the share of rows, always the same ones, that get another row's answer.

    Raises: InputError where no row has an answer, and what loading the recipe and its rows raises.
    """
    recipe = load_recipe(path)
    kind: Kind = make("tasks/kinds", recipe.tasks.kind)
    found = load_tasks(recipe, kind).tasks
    if isinstance(kind, Classification) and not kind.labels:
        labels = sorted({task.reference.text for task in found if isinstance(task.reference, LabelReference)})
        kind = Classification(kind.settings.model_copy(update={"labels": labels}))
    tasks = [task for task in found if task.reference is not None and task.reference.text]
    if not tasks:
        raise InputError("no row has an answer", where=str(path), next="name a recipe whose rows have answers")
    names = list(recipe.teachers) or [""]
    known: dict[tuple[tuple[str, str], ...], str] = {}
    for task in tasks:
        said = _said(kind, _another(kind, tasks, task) if _chosen(task.id, wrong) else task)
        for name in names:
            known[_turns(question_of(recipe, kind, name, task, 0).messages)] = said

    def answer(messages: Messages) -> str:
        asked = tuple((message["role"], message["content"]) for message in messages)
        for last in _shorter(asked[-1][1]):
            if said := known.get((*asked[:-1], (asked[-1][0], last))):
                return said
        return solve(messages)

    return answer


def _shorter(text: str) -> Iterator[str]:
    """A turn as it stands, then without its last paragraphs: a wire format may put a schema in words below it."""
    yield text
    while text:
        text = text.rpartition("\n\n")[0]
        yield text


def _turns(messages: tuple[Message, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((message.role, message.content) for message in messages)


def _said(kind: Kind, task: Task) -> str:
    """The row's answer as a teacher of the kind writes it."""
    assert task.reference is not None
    if isinstance(kind, Summarization) and kind.settings.rounds > 1:
        return _drafts(task.reference.text, kind.settings.rounds, task.language)
    return kind.render(task.reference.reasoning, task.reference.text, task)


def _drafts(text: str, rounds: int, language: str) -> str:
    """Ever more of the words, all of them in the last draft; filler keeps the earlier ones as long (in words)."""
    words, word, filler = text.split(), worded(_DRAFT, language), cycle(worded(_FILLER, language).split())
    shares = [max(1, len(words) * number // rounds) for number in range(1, rounds)]
    drafts = [*(" ".join([*words[:share], *islice(filler, len(words) - share)]) for share in shares), text]
    return "\n\n".join(f"{word} {number}: {draft}" for number, draft in enumerate(drafts, start=1))


def _chosen(name: str, share: float) -> bool:
    return int.from_bytes(blake2b(name.encode(), digest_size=4).digest(), "big") < share * 2**32


def _another(kind: Kind, tasks: list[Task], task: Task) -> Task:
    """The next row whose answer means something else; the row itself where there is none."""
    assert task.reference is not None
    at, own = tasks.index(task), kind.canonical(task.reference.text, task)
    others = tasks[at + 1 :] + tasks[:at]
    return next((o for o in others if o.reference and kind.canonical(o.reference.text, o) != own), task)
