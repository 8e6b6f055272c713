"""Trusting an operator's file that lies beside a recipe: its hash is pinned in the user's own configuration.

Enters: the path of a file. Leaves: a line in `trusted.json` of the user's configuration folder (resolved path ->
SHA-256). A recipe, or a cloned folder, cannot write there, so it can never grant itself anything; a changed file is
no longer the one that was trusted.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec

from imbik.core.errors import OperatorFileError
from imbik.core.files import write_json


def config_folder() -> Path:
    """The user's configuration folder of imbik (XDG base directory specification)."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "imbik"


def fingerprint(data: bytes) -> str:
    """Hex SHA-256 of an operator's file: what is pinned, and what every audit line carries."""
    return hashlib.sha256(data).hexdigest()


def trust(file: str | Path) -> str:
    """Pin the file as it is now; returns the hash.

    Raises: OperatorFileError when it cannot be read or is not a valid operator's file.
    """
    from imbik.privacy.operator import read_operator

    path = Path(file).expanduser().resolve()
    operator = read_operator(path)
    write_json(_pins_file(), {**_pins(), str(path): operator.hash})
    return operator.hash


def pinned(path: Path) -> str:
    """The hash pinned for a file, or empty when it was never trusted."""
    return _pins().get(str(path.resolve()), "")


def _pins_file() -> Path:
    return config_folder() / "trusted.json"


def _pins() -> dict[str, str]:
    path = _pins_file()
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        return {}
    except (msgspec.DecodeError, msgspec.ValidationError, OSError) as error:
        raise OperatorFileError(
            f"the list of trusted files cannot be read ({error})", where=str(path), next="remove it and trust again"
        ) from None
