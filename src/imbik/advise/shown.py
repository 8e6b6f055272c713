"""One thing for a person to look at: what `imbik show` prints, whatever stage it comes from.

Enters: an id, a mark and named texts. Leaves: the same with all that a terminal might obey written out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from imbik.advise.terminal import safe


@dataclass(frozen=True)
class Shown:
    """One row for a person: its id with a mark (kept, rejected …) and named texts, all safe to print."""

    id: str
    mark: str
    texts: dict[str, str]


def shown(row: str, mark: str, texts: Mapping[str, str]) -> Shown:
    """A row made safe to print; empty texts are left out."""
    return Shown(safe(row, keep_lines=False), mark, {name: safe(text) for name, text in texts.items() if text})
