"""Which weights learn at which rate, and which are pulled towards zero: the optimiser's groups.

Enters: named parameters and the recipe's `train` section. Leaves: torch parameter groups. Without keys of its own
there are at most four: matrices and vectors, embeddings and the rest.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from torch import nn

from imbik.core.errors import TrainingError
from imbik.recipe.training import Train

_LAYER = re.compile(r"(?:^|\.)(?:layers|h|blocks|layer)\.(\d+)\.")
Named = tuple[str, nn.Parameter]


def parameter_groups(named: Sequence[Named], outer: set[int], train: Train) -> list[dict[str, Any]]:
    """Groups of one learning rate and one weight decay, in the order of embeddings last, matrices first.

    `outer`: ids of embeddings and output head. A rate is, in this order: of `learning_rates`, of
    `embedding_learning_rate`, the peak times `layer_decay` for each layer above (embeddings lie below all layers; final
    norm and output head lie above). Weight decay falls on matrices only (vectors are norms and biases), but for those
    that `no_weight_decay` names.
    """
    depth = 1 + max((_layer(name) for name, _ in named), default=-1)
    made: dict[tuple[bool, bool, float, float], list[nn.Parameter]] = {}
    for name, parameter in named:
        embedded, matrix = id(parameter) in outer, parameter.ndim >= 2
        decay = train.weight_decay if matrix and not _fits(name, train.no_weight_decay) else 0.0
        key = (embedded, not matrix, _rate(name, embedded, depth, train), decay)
        made.setdefault(key, []).append(parameter)
    ordered = sorted(made, key=lambda key: key[:2])
    return [{"params": made[key], "weight_decay": key[3], "lr": key[2]} for key in ordered]


def check_patterns(network: nn.Module, train: Train) -> None:
    """Refuse a pattern that names no weight which learns.

    Raises: TrainingError with names that there are.
    """
    names = [name for name, p in network.named_parameters() if p.requires_grad]
    for key, patterns in (("learning_rates", list(train.learning_rates)), ("no_weight_decay", train.no_weight_decay)):
        for pattern in patterns:
            if not any(_fits(name, [pattern]) for name in names):
                raise TrainingError(
                    f"'{pattern}' fits no weight that learns",
                    where=f"train.{key}",
                    next=f"write a pattern of names such as {', '.join(names[:3])}; '*' stands for anything",
                )


def _rate(name: str, embedded: bool, depth: int, train: Train) -> float:
    """The peak learning rate of one parameter."""
    for pattern, rate in train.learning_rates.items():
        if _fits(name, [pattern]):
            return rate
    if embedded and train.embedding_learning_rate:
        return train.embedding_learning_rate
    return train.learning_rate * train.layer_decay ** _above(name, embedded, depth)


def _above(name: str, embedded: bool, depth: int) -> int:
    """How many steps of decay lie above a parameter: 0 for the head and the last layer."""
    if (layer := _layer(name)) >= 0:
        return depth - 1 - layer
    return depth if embedded and "lm_head" not in name else 0


def _layer(name: str) -> int:
    """The number of the layer that a parameter lies in; -1 outside of them."""
    found = _LAYER.search(name)
    return int(found[1]) if found else -1


def _fits(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
