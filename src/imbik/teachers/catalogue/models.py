"""The two catalogues: models worth asking and models worth training, as they were known on a date.

Enters: nothing. Leaves: typed entries by name. What an entry costs and under which terms it answers is looked up in
the tables of prices and terms, by where it is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Literal

import msgspec

from imbik.teachers.catalogue.tables import table


class KnownTeacher(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model worth asking. `context` in tokens; `at`: name that `use:` takes -> the model's name there.

    `checked` says what the entry was compared with ("": with nothing, it is remembered), `uncertain` which of its
    fields were not; `until` is the day from which its maker no longer offers it.
    """

    name: str
    maker: str
    context: int
    terms: tuple[str, ...]
    at: Mapping[str, str]
    until: date | None = None
    date: date
    successor: str = ""
    note: str = ""
    checked: str = ""
    uncertain: tuple[str, ...] = ()


class KnownStudent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model worth training. `parameters` in thousand millions, `context` in tokens, `terms` its licence.

    `checked` and `uncertain` as in KnownTeacher.
    """

    name: str
    parameters: Decimal
    context: int
    terms: str
    commercial: Literal["yes", "conditions", "no"]
    date: date
    note: str = ""
    checked: str = ""
    uncertain: tuple[str, ...] = ()


@cache
def known_teachers() -> dict[str, KnownTeacher]:
    """Models worth asking, by name."""
    return {name: msgspec.convert({"name": name, **line}, KnownTeacher) for name, line in table("teachers").items()}


@cache
def known_students() -> dict[str, KnownStudent]:
    """Models worth training, by hub id."""
    return {name: msgspec.convert({"name": name, **line}, KnownStudent) for name, line in table("students").items()}
