"""Reading the tables beside this file, and finding a model's line in one of them.

Enters: a table's name, a model's name. Leaves: plain data with exact decimals and dates, or the entry whose name or
pattern fits best: the name itself first, then the longest pattern (`gpt-4o-2024-*`).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def table(name: str) -> dict[str, Any]:
    """One table as plain data, read once."""
    text = files("imbik.teachers.catalogue").joinpath(f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text, parse_float=Decimal)


def best(name: str, patterns: Iterable[str]) -> str | None:
    """The pattern that fits a name best, without regard to case; None where none does."""
    wanted = name.lower()
    fitting = [pattern for pattern in patterns if fnmatchcase(wanted, pattern.lower())]
    return max(fitting, key=lambda pattern: (pattern.lower() == wanted, len(pattern)), default=None)
