"""The vault: which placeholder stands for which value, so that pseudonyms are the same in every run of a folder.

Enters: found values (KVKK art. 3 `kişisel veri`). Leaves: short names such as `TCKN_3F2A`, and the value behind one for
whoever holds the key. `vault.sqlite` lies beside the answer store; values in it are encrypted (AES-256-GCM), and it is
looked up by keyed hashes, so the file alone gives nothing away. Its key lies in the user's configuration folder, mode
0600: a run folder that is copied or shared holds pseudonyms and no way back.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from imbik.core.databases import transaction, write_ahead
from imbik.core.errors import DiskFullError, RunFolderError
from imbik.core.files import write_bytes
from imbik.privacy.inspection import normal_value
from imbik.privacy.trust import config_folder

FILE_NAME = "vault.sqlite"
SHORTEST, LONGEST = 4, 32  # digits of a placeholder
_APPLICATION = 0x696D6276  # "imbv", in the header of the file
_VERSION = 1
_NONCE = 12  # bytes (NIST SP 800-38D)
_CHECK = b"imbik vault"
_TABLES = (
    "CREATE TABLE about (id TEXT NOT NULL, sealed BLOB NOT NULL)",
    """CREATE TABLE names (
        value BLOB PRIMARY KEY,  -- keyed hash of kind and value
        label TEXT NOT NULL, digits TEXT NOT NULL,  -- TCKN, 3F2A
        sealed BLOB NOT NULL,    -- the value, encrypted
        UNIQUE (label, digits)
    )""",
)


class Name(NamedTuple):
    """A placeholder: `TCKN_3F2A` by its label and digits; `all_digits` are those it would have at its longest."""

    label: str
    digits: str
    all_digits: str


class Vault:
    """One folder's vault, made on first use; for one thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = None
        self._keys: tuple[bytes, bytes] = (b"", b"")
        self._known: dict[bytes, Name] = {}

    def names(self, values: Sequence[tuple[str, str]]) -> list[Name]:
        """The placeholder of each (detector, value), the same for ever.

        Raises: RunFolderError when the key is lost or wrong, or the file is damaged; DiskFullError.
        """
        with self._errors():
            connection = self._open()
            hashes = [self._hash(kind, value) for kind, value in values]
            if any(item not in self._known for item in hashes):
                with transaction(connection):
                    for (kind, value), item in zip(values, hashes, strict=True):
                        if item not in self._known:
                            self._known[item] = self._find_or_make(connection, kind, value, item)
            return [self._known[item] for item in hashes]

    def value(self, label: str, digits: str) -> str | None:
        """What a placeholder stands for, as it was first written; None where the vault does not know it.

        Raises: RunFolderError.
        """
        with self._errors():
            row = (
                self._open()
                .execute("SELECT sealed FROM names WHERE label = ? AND digits = ?", (label, digits.upper()))
                .fetchone()
            )
            return self._unseal(row[0], f"{label}_{digits.upper()}".encode()).decode() if row else None

    def placeholders(self, matches: Callable[[str], bool]) -> list[str]:
        """The placeholders (`TCKN_3F2A`) of every value that `matches`.

        Raises: RunFolderError.
        """
        with self._errors():
            rows = self._open().execute("SELECT label, digits, sealed FROM names").fetchall()
            named = [(f"{label}_{digits}", sealed) for label, digits, sealed in rows]
            return [name for name, sealed in named if matches(self._unseal(sealed, name.encode()).decode())]

    def forget(self, matches: Callable[[str], bool]) -> int:
        """Erase every value that `matches`, from the file's free pages and its log too; returns how many.

        Raises: RunFolderError.
        """
        with self._errors():
            connection = self._open()
            rows = connection.execute("SELECT value, label, digits, sealed FROM names").fetchall()
            gone = [row[0] for row in rows if matches(self._unseal(row[3], f"{row[1]}_{row[2]}".encode()).decode())]
            with transaction(connection):
                connection.executemany("DELETE FROM names WHERE value = ?", [(item,) for item in gone])
            if gone:
                connection.execute("VACUUM")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            for item in gone:
                self._known.pop(item, None)
            return len(gone)

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _find_or_make(self, connection: sqlite3.Connection, kind: str, value: str, item: bytes) -> Name:
        label = label_of(kind)
        longest = hmac.digest(self._keys[1], b"digits" + item, "sha256").hex().upper()[:LONGEST]
        row = connection.execute("SELECT label, digits FROM names WHERE value = ?", (item,)).fetchone()
        if row is not None:
            return Name(row[0], row[1], longest)
        for count in range(SHORTEST, LONGEST + 1):
            taken = "SELECT 1 FROM names WHERE label = ? AND digits = ?"
            if connection.execute(taken, (label, longest[:count])).fetchone() is None:
                break
        sealed = self._seal(value.encode(), f"{label}_{longest[:count]}".encode())
        connection.execute("INSERT INTO names VALUES (?, ?, ?, ?)", (item, label, longest[:count], sealed))
        return Name(label, longest[:count], longest)

    def _hash(self, kind: str, value: str) -> bytes:
        return hmac.digest(self._keys[1], f"{kind}\0{normal_value(kind, value)}".encode(), "sha256")

    def _seal(self, data: bytes, name: bytes) -> bytes:
        nonce = secrets.token_bytes(_NONCE)
        return nonce + AESGCM(self._keys[0]).encrypt(nonce, data, name)

    def _unseal(self, sealed: bytes, name: bytes) -> bytes:
        return AESGCM(self._keys[0]).decrypt(sealed[:_NONCE], sealed[_NONCE:], name)

    def _open(self) -> sqlite3.Connection:
        """The open file with its keys; made where there is none."""
        if self._connection is not None:
            return self._connection
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        connection = sqlite3.connect(self.path, timeout=60, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        with transaction(connection, "DEFERRED"):  # of one state: another process may be making the tables right now
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            application = connection.execute("PRAGMA application_id").fetchone()[0]
        if (version, application) not in {(0, 0), (_VERSION, _APPLICATION)}:
            raise RunFolderError(
                "this is no vault of imbik, or one of another version", where=str(self.path), next="move the file away"
            )
        write_ahead(connection)
        # A placeholder is made of the key and the value, so one that a power cut loses is made again.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA secure_delete = ON")
        with transaction(connection):
            if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
                self._make(connection)
                return
        identity, sealed = connection.execute("SELECT id, sealed FROM about").fetchone()
        self._keys = _halves(_read_key(_key_file(identity), self.path))
        try:
            self._unseal(sealed, _CHECK)
        except InvalidTag:
            raise RunFolderError(
                "this key is not the one that the vault was made with",
                where=str(_key_file(identity)),
                next=f"restore the right one from a backup; {_ANEW}",
            ) from None

    def _make(self, connection: sqlite3.Connection) -> None:
        identity, key = secrets.token_hex(8), secrets.token_bytes(32)
        file = _key_file(identity)
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_bytes(file, key)
        self._keys = _halves(key)
        for table in _TABLES:
            connection.execute(table)
        connection.execute("INSERT INTO about VALUES (?, ?)", (identity, self._seal(_CHECK, _CHECK)))
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        connection.execute(f"PRAGMA user_version = {_VERSION}")

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """What SQLite and the cipher say, in words."""
        try:
            yield
        except sqlite3.Error as error:
            kind = DiskFullError if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL else RunFolderError
            raise kind(
                f"the vault cannot be used ({error})", where=str(self.path), next="check its disk and permissions"
            ) from error
        except InvalidTag:
            raise RunFolderError(
                "a value in the vault was changed after it was written", where=str(self.path), next="restore a backup"
            ) from None


_ANEW = (
    "or move vault.sqlite away: pseudonyms then begin anew, rows sent under the old ones are asked again, and nobody "
    "can read the old vault any more"
)


def label_of(detector: str) -> str:
    """What a placeholder is called: the detector's name in capitals."""
    return "".join(char if char.isascii() and char.isalnum() else "_" for char in detector).upper()


def _key_file(identity: str) -> Path:
    return config_folder() / "vault-keys" / f"{identity}.key"


def _read_key(file: Path, vault: Path) -> bytes:
    try:
        key, mode = file.read_bytes(), file.stat().st_mode
    except OSError as error:
        raise RunFolderError(
            f"the key of this vault cannot be read ({error.strerror}), and without it no value comes back",
            where=str(vault),
            next=f"restore {file} from a backup; {_ANEW}",
        ) from None
    if mode & 0o077:
        raise RunFolderError("others may read the key of the vault", where=str(file), next=f"chmod 600 {file}")
    if len(key) != 32:
        raise RunFolderError("the key of the vault is damaged", where=str(file), next=f"restore a backup; {_ANEW}")
    return key


def _halves(key: bytes) -> tuple[bytes, bytes]:
    """One key for sealing and one for looking up."""
    return tuple(hashlib.blake2b(key, person=person, digest_size=32).digest() for person in (b"seal", b"find"))  # type: ignore[return-value]
