"""Graphics cards and sizes of published models, as they were known on a date.

Enters: a card's or a model's name. Leaves: typed entries; a model's by the longest part of its name that is known.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import cache

import msgspec

from imbik.core.errors import UsageError
from imbik.core.misspelt import closest
from imbik.teachers.catalogue.tables import table


class KnownCard(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One graphics card: memory in GB, dense bf16 TFLOP/s, US dollars an hour on demand from `low` to `high`."""

    name: str
    memory: int
    tflops: int
    low: Decimal
    high: Decimal
    date: date


class KnownShape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One published model: parameters in thousand millions (`active`: those a token passes through, 0 for all)."""

    parameters: float
    hidden_size: int
    layers: int
    vocabulary: int
    date: date
    active: float = 0.0


@cache
def known_cards() -> dict[str, KnownCard]:
    """Cards by the name that `--gpus` takes."""
    return {name: msgspec.convert(line, KnownCard, strict=False) for name, line in table("cards").items()}


def card_of(name: str) -> KnownCard:
    """The card of a name.

    Raises: UsageError for one that is not known.
    """
    found = known_cards().get(name.lower())
    if found is None:
        raise UsageError(
            f"nothing is known of a card '{name}'; {closest(name.lower(), list(known_cards()))}",
            where="--gpus",
            next="--gpus h100",
        )
    return found


@cache
def _shapes() -> dict[str, KnownShape]:
    return {name: msgspec.convert(line, KnownShape, strict=False) for name, line in table("shapes").items()}


def shape_of(name: str) -> KnownShape | None:
    """The published model that a name speaks of: `meta-llama/Meta-Llama-3.1-8B-Instruct`; None for any other."""
    plain = name.lower().replace("_", "-")
    part = max((part for part in _shapes() if part in plain), key=len, default=None)
    return None if part is None else _shapes()[part]
