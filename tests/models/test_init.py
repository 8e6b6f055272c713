"""Models made from a config: every architecture, the same weights for the same seed, clear words for wrong sizes."""

from __future__ import annotations

from pathlib import Path

import pytest

from imbik.core.errors import ModelError
from imbik.models.init import ARCHITECTURES, intermediate_size, make
from imbik.models.load import load, load_tokenizer
from imbik.models.save import save
from imbik.recipe.training import Student
from imbik.testing.tiny_models import make_tokenizer


def student(**changes: object) -> Student:
    return Student.model_validate({"architecture": "llama", "hidden_size": 16, "layers": 2, "heads": 2, **changes})


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tokenizer(tmp_path_factory.mktemp("tokenizer"))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture(architecture: str, tokenizer: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoTokenizer

    source = make_tokenizer(tmp_path / "t", architecture=architecture) if architecture == "qwen2" else tokenizer
    model = make(student(architecture=architecture, context=64), source)
    again = make(student(architecture=architecture, context=64), source)
    other = make(student(architecture=architecture, context=64, seed=1), source)
    weights = [dict(each.network.named_parameters()) for each in (model, again, other)]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    assert any(not torch.equal(value, weights[2][name]) for name, value in weights[0].items())
    assert model.identity == again.identity != other.identity
    assert model.context == 64
    assert model.network.get_input_embeddings().weight.shape == (len(model.tokenizer), 16)
    save(model, tmp_path / "model")
    text = "Ayşe'nin 12 elması\n  var. İĞDIR"
    assert AutoTokenizer.from_pretrained(tmp_path / "model").encode(text) == model.tokenizer.encode(text)
    ids = torch.tensor([[5, 6, 7]])
    assert torch.equal(load(tmp_path / "model").network(ids).logits, model.network(ids).logits)


def test_the_process_own_random_numbers_stay_as_they_were(tokenizer: Path) -> None:
    import torch

    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    make(student(), tokenizer)
    assert torch.equal(torch.rand(3), expected)


def test_sizes(tokenizer: Path) -> None:
    config = make(student(heads=4, key_value_heads=2, tie_embeddings=False, hidden_size=24), tokenizer).network.config
    assert config.num_key_value_heads == 2
    assert config.intermediate_size == 64
    assert not config.tie_word_embeddings
    assert config.eos_token_id == load_tokenizer(tokenizer).eos_token_id
    assert intermediate_size(student(intermediate_size=40)) == 40


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"architecture": "lama"}, "did you mean 'llama'"),
        ({"heads": 3}, "3 does not divide 16"),
        ({"heads": 2, "key_value_heads": 4}, "4 does not divide 2"),
        ({"heads": 16}, "odd width"),
        ({"architecture": "gpt2", "key_value_heads": 1}, "as many key/value heads"),
        ({"architecture": "qwen2"}, "own tokenizer rules"),
    ],
)
def test_what_cannot_be_made(tokenizer: Path, changes: dict[str, object], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        make(student(**changes), tokenizer)
