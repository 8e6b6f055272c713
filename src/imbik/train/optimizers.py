"""Optimisers, by the names the recipe knows.

Enters: a network and the recipe's `train` section. Leaves: one torch optimiser over its trainable parameters, whose
state goes into checkpoints and comes back to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from imbik.recipe.training import Train
from imbik.train.groups import Named, check_patterns, parameter_groups
from imbik.train.muon import Muon

# A shorter memory of squared gradients than 0.999: a run here has hundreds to thousands of steps, not millions.
BETAS: tuple[float, float] = Train.model_fields["betas"].default


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
    """The recipe's optimiser; weight decay falls on matrices only (vectors are norms and biases).

    Raises: TrainingError when a pattern of `learning_rates` or `no_weight_decay` fits nothing.
    """
    check_patterns(network, train)
    outer = _outer(network)
    named = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
    if train.optimizer != "muon":
        return _plain(named, outer, train, train.optimizer)
    hidden = [(name, p) for name, p in named if p.ndim == 2 and id(p) not in outer]
    chosen = {id(p) for _, p in hidden}
    others = [(name, p) for name, p in named if id(p) not in chosen]
    if not hidden:
        return _plain(others, outer, train, "adamw")
    muon = Muon(parameter_groups(hidden, outer, train), lr=train.learning_rate, weight_decay=train.weight_decay)
    return Pair(muon, _plain(others, outer, train, "adamw")) if others else muon


def _outer(network: nn.Module) -> set[int]:
    """Embeddings and the output head: what turns tokens into vectors and back. Muon is not for them."""
    found = {id(p) for module in network.modules() if isinstance(module, nn.Embedding) for p in module.parameters()}
    return found | {id(p) for name, p in network.named_parameters() if "lm_head" in name}


def _plain(named: Sequence[Named], outer: set[int], train: Train, kind: str) -> torch.optim.Optimizer:
    rate, groups = train.learning_rate, parameter_groups(named, outer, train)
    if kind == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=train.momentum)
    if kind == "adafactor":
        return torch.optim.Adafactor(groups, lr=rate)
    if kind == "adamw_8bit":
        return _eight_bits(groups, train)
    fused = _fusable([p for _, p in named])
    return torch.optim.AdamW(groups, lr=rate, betas=train.betas, eps=train.epsilon, fused=fused)


def _eight_bits(groups: list[dict[str, Any]], train: Train) -> torch.optim.Optimizer:
    """AdamW with both means in blocks of 8 bits (Dettmers et al. 2022); weights of under 4,096 numbers keep 32."""
    import bitsandbytes.optim

    kind: Any = bitsandbytes.optim
    made: torch.optim.Optimizer = kind.AdamW8bit(groups, lr=train.learning_rate, betas=train.betas, eps=train.epsilon)
    return made


def _fusable(parameters: list[nn.Parameter]) -> bool:
    """Fused AdamW is one call a step instead of dozens; it knows CPU and CUDA."""
    return all(p.device.type in {"cpu", "cuda"} and p.is_floating_point() for p in parameters)


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
                member.state[parameter][key] = _placed(member, parameter, key, tensor)


def _placed(member: torch.optim.Optimizer, parameter: nn.Parameter, key: str, tensor: Tensor) -> Any:
    """One value of a state, where its optimiser looks for it: a counter is a number for bitsandbytes."""
    if key != "step":
        return tensor.to(parameter.device)
    if type(member).__module__.startswith("bitsandbytes"):
        return int(tensor)
    return tensor.to(parameter.device) if member.defaults.get("fused") else tensor
