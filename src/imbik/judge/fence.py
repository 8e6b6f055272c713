"""Fences: what is judged is set apart by a nonce that whoever wrote it cannot guess, and said to be data.

Enters: the parts of what is judged (question, passage, reasoning, answer), a secret of the runs' folder. Leaves: the
nonce, and the parts between lines that hold it. The nonce is a keyed hash (HMAC-SHA256, RFC 2104) of the secret and all
of the content: the same content has the same fence, so that its stored verdict is found again; content that was changed
has another, so that a fence seen once is of no use; and without the secret nobody can say what it will be.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from imbik.core.errors import RunFolderError
from imbik.core.files import canonical_json

FILE = "judge.key"
"""What the secret is called beside the answer store."""
_BYTES = 32
_NONCE = 32  # hex digits: 128 bits


def secret_of(runs: Path) -> bytes:
    """The secret of a folder of runs, made on first use.

    Raises: RunFolderError for a file that is none.
    """
    path = runs / FILE
    runs.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f".{FILE}.{os.getpid()}.tmp")
    if not path.exists():
        with os.fdopen(os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as stream:
            stream.write(secrets.token_bytes(_BYTES))
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(fresh, path)  # whole or not at all, and the first of two processes wins
        except FileExistsError:
            pass
        finally:
            fresh.unlink(missing_ok=True)
    found = path.read_bytes()
    if len(found) != _BYTES:
        raise RunFolderError(
            f"this is no secret of {_BYTES} bytes",
            where=str(path),
            next="remove it: a new one is made, and judges are then asked again",
        )
    return found


def nonce_of(secret: bytes, parts: Mapping[str, str]) -> str:
    """32 hex digits for this content under this secret; half characters, which no teacher can be sent, are escaped."""
    content = canonical_json({name: text.encode(errors="backslashreplace").decode() for name, text in parts.items()})
    return hmac.new(secret, content, hashlib.sha256).hexdigest()[:_NONCE]


def fenced(nonce: str, parts: Mapping[str, str]) -> str:
    """Each part between two lines that name it and hold the nonce; empty parts are left out."""
    return "\n\n".join(f"[{nonce} {name}]\n{text}\n[/{nonce} {name}]" for name, text in parts.items() if text.strip())


def unfenced(nonce: str, text: str) -> dict[str, str]:
    """The parts that stand between the fences of a nonce: what a reader who knows it sees.

    Raises: ValueError where the fences do not close one another in order.
    """
    found: dict[str, str] = {}
    name, held = "", list[str]()
    for line in text.split("\n"):
        if nonce not in line:
            held.append(line)
        elif not name and line.startswith(f"[{nonce} ") and line.endswith("]"):
            name, held = line[len(nonce) + 2 : -1], []
        elif name and line == f"[/{nonce} {name}]":
            found[name], name = "\n".join(held), ""
        elif name:
            raise ValueError(f"a fence inside '{name}'")
    if name:
        raise ValueError(f"'{name}' is not closed")
    return found
