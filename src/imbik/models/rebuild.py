"""A network of the same architecture with other sizes, of given weights.

Enters: the network it is made of, a config, tensors by name. Leaves: the new network, ready to use; every tensor has to
be there and fit.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel


def rebuilt(network: PreTrainedModel, config: Any, state: dict[str, Tensor]) -> PreTrainedModel:
    """The network that `config` describes, with these weights and the other's settings of generation."""
    from transformers import AutoModelForCausalLM

    made: PreTrainedModel = AutoModelForCausalLM.from_config(config, dtype=network.dtype)
    made.load_state_dict(state)
    made.generation_config = copy.deepcopy(network.generation_config)
    made.eval()
    return made
