"""What layers say, of every family: hidden states, maps, queries, keys and values."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from imbik.core.errors import ModelError
from imbik.models.layers import ATTENTION, HIDDEN, RELATIONS, decoder_layers, listening, show_attention
from imbik.testing.tiny_models import make_model

ALL = frozenset({HIDDEN, ATTENTION, RELATIONS})
IDS = torch.tensor([[3, 60, 7, 9, 12], [5, 6, 7, 8, 9]])


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "qwen3", "gemma2", "phi3", "mistral", "smollm3"])
def test_hidden_states_and_maps_are_the_models_own(tmp_path: Path, architecture: str) -> None:
    network = make_model(tmp_path / "m", architecture=architecture).network.eval()
    show_attention(network)
    with torch.no_grad():
        with listening(network, ALL) as heard:
            network(IDS)
        own = network(IDS, output_hidden_states=True, output_attentions=True)
    layers = len(decoder_layers(network))
    assert len(heard.hidden) == layers + 1
    for mine, theirs in zip(heard.hidden[:-1], own.hidden_states[:-1], strict=True):
        torch.testing.assert_close(mine, theirs)
    for mine, theirs in zip(heard.attention, own.attentions, strict=True):
        torch.testing.assert_close(mine, theirs)
    for kind in (heard.queries, heard.keys, heard.values):
        assert len(kind) == layers
        assert all(tensor.shape[:2] == IDS.shape for tensor in kind)


def test_a_fused_projection_is_cut_as_the_model_cuts_it(tmp_path: Path) -> None:
    network = make_model(tmp_path / "m", architecture="gpt2").network.eval()
    with torch.no_grad(), listening(network, frozenset({RELATIONS})) as heard:
        network(IDS)
    attention = decoder_layers(network)[0].attn
    with torch.no_grad(), listening(network, frozenset({HIDDEN})) as inner:
        network(IDS)
    normed = decoder_layers(network)[0].ln_1(inner.hidden[0])
    whole = attention.c_attn(normed).split(16, -1)
    for kind, part in zip((heard.queries, heard.keys, heard.values), whole, strict=True):
        torch.testing.assert_close(kind[0], part)


def test_nothing_is_heard_afterwards(tmp_path: Path) -> None:
    network = make_model(tmp_path / "m").network
    with listening(network, ALL - {ATTENTION}) as heard:
        network(IDS)
    count = len(heard.hidden)
    network(IDS)
    assert len(heard.hidden) == count


def test_attention_that_keeps_no_maps_says_so(tmp_path: Path) -> None:
    network = make_model(tmp_path / "m").network
    with pytest.raises(ModelError, match="no maps"), listening(network, frozenset({ATTENTION})):
        network(IDS)
