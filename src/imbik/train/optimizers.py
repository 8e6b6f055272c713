"""Optimisers and learning-rate schedules, by the names the recipe knows.

Enters: a network and the recipe's `train` section. Leaves: one torch optimiser over its trainable parameters, and a
schedule that is a pure function of the step, so that resuming needs no scheduler state.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from imbik.recipe.training import Train
from imbik.train.muon import Muon

# A shorter memory of squared gradients than 0.999: a run here has hundreds to thousands of steps, not millions.
BETAS = (0.9, 0.98)
MOMENTUM = 0.9
STABLE_UNTIL = 0.7


class Pair(torch.optim.Optimizer):
    """Two optimisers over disjoint parameters that step as one (Muon leaves embeddings and vectors to AdamW)."""

    def __init__(self, first: torch.optim.Optimizer, second: torch.optim.Optimizer) -> None:
        super().__init__([*first.param_groups, *second.param_groups], {})
        self.members = (first, second)
        # The same group objects: a learning rate set here is the members' learning rate.
        self.param_groups = [*first.param_groups, *second.param_groups]

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step of both."""
        loss = closure() if closure is not None else None
        for member in self.members:
            member.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """Of both, under `members`."""
        return {"members": [member.state_dict() for member in self.members]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Counterpart of `state_dict`; groups stay the same objects."""
        for member, state in zip(self.members, state_dict["members"], strict=True):
            member.load_state_dict(state)
        self.param_groups = [group for member in self.members for group in member.param_groups]


def make_optimizer(network: nn.Module, train: Train) -> torch.optim.Optimizer:
    """The recipe's optimiser; weight decay falls on matrices only (vectors are norms and biases)."""
    outer = _outer(network)
    named = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
    if train.optimizer != "muon":
        return _plain([p for _, p in named], outer, train, train.optimizer)
    hidden = [p for _, p in named if p.ndim == 2 and id(p) not in outer]
    chosen = {id(p) for p in hidden}
    others = [p for _, p in named if id(p) not in chosen]
    if not hidden:
        return _plain(others, outer, train, "adamw")
    muon = Muon(hidden, lr=train.learning_rate, weight_decay=train.weight_decay)
    return Pair(muon, _plain(others, outer, train, "adamw")) if others else muon


def _outer(network: nn.Module) -> set[int]:
    """Embeddings and the output head: what turns tokens into vectors and back. Muon is not for them."""
    found = {id(p) for module in network.modules() if isinstance(module, nn.Embedding) for p in module.parameters()}
    return found | {id(p) for name, p in network.named_parameters() if "lm_head" in name}


def _plain(parameters: list[nn.Parameter], outer: set[int], train: Train, kind: str) -> torch.optim.Optimizer:
    rate, slow = train.learning_rate, train.embedding_learning_rate or train.learning_rate
    groups: list[dict[str, Any]] = [
        {
            "params": [p for p in parameters if (p.ndim >= 2) == matrix and (id(p) in outer) == embedded],
            "weight_decay": train.weight_decay if matrix else 0.0,
            "lr": slow if embedded else rate,
        }
        for embedded in (False, True)
        for matrix in (True, False)
    ]
    groups = [group for group in groups if group["params"]]
    if kind == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=MOMENTUM)
    if kind == "adafactor":
        return torch.optim.Adafactor(groups, lr=rate)
    return torch.optim.AdamW(groups, lr=rate, betas=BETAS, fused=_fusable(parameters))


def _fusable(parameters: list[nn.Parameter]) -> bool:
    """Fused AdamW is one call a step instead of dozens; it knows CPU and CUDA."""
    return all(p.device.type in {"cpu", "cuda"} and p.is_floating_point() for p in parameters)


def schedule(train: Train, steps: int) -> Callable[[int], float]:
    """The factor of the learning rate at a step (from 0): a rise over `warmup`, then the recipe's fall.

    `warmup_stable_decay` holds until 70% of the steps and falls linearly to 0 (Hu et al. 2024, MiniCPM, and Hägele et
    al. 2024 find 10 to 30% of the steps enough).
    """
    rise = round(train.warmup * steps)

    def factor(step: int) -> float:
        if step < rise:
            return (step + 1) / (rise + 1)
        done = (step - rise) / max(steps - rise, 1)
        if train.schedule == "constant":
            return 1.0
        if train.schedule == "linear":
            return max(1.0 - done, 0.0)
        if train.schedule == "cosine":
            return 0.5 * (1.0 + math.cos(math.pi * min(done, 1.0)))
        start = max(STABLE_UNTIL - rise / max(steps, 1), 0.0)
        return 1.0 if done < start else max((1.0 - done) / (1.0 - start), 0.0)

    return factor


def states(optimizer: torch.optim.Optimizer) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, state) of every parameter, in a fixed order: what a checkpoint holds of the optimiser."""
    members = optimizer.members if isinstance(optimizer, Pair) else (optimizer,)
    for number, member in enumerate(members):
        ordered = [p for group in member.param_groups for p in group["params"]]
        for place, parameter in enumerate(ordered):
            yield f"{number}.{place}", member.state[parameter]


def state_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's whole state as named tensors (numbers become scalars), ready for safetensors."""
    found = {}
    for name, state in states(optimizer):
        for key, value in state.items():
            if value is not None:
                found[f"{name}.{key}"] = value if isinstance(value, Tensor) else torch.tensor(value)
    return found


def restore_state(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put back what `state_tensors` gave, on the device of each parameter (step counters stay on the CPU)."""
    found: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        place, key = name.rsplit(".", 1)
        found.setdefault(place, {})[key] = tensor
    members = optimizer.members if isinstance(optimizer, Pair) else (optimizer,)
    for number, member in enumerate(members):
        ordered = [p for group in member.param_groups for p in group["params"]]
        for index, parameter in enumerate(ordered):
            state = found.get(f"{number}.{index}", {})
            for key, tensor in state.items():
                counter = key == "step" and not member.defaults.get("fused")
                member.state[parameter][key] = tensor if counter else tensor.to(parameter.device)
