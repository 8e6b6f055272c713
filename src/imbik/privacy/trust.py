"""Trusting an operator's file that lies beside a recipe: its hash is pinned in the user's own configuration.

Enters: the path of a file. Leaves: a line in `trusted.json` of the user's configuration folder (path -> SHA-256). A
recipe, or a cloned folder, cannot write there, so it can never grant itself anything; a changed file is no longer the
one that was trusted. A link in a cloned folder to a file that is trusted elsewhere is one of its own, and not pinned.

Which folder the recipe of a run lay in is noted there too, so that the run folder alone (`imbik run RUN`, `imbik chat`)
is held by the same operator's file as the recipe that made it.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec

from imbik.core.errors import OperatorFileError
from imbik.core.files import write_json
from imbik.core.types import Record


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

    path = Path(file).expanduser()
    operator = read_operator(path)
    write_json(_pins_file(), {**_pins(), _place(path): operator.hash})
    return operator.hash


def pinned(path: Path) -> str:
    """The hash pinned for a file, or empty when it was never trusted."""
    return _pins().get(_place(path), "")


def note_origin(run: Path, recipe_folder: Path) -> None:
    """Note which folder a run's recipe lies in.

    Raises: DiskFullError; OperatorFileError where the note cannot be written and an operator's file beside the recipe
    would be lost sight of.
    """
    place, home = run.resolve(), recipe_folder.resolve()
    if home == place or origin(run) == home:
        return
    note = _origin_file(run)
    try:
        write_json(note, _Origin(run=str(place), recipe=str(home)))
    except OSError as error:
        if os.path.lexists(home / "operator.yaml"):
            raise OperatorFileError(
                f"it cannot be noted that the operator's file beside the recipe holds for its run: {error.strerror}",
                where=str(note),
                next="make the configuration folder writable",
            ) from None


def origin(run: Path) -> Path | None:
    """The folder that a run's recipe lay in when it last ran; None for any other folder, a copied run's too.

    Raises: OperatorFileError when the note cannot be read.
    """
    path = _origin_file(run)
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_Origin)
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, msgspec.ValidationError, OSError) as error:
        raise OperatorFileError(
            f"where this run's recipe lies cannot be read ({type(error).__name__})", where=str(path), next="remove it"
        ) from None
    return Path(found.recipe) if found.run == str(run.resolve()) else None


class _Origin(Record, frozen=True, kw_only=True):
    """A run folder and the folder of the recipe that made it."""

    run: str
    recipe: str


def _origin_file(run: Path) -> Path:
    return config_folder() / "runs" / f"{fingerprint(str(run.resolve()).encode(errors='surrogateescape'))[:32]}.json"


def _place(path: Path) -> str:
    """Where a file lies; a link lies where it is itself, whatever it points to."""
    return str(path.parent.resolve() / path.name)


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
