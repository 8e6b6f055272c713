"""Verdicts given elsewhere: our JSON lines, or the JSON of Label Studio or Argilla, found out from the file itself.

Enters: a file. A verdict names its row by `content` (the key itself), or by `row`: a sample's id, or its task's where
that has one kept sample. Leaves: verdicts in the store, all or none; and what was left out: edits without a text, and
where that is wanted rows that are not here. Verdicts that are in the store already are not added again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from imbik.core.errors import InputError
from imbik.core.misspelt import explain_decoding
from imbik.core.runfolder import RunFolder, read_parts
from imbik.core.types import Sample, Verdict
from imbik.review.content import content_key
from imbik.review.forms import Found, argilla, label_studio, score_of
from imbik.review.forms.lines import EXAMPLE, Line
from imbik.review.store import ExpertVerdict, add_verdicts, verdicts_of

_KEY = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Imported:
    """How many verdicts were added and how many were there already, and `place: why` for those that were left out."""

    added: int
    refused: tuple[str, ...]
    already: int = 0


def import_verdicts(
    run: RunFolder,
    path: Path,
    rubric: Sequence[str] = (),
    names: Mapping[str, str] | None = None,
    *,
    known_only: bool = False,
) -> Imported:
    """Read a file of verdicts into the store. `names` are people by what the tool calls them; `known_only` leaves out
    verdicts on rows that this run does not keep.

    Raises: InputError for a file that is missing, a part that is no verdict, a person who says two things of one row,
    and rows that this run does not keep; then none is added.
    """
    keys, there = _keys(run), verdicts_of(run)
    added, refused, already = list[ExpertVerdict](), list[str](), 0
    unknown, read, places = list[str](), 0, dict[tuple[str, str], str]()
    here = frozenset(keys.values())
    for found in _read(path, rubric, names or {}):
        given, read = found.verdict, read + 1
        content = given.content or keys.get(given.row, "")
        if found.refused:
            refused.append(f"{found.place}: {found.refused}")
            continue
        if content not in here:
            called = given.row or f"{given.content[:12]}…"
            unknown.append(f"{found.place}: row '{called}' is not among the kept samples of this run")
            continue
        _once(places, (content, given.verdict.by), found.place)
        given = msgspec.structs.replace(given, content=content)
        if any(_same(given, other) for other in there.get(content, ())):
            already += 1
        else:
            added.append(given)
    if unknown and not known_only:
        raise _stray(unknown, read, path)
    if added:
        add_verdicts(run, added)
    return Imported(len(added), (*unknown, *refused), already)


def _once(places: dict[tuple[str, str], str], said: tuple[str, str], place: str) -> None:
    """A person says one thing of a row.

    Raises: InputError where he stands in the file twice.
    """
    if (first := places.setdefault(said, place)) != place:
        raise InputError(
            f"{said[1]:.60} judges one row twice, here and at {first}",
            where=place,
            next="leave one of them in the file",
        )


def _stray(unknown: Sequence[str], read: int, path: Path) -> InputError:
    """Rows that are not here: some have changed, or the file is of another run."""
    if len(unknown) == read:
        what = "none of its rows is among the kept samples of this run: it is of another run, or all were made again"
    else:
        what = f"{len(unknown):,} of {read:,} verdicts are on rows that this run does not keep"
    first = unknown[0].removeprefix(str(path))
    return InputError(
        f"{what}; nothing was added (the first: {first})",
        where=str(path),
        next="name the run it was exported from; or --known-only leaves these out",
    )


def _same(given: ExpertVerdict, other: ExpertVerdict) -> bool:
    """Whether a person says the same of the same; when he did, and how long it took him, is no verdict."""
    return _bare(given) == _bare(other)


def _bare(given: ExpertVerdict) -> ExpertVerdict:
    return msgspec.structs.replace(given, at="", seconds=0.0, row="")


def _read(path: Path, rubric: Sequence[str], names: Mapping[str, str]) -> Iterator[Found]:
    try:
        data = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", where=str(path), next="give JSON lines, or JSON of another tool"
        ) from None
    items = _array(data, path) if data.lstrip()[:1] == b"[" else _lines(data, path)
    for place, raw in items:
        yield from _item(raw, place, rubric, names)


def _item(raw: msgspec.Raw | bytes, place: str, rubric: Sequence[str], names: Mapping[str, str]) -> Iterator[Found]:
    """The verdicts of one item or line, in whichever form it is."""
    try:
        keys = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError):
        keys = {}
    read = label_studio.read if "data" in keys else argilla.read if "fields" in keys else None
    found = read(msgspec.Raw(raw), place, rubric, names) if read else iter([_line(bytes(raw), place, names)])
    for item in found:
        if item.verdict.content and not _KEY.fullmatch(item.verdict.content):
            raise InputError(
                f"'{item.verdict.content:.20}' is no key of a content (64 hex digits)", where=f"{item.place} content"
            )
        if not item.verdict.content and not item.verdict.row:
            raise InputError(
                "this names no row", where=item.place, next="keep `content` and `row` as they were exported"
            )
        yield item


def _array(data: bytes, path: Path) -> Iterator[tuple[str, msgspec.Raw]]:
    try:
        items = msgspec.json.decode(data, type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"this is no JSON array ({error})", where=str(path)) from None
    for number, raw in enumerate(items):
        yield f"{path}[{number}]", raw


def _lines(data: bytes, path: Path) -> Iterator[tuple[str, bytes]]:
    for number, line in enumerate(data.splitlines(), start=1):
        if line.strip():
            yield f"{path}:{number}", line


def _line(line: bytes, place: str, names: Mapping[str, str]) -> Found:
    try:
        read = msgspec.json.decode(line, type=Line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        why = explain_decoding(error, Line)
        raise InputError(f"this line is no verdict ({why})", where=place, next=f"one line is {EXAMPLE}") from None
    if not read.by.strip() or not (read.row or read.content):
        raise InputError("a verdict names its expert (`by`) and its row", where=place, next=f"one line is {EXAMPLE}")
    for name, score in read.scores.items():
        score_of(score, f"{place} scores.{name}")
    said = Verdict(by=names.get(read.by, read.by), keep=read.keep, reason=read.reason, score=read.score)
    made = ExpertVerdict(
        content=read.content, verdict=said, row=read.row, answer=read.answer, reasoning=read.reasoning, at=read.at,
        blind=read.blind, scores=read.scores, seconds=read.seconds,
    )  # fmt: skip
    return Found(place=place, verdict=made)


def _keys(run: RunFolder) -> dict[str, str]:
    """Content by sample id, and by task id where that is one sample."""
    keys: dict[str, str] = {}
    tasks: dict[str, list[str]] = {}
    for sample in read_parts(run.stage("3_refined"), Sample):
        keys[sample.id] = content_key(sample)
        tasks.setdefault(sample.task.id, []).append(keys[sample.id])
    return {name: found[0] for name, found in tasks.items() if len(found) == 1} | keys
