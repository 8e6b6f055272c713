"""What is put into a network's layers and stays there: kinds of adapters that nothing merges.

Enters: a network, or an adapter's folder. Leaves: which kind it holds, so that saving, loading and exporting need not
know the kinds one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from imbik.models import bottleneck, prefix


@dataclass(frozen=True)
class Inlay:
    """One kind: what it is called, whether a network or a folder holds one, how it is written and read."""

    name: str
    inside: Callable[[object], bool]
    save: Callable[[object, Path], None]
    saved: Callable[[Path], bool]
    load: Callable[[object, Path], None]


INLAYS = (
    Inlay(
        "bottleneck adapters are",
        bottleneck.has_bottlenecks,
        bottleneck.save_bottlenecks,
        bottleneck.has_bottlenecks_saved,
        bottleneck.load_bottlenecks,
    ),
    Inlay(
        "a prefix is",
        lambda network: prefix.prefix_length(network) > 0,
        prefix.save_prefix,
        prefix.has_prefix_saved,
        prefix.load_prefix,
    ),
)


def inlay_in(network: object) -> Inlay | None:
    """The kind that a network holds; None for none."""
    return next((kind for kind in INLAYS if kind.inside(network)), None)


def inlay_saved(folder: Path) -> Inlay | None:
    """The kind that an adapter's folder holds; None for one of PEFT's."""
    return next((kind for kind in INLAYS if kind.saved(folder)), None)
