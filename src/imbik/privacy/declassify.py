"""Declassifying by hand: two people say, each with a key of their own, that a row may be treated as less private.

Enters: rows of a run, and the word of a person whose public key stands in the operator's file. Leaves: a signed line in
`declassified.jsonl` beside the stages, so that it outlives what is generated anew, and an audit line. A word counts for
a row only as it was: for its content, and for what the detectors found in it then. When two different people have given
theirs, the tasks stage lowers the row's mark, and the door lets pass exactly what both have seen; anything else that is
found raises the row as before.

What a signature proves is that the holder of the key agreed (Ed25519, RFC 8032), and that nobody changed what they
agreed to, whoever owns the run folder. That the key is in that person's hands alone is for them and the operator to see
to; a name without a key could be typed by anybody, so it declassifies nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from imbik.core.errors import BlockedError, OperatorFileError, RunFolderError, UsageError
from imbik.core.files import canonical_json, digest_value, disk_errors, read_lines
from imbik.core.misspelt import closest
from imbik.core.types import Record, Sensitivity, Task
from imbik.privacy.audit import Audit, Entry
from imbik.privacy.inspection import Hit, InspectionError, Inspector, level_of
from imbik.privacy.operator import Operator
from imbik.privacy.sensitivity import highest, inherited
from imbik.privacy.signing import fingerprint, public_bytes, sign_bytes, signed_by

FILE_NAME = "declassified.jsonl"
_SIGNS = "imbik declassify 1"
_PEOPLE = 2


class Seen(Record, frozen=True, kw_only=True):
    """A row as a person saw it: keyed hashes of its id, its content, and each thing found in it."""

    row: str
    content: str
    found: tuple[str, ...] = ()


class Word(Record, frozen=True, kw_only=True):
    """What one person said of some rows, and their signature of everything before it."""

    signs: str
    by: str
    to: Sensitivity
    rows: tuple[Seen, ...]
    time: str
    key: str = ""
    signature: str = ""

    def statement(self) -> bytes:
        """What is signed."""
        return canonical_json(msgspec.structs.replace(self, key="", signature=""))


Agreed = Mapping[tuple[str, str], tuple[frozenset[str], Sensitivity]]
"""For a row and its content (keyed) what two people saw in it, and the level they gave it."""
Keyed = Callable[[str], str]
"""A hash under the run's own key: what holds it names neither rows nor values."""


class Lowered:
    """Rows that two people agreed on, by what was found in them: what the door honours."""

    def __init__(
        self, agreed: Mapping[str, tuple[frozenset[str], Sensitivity]] | None = None, keyed: Keyed = str
    ) -> None:
        self._agreed, self._keyed = dict(agreed or {}), keyed

    def settled(self, hits: frozenset[Hit], rows: Sequence[str]) -> tuple[frozenset[Hit], bool]:
        """The hits, those agreed on for all of the rows at the level agreed; and whether the rows are such rows."""
        if not self._agreed:
            return hits, False
        agreed = [self._agreed.get(self._keyed(row)) for row in rows]
        known = [item for item in agreed if item is not None]
        if not known or len(known) < len(agreed):
            return hits, False
        to = highest(level for _, level in known)
        common = frozenset.intersection(*(found for found, _ in known))
        seen = {hit for hit in hits if hit.level.rank > to.rank and _print(self._keyed, hit) in common}
        return frozenset(hit._replace(level=to) if hit in seen else hit for hit in hits), True


def lowered(task: Task, agreed: Agreed, keyed: Keyed) -> Task:
    """The task at the level that two people gave it, where it is the one they saw; never at a higher one."""
    found = agreed.get((keyed(task.id), content_of(keyed, task))) if agreed else None
    if found is None or found[1].rank >= task.sensitivity.rank:
        return task
    return msgspec.structs.replace(task, sensitivity=found[1])


def for_the_door(tasks: Iterable[Task], agreed: Agreed, keyed: Keyed) -> Lowered:
    """What the door honours of these tasks: only what is as it was seen."""
    standing = {}
    for task in tasks if agreed else ():
        row = keyed(task.id)
        if found := agreed.get((row, content_of(keyed, task))):
            standing[row] = found
    return Lowered(standing, keyed)


class Saying(NamedTuple):
    """Who says what, and with which private key."""

    by: str
    to: Sensitivity
    key_file: Path


def declassify(folder: Path, tasks: Sequence[Task], word: Saying, operator: Operator, audit: Audit) -> list[str]:
    """Write one person's word for these rows, after a line in the audit chain; returns the ids of those that another
    person agreed on as well.

    Raises: OperatorFileError for a person or key that the operator's file does not name; UsageError for one person
    twice, a wrong key, or rows of which there is nothing to lower; BlockedError when a detector fails.
    """
    public = _key_of(word.by, operator)
    inspector = Inspector(operator)
    seen = tuple(_see(task, word.to, inspector, audit.keyed) for task in tasks)
    _refuse_twice(word, seen, [said for said in _words(folder) if _holds(said, operator)])
    now = datetime.now(UTC).isoformat(timespec="seconds")
    draft = Word(signs=_SIGNS, by=word.by, to=word.to, rows=seen, time=now)
    shown, signature = sign_bytes(draft.statement(), word.key_file)
    if shown != public:
        raise UsageError(f"this is not the key of {word.by} in the operator's file", where=str(word.key_file))
    line = canonical_json(msgspec.structs.replace(draft, key=shown, signature=signature.hex())) + b"\n"
    audit.append([_entry(word, shown, [task.id for task in tasks], operator)])
    path = folder / FILE_NAME
    with disk_errors(path), open(os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600), "ab") as stream:
        stream.write(line)
        stream.flush()
        os.fsync(stream.fileno())
    agreed = agreed_in(folder, operator)
    return [task.id for task, item in zip(tasks, seen, strict=True) if (item.row, item.content) in agreed]


