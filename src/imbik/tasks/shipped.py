"""Files of imbik's own that a recipe names without a path: `taxonomy: turkce`, `file: turkce`.

Enters: what a recipe writes, the folder of the files that ship. Leaves: the path; what lies there is public.
"""

from __future__ import annotations

from pathlib import Path

from imbik.core.errors import InputError
from imbik.core.misspelt import closest
from imbik.tasks.sources import located


def named_file(written: str, base: Path, folder: Path, what: str) -> Path:
    """The file of a path, or of the shipped name `written`; one of the user's own comes first.

    Raises: InputError naming what ships, where neither is there.
    """
    path = located(written, base)
    if path.is_file():
        return path
    shipped = {file.stem: file for file in sorted(folder.glob("*.yaml"))}
    if written in shipped:
        return shipped[written]
    raise InputError(
        f"there is no {what} '{written}' here, and none of that name ships: {closest(written, list(shipped))}",
        where=written,
        next="name a YAML file (docs/growing.md shows one), or one that ships",
    )
