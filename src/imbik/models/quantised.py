"""Linear layers in four bits: loading a base so, and giving it its full weights back.

Enters: how they are held (`FourBit`: NF4 of Dettmers et al. 2023, "QLoRA", arXiv:2305.14314), a network. Leaves: what
transformers is told, or a network whose layers hold the same numbers in full. bitsandbytes does the arithmetic, on the
CPU as well as on a card.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from imbik.core.errors import MissingExtraError
from imbik.models.folder import FourBit

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def need_bitsandbytes(what: str, where: str) -> None:
    """Raises: MissingExtraError where it is not installed."""
    if find_spec("bitsandbytes") is None:
        raise MissingExtraError(
            f"{what} needs bitsandbytes, which is not installed", where=where, next="pip install 'imbik[qlora]'"
        )


def quantised_places(four_bit: FourBit) -> dict[str, Any]:
    """What `from_pretrained` is told, so that the weights are never all in memory in full.

    Raises: MissingExtraError.
    """
    need_bitsandbytes("a base in four bits", "train.method")
    import torch
    from transformers import BitsAndBytesConfig

    card = torch.cuda.is_available()
    config: Any = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=four_bit.kind,
        bnb_4bit_use_double_quant=four_bit.double,
        bnb_4bit_compute_dtype=torch.bfloat16 if card else torch.float32,
    )
    return {"quantization_config": config, "device_map": {"": 0 if card else "cpu"}}


def in_full(network: PreTrainedModel) -> PreTrainedModel:
    """The same network, its layers holding in full the numbers that the four bits stood for."""
    given: Any = network
    with _hushed("transformers"):  # it tells the number format of every layer
        found: PreTrainedModel = given.dequantize()
    _as_designed(found)
    return found


def _as_designed(network: PreTrainedModel) -> None:
    """GPT-2 keeps its matrices turned over; in four bits they stood the usual way, and have to be turned back."""
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.pytorch_utils import Conv1D

    with torch.device("meta"):
        design = AutoModelForCausalLM.from_config(network.config)
    for name, module in design.named_modules():
        if not isinstance(module, Conv1D):
            continue
        given: Any = network.get_submodule(name)
        parent, _, last = name.rpartition(".")
        turned = Conv1D(given.weight.shape[0], given.weight.shape[1])
        turned.weight, turned.bias = torch.nn.Parameter(given.weight.detach().t().contiguous()), given.bias
        setattr(network.get_submodule(parent), last, turned)


def hold_still(network: PreTrainedModel) -> None:
    """Keep layers in one form: on some processors bitsandbytes packs them anew for inference, where their widths allow,
    computes in bfloat16 then, and unpacks them for training."""
    for module in network.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False  # type: ignore[assignment]


@contextmanager
def _hushed(name: str) -> Iterator[None]:
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
