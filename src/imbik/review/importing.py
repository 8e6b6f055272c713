"""Verdicts given elsewhere, as JSON lines: `{"row": "t1#yerel#0", "by": "ayse", "keep": false, "reason": "…"}`.

Enters: a file. `row` is a sample's id (or its task's, where the task has one kept sample), or `content` the key itself;
`answer` and `reasoning` are edits. Leaves: verdicts in the store, all or none, and the lines whose row is not here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from imbik.core.errors import InputError
from imbik.core.runfolder import RunFolder, read_parts
from imbik.core.types import Record, Sample, Verdict
from imbik.review.content import content_key
from imbik.review.store import ExpertVerdict, add_verdicts

_EXAMPLE = '{"row": "ID", "by": "NAME", "keep": true, "reason": "…"}'


class _Line(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    by: str
    keep: bool
    row: str = ""
    content: str = ""
    reason: str = ""
    score: float | None = None
    answer: str | None = None
    reasoning: str | None = None
    at: str = ""
    blind: bool = False


@dataclass(frozen=True)
class Imported:
    """How many verdicts were added, and `file:line: why` for those that were not."""

    added: int
    refused: tuple[str, ...]


def import_verdicts(run: RunFolder, path: Path) -> Imported:
    """Read a file of verdicts into the store.

    Raises: InputError for a file that is missing, or a line that is no verdict; then none is added.
    """
    keys = _keys(run)
    found, refused = list[ExpertVerdict](), list[str]()
    for number, line in enumerate(_read(path), start=1):
        if not line.strip():
            continue
        read = _decode(line, f"{path}:{number}")
        content = read.content or keys.get(read.row, "")
        if not content:
            refused.append(f"{path}:{number}: row '{read.row}' is not among the kept samples of this run")
            continue
        verdict = Verdict(by=read.by, keep=read.keep, reason=read.reason, score=read.score)
        found.append(
            ExpertVerdict(
                content=content,
                verdict=verdict,
                row=read.row,
                answer=read.answer,
                reasoning=read.reasoning,
                at=read.at,
                blind=read.blind,
            )
        )
    if found:
        add_verdicts(run, found)
    return Imported(len(found), tuple(refused))


def _read(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().removeprefix(b"\xef\xbb\xbf").splitlines()
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", where=str(path), next="give a file of JSON lines"
        ) from None


def _decode(line: bytes, where: str) -> _Line:
    try:
        read = msgspec.json.decode(line, type=_Line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"this line is no verdict ({error})", where=where, next=f"one line is {_EXAMPLE}") from None
    if not read.by.strip() or not (read.row or read.content):
        raise InputError("a verdict names its expert (`by`) and its row", where=where, next=f"one line is {_EXAMPLE}")
    return read


def _keys(run: RunFolder) -> dict[str, str]:
    """Content by sample id, and by task id where that is one sample."""
    keys: dict[str, str] = {}
    tasks: dict[str, list[str]] = {}
    for sample in read_parts(run.stage("3_refined"), Sample):
        keys[sample.id] = content_key(sample)
        tasks.setdefault(sample.task.id, []).append(keys[sample.id])
    return {name: found[0] for name, found in tasks.items() if len(found) == 1} | keys
