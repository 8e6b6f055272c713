"""Low-rank adapters beside frozen weights (LoRA), kept unmerged.

Hu et al. 2021, "LoRA", arXiv:2106.09685; DoRA: Liu et al. 2024, arXiv:2402.09353; rank-stabilised scaling:
Kalajdzievski 2023, arXiv:2312.03732. `target_modules: all` means every linear layer but the head, found on the
network itself, and the fused experts of mixture models: PEFT's own `all-linear` passes some of them over silently.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator

from imbik.core.errors import PluginError
from imbik.core.plugins import PluginSettings
from imbik.models.model import LanguageModel
from imbik.train.methods import Prepared

if TYPE_CHECKING:
    from torch import nn

_ALL = "all"


class LoRA:
    """Adapters of rank `r` on linear layers; the base is stored once."""

    class Settings(PluginSettings):
        """Size and place of the adapters."""

        r: int = Field(16, ge=1, description="rank of the adapters")
        alpha: int = Field(0, ge=0, description="scale of the adapters: alpha / r (0: twice r)")
        dropout: float = Field(0.0, ge=0, lt=1, description="dropout on the adapters' input")
        target_modules: list[str] | str = Field(
            _ALL, description="all (every linear layer but the head), or endings of names such as [q_proj, lm_head]"
        )
        modules_to_save: list[str] = Field([], description="modules trained whole beside the adapters")
        dora: bool = Field(False, description="learn direction and size of the weights apart (DoRA)")
        rslora: bool = Field(False, description="scale by alpha / sqrt(r), for large ranks")

        @field_validator("target_modules")
        @classmethod
        def _peft_word(cls, given: list[str] | str) -> list[str] | str:
            """What PEFT calls all of them."""
            return _ALL if given == "all-linear" else given

    version = 1
    needs_base = True

    def __init__(self, settings: LoRA.Settings) -> None:
        self.settings = settings

    def prepare(self, model: LanguageModel, *, seed: int) -> Prepared:
        """Put adapters on the network and check where they really are.

        Raises: PluginError when no layer has such a name, or the settings do not go with this network.
        """
        network: Any = model.network
        self._modules(network)
        linear, fused = linear_names(network), fused_names(network)
        targets, own = self._targets(linear, fused, head_names(network)), self.settings
        everything = own.target_modules == _ALL
        weights_too = not own.dropout and not own.dora
        if everything and fused and not weights_too:
            raise PluginError(
                "this model's experts are fused weights, on which adapters know neither dropout nor DoRA",
                where="train.method",
                next="set dropout: 0 and dora: false, or name target_modules that leave the experts out",
            )
        adapted = self._attach(network, targets, fused if everything else [], seed)
        missed = [name for name in linear if name not in reached(adapted)]
        if everything and missed and weights_too:
            # PEFT turns names of mixture models into those of their experts, and forgets dense layers of the same name:
            # these are adapted as weights.
            wanted = [*fused, *(f"{name}.weight" for name in missed)]
            adapted = self._attach(adapted.unload(), targets, wanted, seed)
        return report(adapted, linear, fused)

    def _attach(self, network: Any, targets: list[str], weights: list[str], seed: int) -> Any:
        """The network with adapters on layers (`targets`) and on parameters (`weights`)."""
        import torch
        from peft import LoraConfig, get_peft_model

        own = self.settings
        config = LoraConfig(
            task_type="CAUSAL_LM",
            r=own.r,
            lora_alpha=own.alpha or 2 * own.r,
            lora_dropout=own.dropout,
            target_modules=list(targets),
            target_parameters=list(weights) or None,
            modules_to_save=list(own.modules_to_save) or None,
            use_dora=own.dora,
            use_rslora=own.rslora,
        )
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            # PEFT calls what transformers 5 deprecates, and notes what it sets right by itself (Conv1D's layout).
            warnings.simplefilter("ignore")
            torch.manual_seed(seed)
            try:
                return get_peft_model(network, config)
            except ValueError as error:
                raise PluginError(str(error).split("\n")[0][:300], where="train.method") from None

    def _modules(self, network: nn.Module) -> None:
        """Modules to train whole have to be there: PEFT leaves names out that it does not find."""
        names = [name for name, _ in network.named_modules() if name]
        for wanted in self.settings.modules_to_save:
            if not any(name.endswith(wanted) for name in names):
                known = sorted({name.rsplit(".", 1)[-1] for name in names if not name[-1].isdigit()})
                raise PluginError(
                    f"no module of this model is called '{wanted}'; there are: {', '.join(known)}",
                    where="train.method.modules_to_save",
                    next="embed_tokens and lm_head are usual (GPT-2: wte)",
                )

    def _targets(self, linear: list[str], fused: list[str], head: list[str]) -> list[str]:
        """Full names of the layers to adapt."""
        wanted = self.settings.target_modules
        if wanted == _ALL:
            return linear
        linear = [*linear, *head]
        endings = [wanted] if isinstance(wanted, str) else wanted
        for ending in endings:
            if not any(name == ending or name.endswith("." + ending) for name in linear):
                known = sorted({name.rsplit(".", 1)[-1] for name in [*linear, *fused]})
                raise PluginError(
                    f"no linear layer of this model is called '{ending}'; there are: {', '.join(known)}",
                    where="train.method.target_modules",
                )
        return [name for name in linear if any(name == end or name.endswith("." + end) for end in endings)]


def linear_names(network: nn.Module) -> list[str]:
    """Names of all linear layers but the output head."""
    import torch
    from transformers.pytorch_utils import Conv1D

    head = network.get_output_embeddings()  # type: ignore[operator]
    kinds = (torch.nn.Linear, Conv1D)
    return [name for name, module in network.named_modules() if isinstance(module, kinds) and module is not head]


def head_names(network: nn.Module) -> list[str]:
    """The name of the output head, adapted only where a recipe names it."""
    head = network.get_output_embeddings()  # type: ignore[operator]
    return [name for name, module in network.named_modules() if module is head]


def fused_names(network: nn.Module) -> list[str]:
    """Names of stacked weight matrices (experts of a mixture model), which are parameters and no layers."""
    return [name for name, parameter in network.named_parameters() if parameter.ndim == 3]


def reached(adapted: Any) -> set[str]:
    """Names, as in the bare network, of layers and weights that carry an adapter."""
    from peft.tuners.lora import LoraLayer

    found = set()
    for name, module in adapted.named_modules():
        if isinstance(module, LoraLayer):
            plain = name.removeprefix("base_model.model.").replace(".base_layer", "")
            weight = getattr(module, "parameter_name", None)
            found.add(plain if weight in (None, "weight") else f"{plain}.{weight}")
    return found


def report(adapted: Any, linear: list[str], fused: list[str]) -> Prepared:
    """What learns and what does not, read from the adapted network."""
    there = reached(adapted)
    missed = [name for name in (*linear, *fused) if name not in there]
    total = sum(p.numel() for p in adapted.parameters())
    learning = sum(p.numel() for p in adapted.parameters() if p.requires_grad)
    text = f"adapters on {len(there)} of {len(linear) + len(fused)} matrices: {learning:,} of {total:,} weights learn"
    kinds = sorted({name.rsplit(".", 1)[-1] for name in missed})
    return Prepared(adapted, f"{text}; without: {', '.join(kinds)}" if kinds else text)
