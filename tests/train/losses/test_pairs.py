"""Losses of pairs: the margin loss, a plain module of one's own, a whole loss of one's own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from imbik.core.errors import PluginError
from imbik.core.plugins import PluginBlock, identity, make
from imbik.train.losses import PAIRS, PooledPairs, Signals

OWN = '''
import torch

class Siamese(torch.nn.Module):
    """The usual contrastive loss of Siamese networks, with a learned scale."""

    def __init__(self, margin: float = 1.0) -> None:
        super().__init__()
        self.margin = margin
        self.scale = torch.nn.Parameter(torch.ones(()))

    def forward(self, output1, output2, label):
        distance = torch.nn.functional.pairwise_distance(output1, output2) * self.scale
        return torch.mean((1 - label) * distance**2 + label * torch.clamp(self.margin - distance, min=0.0) ** 2)

class EachPair(Siamese):
    def forward(self, output1, output2, label):
        return (output1 - output2).square().sum(-1)

class Length:
    """A loss of one's own: how long hidden states are."""

    version, needs = 1, frozenset()

    def __init__(self, power: int = 2) -> None:
        self.power = power

    def value(self, signals):
        return signals.hidden.norm(dim=-1).pow(self.power).sum() / signals.tokens

class Wrong(torch.nn.Module):
    def forward(self, output1, output2, label):
        return output1
'''


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A module of the user's on Python's path."""
    (tmp_path / "benim_kaybim.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path / "benim_kaybim.py"
    sys.modules.pop("benim_kaybim", None)


def loss_of(use: str, **settings: Any) -> Any:
    return make("train/losses", PluginBlock(use=use, raw=settings))


def signals(first: Tensor, second: Tensor, labels: Tensor, count: int | None = None, learned: Any = None) -> Signals:
    nothing: Any = None
    pairs = PooledPairs(first, second, labels, torch.tensor(float(count or len(labels))))
    one = torch.tensor(1.0)
    return Signals(first, nothing, labels, one, learned=learned, pairs=pairs)


def some(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    made = [torch.randn(6, 5, generator=draw) for _ in range(2)]
    return made[0], made[1], torch.tensor([0, 1, 0, 1, 1, 0])


def test_margin_is_half_the_squared_distance_or_what_lacks_of_the_margin() -> None:
    first, second, labels = some()
    for distance in ("euclidean", "cosine"):
        total = 0.0
        for a, b, label in zip(first, second, labels.tolist(), strict=True):
            d = float((a - b).norm()) if distance == "euclidean" else 1 - float(torch.dot(a, b) / (a.norm() * b.norm()))
            total += 0.5 * (d**2 if label == 0 else max(0.0, 3.0 - d) ** 2)
        found = loss_of("margin", margin=3.0, distance=distance).value(signals(first, second, labels))
        assert float(found) == pytest.approx(total / 6, rel=1e-5)


def test_same_texts_cost_nothing_and_far_ones_neither() -> None:
    first = torch.eye(4)
    assert float(loss_of("margin").value(signals(first, first, torch.zeros(4)))) == pytest.approx(0, abs=1e-6)
    assert float(loss_of("margin", margin=0.5).value(signals(first, first.roll(1, 0), torch.ones(4)))) == 0


def test_pairs_count_by_the_global_batch() -> None:
    first, second, labels = some()
    for loss in (loss_of("margin"),):
        whole = loss.value(signals(first, second, labels))
        parts = [loss.value(signals(first[c], second[c], labels[c], 6)) for c in (slice(2), slice(2, 6))]
        torch.testing.assert_close(sum(parts), whole)


def test_a_plain_module_is_a_loss_of_pairs(own: Path) -> None:
    loss = loss_of("custom", loss="benim_kaybim:Siamese", settings={"margin": 2.0}, weight=0.5)
    assert loss.needs == {PAIRS}
    assert loss.weight == 0.5
    learned = loss.learned(None, None)
    assert [name for name, _ in learned.named_parameters()] == ["scale"]
    first, second, labels = some()
    found = loss.value(signals(first, second, labels, learned=learned))
    d = torch.nn.functional.pairwise_distance(first, second)
    wanted = ((1 - labels) * d**2 + labels * (2.0 - d).clamp(min=0) ** 2).mean()
    torch.testing.assert_close(found, wanted)
    parts = [loss.value(signals(first[c], second[c], labels[c], 6, learned)) for c in (slice(2), slice(2, 6))]
    torch.testing.assert_close(sum(parts), wanted)
    each = loss_of("custom", loss="benim_kaybim:EachPair")
    torch.testing.assert_close(each.value(signals(first, second, labels)), (first - second).square().sum(-1).mean())


def test_a_loss_of_ones_own_has_the_contract(own: Path) -> None:
    loss = loss_of("custom", loss="benim_kaybim:Length", settings={"power": 1})
    first, second, labels = some()
    torch.testing.assert_close(loss.value(signals(first, second, labels)), first.norm(dim=-1).sum())


def test_a_change_of_the_source_changes_the_hash(own: Path) -> None:
    block = PluginBlock(use="custom", raw={"loss": "benim_kaybim:Siamese"})
    before = identity("train/losses", block)
    own.write_text(OWN.replace("margin: float = 1.0", "margin: float = 3.0"))
    sys.modules.pop("benim_kaybim")
    assert identity("train/losses", block) != before


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("benim_kaybim:Yok", "cannot be imported"),
        ("yok_boyle_modul:Kayip", "cannot be imported"),
        ("subprocess:Popen", "neither"),
        ("os:getcwd", "no class"),
        ("benim_kaybim", "loss"),
    ],
)
def test_what_is_no_loss_is_refused_and_never_run(own: Path, name: str, said: str) -> None:
    with pytest.raises(PluginError, match=said):
        loss_of("custom", loss=name, settings={"args": "false"})


def test_a_module_that_gives_the_wrong_shape_says_so(own: Path) -> None:
    first, second, labels = some()
    with pytest.raises(PluginError, match="one number, or one a pair"):
        loss_of("custom", loss="benim_kaybim:Wrong").value(signals(first, second, labels))
    with pytest.raises(PluginError, match="cannot be built"):
        loss_of("custom", loss="benim_kaybim:Siamese", settings={"marj": 1})
