"""Who may come in: people invited by name, each by a secret link of his own.

Enters: names. Leaves: a secret of 256 bits for each, told once; the file (mode 0600) keeps its SHA-256 only, so who
reads the file comes in by nothing of it. Such a secret cannot be guessed, so a plain hash is enough (NIST SP 800-63B,
5.1.2.2). A new link ends the old one and every session that it opened.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from imbik.core.errors import UsageError
from imbik.core.files import read_json, write_json
from imbik.core.types import Record

MEMBERS = "reviewers.json"
"""Where the people of a run's pages lie in its folder."""
_NAME = re.compile(r"[^\W_][\w.@-]{0,63}")


class Member(Record, frozen=True, kw_only=True):
    """One person: the hash of the secret, and since when it holds."""

    token: str
    since: str


class Members:
    """The people of one file. Read again whenever it has changed: people can be invited while a page is served."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: tuple[int, int] | None = None
        self._known: dict[str, Member] = {}

    def names(self) -> Sequence[str]:
        """Everybody who was invited, in that order."""
        return list(self._read())

    def invite(self, name: str, *, again: bool = False) -> str | None:
        """The secret of somebody new; None for who has one already, unless a new one is asked for.

        Raises: UsageError for what is no name.
        """
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"'{name:.40}' is no name for a person here",
                next="use letters, digits and . _ - @, beginning with a letter or digit (ayse, mehmet.oz)",
            )
        with self._locked():
            known = dict(self._read())
            if name in known and not again:
                return None
            token = secrets.token_urlsafe(32)
            since = datetime.now(UTC).isoformat(timespec="seconds")
            write_json(self.path, {**known, name: Member(token=_hash(token), since=since)})
        return token

    def holder(self, token: str) -> str | None:
        """Whose secret this is. Every one is compared, each in constant time."""
        given, found = _hash(token), None
        for name, member in self._read().items():
            if hmac.compare_digest(member.token, given):
                found = name
        return found

    def seal(self, name: str) -> bytes | None:
        """What a person's sessions are sealed with: it changes with the secret. None for nobody."""
        member = self._read().get(name)
        return None if member is None else hashlib.sha256(b"imbik session\0" + member.token.encode()).digest()

    def _read(self) -> dict[str, Member]:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return {}
        if self._stamp != (found.st_ino, found.st_mtime_ns):
            self._known = read_json(self.path, dict[str, Member])
            self._stamp = (found.st_ino, found.st_mtime_ns)
        return self._known

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One writer at a time."""
        lock = os.open(self.path.parent, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogateescape")).hexdigest()