def _entry(word: Saying, key: str, rows: Sequence[str], operator: Operator) -> Entry:
    reason = f"{word.by} lets these rows be treated as {word.to.value}, signed with key {fingerprint(key)}"
    return Entry("", word.to.value, "", "", "", reason, tuple(rows), operator.hash, event="declassify")


def agreed_in(folder: Path, operator: Operator) -> Agreed:
    """All that two people named in this operator's file agreed on in a run.

    Raises: RunFolderError when the file cannot be read.
    """
    said: dict[tuple[str, str], dict[str, tuple[frozenset[str], Sensitivity]]] = {}
    for word in _words(folder):
        if _holds(word, operator):
            for item in word.rows:
                said.setdefault((item.row, item.content), {})[word.by] = (frozenset(item.found), word.to)
    return {
        spot: (
            frozenset.intersection(*(found for found, _ in words.values())),
            highest(level for _, level in words.values()),
        )
        for spot, words in said.items()
        if len(words) >= _PEOPLE
    }


def people(operator: Operator) -> dict[str, str]:
    """Who may declassify, with their public keys ('' where none is given): `declassifiers: [ayse ed25519:…]`.

    Raises: OperatorFileError where one name or one key stands for two.
    """
    found: dict[str, str] = {}
    for line in operator.declassifiers:
        name, _, key = line.strip().partition(" ")
        key = key.strip()
        if key:
            public_bytes(key)
        if name in found or (key and key in found.values()):
            raise OperatorFileError(
                f"two declassifiers share {'a name' if name in found else 'a key'}: {name}",
                where=str(operator.path or "operator.yaml"),
                next="two people have two names and two keys",
            )
        found[name] = key
    return found


def content_of(keyed: Keyed, task: Task) -> str:
    """A keyed hash of all that a row says; where it stands in its file and how private it is are no part of it."""
    bare = msgspec.structs.replace(task, sensitivity=Sensitivity.CONFIDENTIAL, source=None, set="")
    return keyed(f"content {digest_value(bare)}")


def words_of(task: Task) -> list[str]:
    """Every text of a row that a question may be made of."""
    reference = task.reference
    turns = getattr(reference, "turns", ())
    known = [reference.text, reference.reasoning, *turns] if reference else []
    held = [*(message.content for message in task.messages), task.passage, task.schema, *task.fields.values()]
    return [text for text in [*held, *known, *(item.text for item in task.recorded)] if text]


def _print(keyed: Keyed, hit: Hit) -> str:
    return keyed(f"found {hit.detector} {hit.value}")


def _see(task: Task, to: Sensitivity, inspector: Inspector, keyed: Keyed) -> Seen:
    """A row as it is now.

    Raises: UsageError where it is no more private than that.
    """
    try:
        hits = inspector.look(words_of(task))
    except InspectionError as error:
        raise BlockedError(
            f"{error}, and nobody can agree to what was not looked into", where=f"row {task.id}"
        ) from None
    level = inherited(task.sensitivity, level_of(hits))
    if to.rank >= level.rank:
        raise UsageError(
            f"row '{task.id}' is {level.value}, and {to.value} is not lower", where="--to", next="name a lower level"
        )
    found = tuple(sorted(_print(keyed, hit) for hit in hits))
    return Seen(row=keyed(task.id), content=content_of(keyed, task), found=found)


def _key_of(by: str, operator: Operator) -> str:
    named = people(operator)
    where = str(operator.path or "operator.yaml")
    if by not in named:
        have = closest(by, list(named)) if named else "it names nobody"
        raise OperatorFileError(f"the operator's file does not let '{by}' declassify; {have}", where=where)
    if not named[by]:
        raise OperatorFileError(
            f"the operator's file names '{by}' without a key, and a name alone could be typed by anybody",
            where=where,
            next=f"imbik privacy key new {by}.pem, then write under declassifiers: '{by} ed25519:…'",
        )
    return named[by]


def _refuse_twice(word: Saying, seen: Sequence[Seen], before: Sequence[Word]) -> None:
    """One person is one person, however often they say it."""
    mine = {
        (item.row, item.content) for said in before if said.by == word.by for item in said.rows if said.to is word.to
    }
    if all((item.row, item.content) in mine for item in seen):
        raise UsageError(
            f"{word.by} has said so already; a second person has to agree", where="--by", next="--by the other's name"
        )


def _holds(word: Word, operator: Operator) -> bool:
    """Whether a word counts: of a person who is named now, under the key that is theirs now."""
    key = people(operator).get(word.by, "")
    if not key or key != word.key or word.signs != _SIGNS:
        return False
    try:
        return signed_by(key, bytes.fromhex(word.signature), word.statement())
    except ValueError:
        return False


def _words(folder: Path) -> list[Word]:
    """Raises: RunFolderError naming a line that cannot be read."""
    path = folder / FILE_NAME
    try:
        return list(read_lines(path, Word)) if path.exists() else []
    except RunFolderError as error:
        raise RunFolderError(
            f"what was declassified cannot be read, so nothing is: {error.what}", where=error.where, next=error.next
        ) from None
