"""Which stored answers were given for a row: the keys of every question that this run's recipe makes of it.

Enters: the run's recipe, tasks, the identities of all who answered anything in the store (so those of an audition, and
of teachers that the recipe names no more, count too). Leaves: keys of the answer store. Where the recipe has rows
pseudonymised, the question is also worded as it left; one that was redacted holds nobody any more and is anybody's. A
question of another kind (a judge's) or under another instruction has another key: what such an answer says of the
person is found by its text instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from imbik.ask.key import question_key
from imbik.core.errors import ImbikError
from imbik.core.questions import Question
from imbik.core.runfolder import RunFolder
from imbik.core.types import Task
from imbik.privacy.cleaning import Pseudonymiser
from imbik.privacy.inspection import InspectionError, Inspector
from imbik.privacy.operator import Operator
from imbik.privacy.vault import FILE_NAME as VAULT
from imbik.privacy.vault import Vault
from imbik.recipe import Recipe
from imbik.tasks.questions import question_of
from imbik.tasks.read import kind_of

Wording = Callable[[Question], Question]


def answer_keys(
    recipe: Recipe, run: RunFolder, tasks: Iterable[Task], identities: Sequence[str], operator: Operator
) -> tuple[set[bytes], list[str]]:
    """Keys of all answers that may have been given for these tasks, and what could not be known."""
    wanted, found, notes = list(tasks), set[bytes](), list[str]()
    if not wanted or not identities:
        return found, notes
    questions = list(_questions(recipe, run, wanted))
    for question in questions:
        found |= set(_keys(question, identities))
    path = run.home / VAULT
    if recipe.privacy.clean == "pseudonymise" and path.exists():
        vault = Vault(path)
        try:
            worded = _pseudonymised(vault, Inspector(operator))
            for question in questions:
                found |= set(_keys(worded(question), identities))
        except (ImbikError, InspectionError) as error:
            notes.append(f"answers to pseudonymised questions were looked for by text only ({_first(error)})")
        finally:
            vault.close()
    return found, notes


def _questions(recipe: Recipe, run: RunFolder, tasks: Iterable[Task]) -> Iterator[Question]:
    """Every sample of every task, as the recipe words it."""
    kind, most = kind_of(recipe, run), max(recipe.generate.samples.max, recipe.generate.samples.min, 1)
    for task in tasks:
        yield from (question_of(recipe, kind, "", task, number) for number in range(most))


def _keys(question: Question, identities: Sequence[str]) -> Iterator[bytes]:
    """The key under every identity, asked here or served; half a character makes no question."""
    for identity in identities:
        for local in (False, True):
            try:
                yield question_key(identity, question, local=local)
            except UnicodeEncodeError:
                return


def _pseudonymised(vault: Vault, inspector: Inspector) -> Wording:
    cleaner = Pseudonymiser(inspector, vault)

    def worded(question: Question) -> Question:
        texts = cleaner.clean([message.content for message in question.messages]).texts
        messages = tuple(
            msgspec.structs.replace(message, content=text)
            for message, text in zip(question.messages, texts, strict=True)
        )
        return msgspec.structs.replace(question, messages=messages)

    return worded


def _first(error: Exception) -> str:
    return str(error).splitlines()[0]


def local_sources(recipe: Recipe) -> list[Path]:
    """The files of the recipe's sources that are on this machine."""
    from imbik.tasks.load import source_files

    try:
        return [path for path in source_files(recipe) if path.exists()]
    except (ImbikError, OSError):
        return []
