"""What must not come back: keyed fingerprints of rows and persons that were erased, for all runs of a folder.

Enters: a row (id and text) or the needles of a person, when they are erased. Leaves: `suppressed.jsonl` in the folder
of runs, with a keyed fingerprint a line and never the text (keyed BLAKE2b, RFC 7693, with a key that lies beside it,
mode 0600). The tasks stage asks it of every row it reads, so a rerun from the same seed file puts erased rows into
quarantine, with the reason, instead of into the run. Whoever must take a person in again deletes that person's lines.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections import defaultdict
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Literal

from imbik.core.errors import RunFolderError
from imbik.core.files import disk_errors, read_lines, write_bytes, write_lines
from imbik.core.types import Record
from imbik.privacy.person import Needle, forms, squeezed

FILE_NAME = "suppressed.jsonl"
KEY_NAME = ".suppression.key"
Why = Literal["forget", "retain"]
REASONS: dict[Why, str] = {
    "forget": "erased on request (KVKK art. 7)",
    "retain": "destroyed when its retention period ended",
}


class Suppressed(Record, frozen=True, kw_only=True):
    """One line. `shape` is `row` or that of a person's needle; `receipt` names the erasure it belongs to."""

    shape: str
    print: str
    why: Why
    receipt: str


class Suppression:
    """The list of one folder of runs, as it was when it was loaded."""

    def __init__(self, runs: Path, lines: Sequence[Suppressed], key: bytes) -> None:
        self.runs, self._key = runs, key
        self._known: dict[str, dict[str, Why]] = defaultdict(dict)
        for line in lines:
            self._known[line.shape][line.print] = line.why

    @classmethod
    def load(cls, runs: Path) -> Suppression:
        """The list of a folder; an empty one where nothing was erased.

        Raises: RunFolderError when there is a list and its key is gone: erased rows would come back unseen.
        """
        path = runs / FILE_NAME
        lines = list(read_lines(path, Suppressed)) if path.exists() else []
        return cls(runs, lines, _key(runs, make=False) if lines else b"")

    def __bool__(self) -> bool:
        return bool(self._known)

    def reason(self, row: str, text: str, texts: Iterable[str]) -> str:
        """Why a row must stay out: its id and text, or a person in any of its texts. '' where nothing says so."""
        known = self._known.get("row", {})
        if known and (why := known.get(row_print(self._key, row, text))):
            return REASONS[why]
        shapes = [shape for shape in self._known if shape != "row"]
        for item in texts if shapes else ():
            for shape in shapes:
                known = self._known[shape]
                for form in forms(item, shape):
                    if why := known.get(needle_print(self._key, Needle(shape, form))):
                        return REASONS[why]
        return ""


def suppress(runs: Path, *, rows: Iterable[tuple[str, str]], needles: Iterable[Needle], why: Why, receipt: str) -> int:
    """Add rows (id, text) and a person's needles to a folder's list; returns how many were new.

    Raises: DiskFullError; RunFolderError when the key is damaged.
    """
    key = _key(runs, make=True)
    path = runs / FILE_NAME
    with _locked(runs):
        before = list(read_lines(path, Suppressed)) if path.exists() else []
        known = {(line.shape, line.print) for line in before}
        wanted = [("row", row_print(key, row, text)) for row, text in rows]
        wanted += [(needle.shape, needle_print(key, needle)) for needle in needles]
        new = [item for item in dict.fromkeys(wanted) if item not in known]
        lines = [Suppressed(shape=shape, print=found, why=why, receipt=receipt) for shape, found in new]
        if lines:
            write_lines(path, [*before, *lines])
    return len(new)


def person_print(runs: Path, needles: Iterable[Needle]) -> str:
    """One keyed fingerprint for a person: what a receipt names the person by."""
    key = _key(runs, make=True)
    return _print(key, "\n".join(sorted(f"{needle.shape} {needle.text}" for needle in needles)))


def row_print(key: bytes, row: str, text: str) -> str:
    """The keyed fingerprint of a row: its id and its words."""
    return _print(key, f"row\n{row}\n{squeezed(text)}")


def needle_print(key: bytes, needle: Needle) -> str:
    """The keyed fingerprint of a name or identifier."""
    return _print(key, f"{needle.shape}\n{needle.text}")


def _print(key: bytes, text: str) -> str:
    return blake2b(text.encode(errors="surrogatepass"), key=key, digest_size=16).hexdigest()


def _key(runs: Path, *, make: bool) -> bytes:
    """The folder's key; of two processes that make one at once, the first wins."""
    path = runs / KEY_NAME
    if not path.exists() and make and not (runs / FILE_NAME).exists():
        with disk_errors(path):
            runs.mkdir(parents=True, exist_ok=True, mode=0o700)
            draft = path.with_name(f"{path.name}.{os.getpid()}")
            write_bytes(draft, secrets.token_bytes(32))
            try:
                os.link(draft, path)
            except FileExistsError:
                pass
            finally:
                draft.unlink()
    key = path.read_bytes() if path.exists() else b""
    if len(key) != 32:
        raise RunFolderError(
            "the key of the list of erased rows is missing or damaged, so they could come back unseen",
            where=str(path),
            next=f"restore it from a backup; without one, erase again and move {FILE_NAME} away",
        )
    return key


class _locked:  # noqa: N801 - reads as a verb
    """One writer of the list at a time."""

    def __init__(self, runs: Path) -> None:
        self._path = runs / ".suppression.lock"

    def __enter__(self) -> None:
        self._file = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        os.close(self._file)
