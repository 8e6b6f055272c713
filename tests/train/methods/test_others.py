"""Methods beside LoRA: what learns, what is saved and read again, what is exported, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from imbik.core.errors import ModelError, PluginError
from imbik.core.files import read_json
from imbik.core.plugins import PluginBlock, make
from imbik.export.formats.safetensors import merged
from imbik.models.folder import BaseOf
from imbik.models.head import head_of
from imbik.models.load import load
from imbik.models.model import LanguageModel, weights_in
from imbik.models.save import save
from imbik.testing.tiny_models import make_model
from imbik.train.methods import LoadsBase
from imbik.train.pupil import loader

IDS = torch.tensor([[3, 60, 7, 9, 11]])
ADDED = [
    ("qlora", {"r": 4}),
    ("ia3", {}),
    ("adapter", {"size": 4}),
    ("adapter", {"size": 3, "after": ["attention", "mlp"]}),
    ("prefix", {"tokens": 5}),
]


def method(use: str, **settings: Any) -> Any:
    return make("train/methods", PluginBlock(use=use, raw=settings))


def prepared(folder: Path, use: str, settings: dict[str, Any], architecture: str = "llama") -> LanguageModel:
    """A student of this method whose new weights say something."""
    make_model(folder, architecture=architecture, hidden_size=64, heads=4)
    own = method(use, **settings)
    model = loader(own)(folder)
    model.network = own.prepare(model, seed=1).network
    draw = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter in model.network.parameters():
            if parameter.requires_grad:
                parameter.add_(0.2 * torch.randn(parameter.shape, generator=draw))
    model.network.eval()
    return model


def logits(network: Any) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = network(input_ids=IDS).logits
    return found


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "qwen3", "phi3", "gemma2"])
@pytest.mark.parametrize(("use", "settings"), ADDED)
def test_a_saved_student_answers_as_the_trained_one(
    tmp_path: Path, use: str, settings: dict[str, Any], architecture: str
) -> None:
    model = prepared(tmp_path / "base", use, settings, architecture)
    plain = logits(load(tmp_path / "base").network)
    wanted = logits(model.network)
    assert not torch.allclose(wanted, plain, atol=1e-3)
    save(model, tmp_path / "weights", base=str(tmp_path / "base"))
    assert not list((tmp_path / "weights").glob("*.safetensors")), "the base is stored once"
    again = load(tmp_path / "weights")
    torch.testing.assert_close(logits(again.network), wanted, rtol=1e-4, atol=1e-5)
    head = head_of(again.network)
    assert head.weight.shape[0] == wanted.shape[-1]


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "gemma2"])
@pytest.mark.parametrize(("use", "settings"), ADDED[:2])
def test_what_is_exported_answers_as_the_trained_one(
    tmp_path: Path, use: str, settings: dict[str, Any], architecture: str
) -> None:
    model = prepared(tmp_path / "base", use, settings, architecture)
    wanted = logits(model.network)
    network = merged(model.network)
    torch.testing.assert_close(logits(network), wanted, rtol=1e-3, atol=1e-4)
    assert not [name for name, _ in network.named_modules() if "lora" in name or "ia3" in name]
    model.network, model.four_bit = network, None
    save(model, tmp_path / "export")
    from transformers import AutoModelForCausalLM

    foreign = AutoModelForCausalLM.from_pretrained(tmp_path / "export", dtype=torch.float32, local_files_only=True)
    torch.testing.assert_close(logits(foreign.eval()), wanted, rtol=1e-3, atol=1e-4)
    assert not hasattr(foreign.config, "quantization_config")


def test_bottlenecks_begin_as_nothing_and_cannot_be_merged(tmp_path: Path) -> None:
    base = make_model(tmp_path / "base")
    plain = logits(base.network)
    made = method("adapter").prepare(base, seed=1)
    torch.testing.assert_close(logits(made.network), plain)
    assert "adapters at 2 places" in made.adapted
    with pytest.raises(ModelError, match="cannot be merged"):
        merged(base.network)


def test_a_base_in_four_bits_says_so_and_is_used_so(tmp_path: Path) -> None:
    own = method("qlora")
    assert isinstance(own, LoadsBase)
    model = prepared(tmp_path / "base", "qlora", {"double": False})
    assert model.four_bit is not None
    assert (model.four_bit.kind, model.four_bit.double) == ("nf4", False)
    whole = load(tmp_path / "base")
    learning = weights_in(model.network, learning=True)
    assert weights_in(model.network) - learning == whole.parameters, "two weights of four bits share a byte"
    assert not torch.allclose(logits(own.load(tmp_path / "base").network), logits(whole.network), atol=1e-4)
    save(model, tmp_path / "weights", base=str(tmp_path / "base"))
    assert read_json(tmp_path / "weights" / "base.json", BaseOf).four_bit == model.four_bit


@pytest.mark.parametrize(("use", "settings"), [*ADDED, ("frozen", {"layers": 1})])
def test_what_is_frozen_stays_to_the_bit_and_what_learns_moves(tmp_path: Path, use: str, settings: Any) -> None:
    make_model(tmp_path / "base", hidden_size=64, heads=4)
    own = method(use, **settings)
    model = loader(own)(tmp_path / "base")
    network: Any = own.prepare(model, seed=1).network
    before = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
    optimizer = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=1.0)
    for _ in range(2):
        network(input_ids=IDS, labels=IDS).loss.backward()
        optimizer.step()
    moved = {name for name, parameter in network.named_parameters() if not torch.equal(parameter, before[name])}
    learning = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    assert moved
    assert moved <= learning


def test_frozen_says_what_it_froze(tmp_path: Path) -> None:
    model = make_model(tmp_path / "base", layers=3)
    made = method("frozen", layers=2, learn=["*.layers.0.mlp.*"]).prepare(model, seed=1)
    learning = {name for name, parameter in made.network.named_parameters() if parameter.requires_grad}
    assert "2 of 3 layers frozen" in made.adapted
    assert not [name for name in learning if "embed" in name or ".layers.1." in name]
    assert {name for name in learning if ".layers.0." in name} == {
        f"model.layers.0.mlp.{kind}.weight" for kind in ("gate_proj", "up_proj", "down_proj")
    }
    assert [name for name in learning if ".layers.2." in name]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"layers": 9}, "9 layers are to be frozen, and this model has 2"),
        ({"freeze": ["*yok*"]}, "no weight of this model fits"),
        ({"freeze": ["*"]}, "every weight is frozen"),
    ],
)
def test_frozen_refuses_what_cannot_be(tmp_path: Path, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(PluginError, match=said):
        method("frozen", **settings).prepare(make_model(tmp_path / "base"), seed=1)
