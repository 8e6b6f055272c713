"""Validation: the shares are what greedy decoding of the same rows gets right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from imbik.core.plugins import PluginBlock, make
from imbik.testing.tiny_models import make_model
from imbik.train.module import StudentModule
from imbik.train.rows import Row
from imbik.train.validation import Validation, validate


def test_shares_are_those_of_greedy_decoding(tmp_path: Path) -> None:
    network = make_model(tmp_path / "m", hidden_size=32).network.eval()
    draw, rows, right = np.random.default_rng(0), [], []
    for number in range(9):
        prompt = torch.as_tensor(draw.integers(5, 300, 3 + number % 4))[None]
        wrong = number % 3
        with torch.no_grad():
            for _ in range(5):
                prompt = torch.cat([prompt, network(prompt).logits[:, -1:].argmax(-1)], 1)
        ids = prompt[0].numpy().astype(np.int32)
        if wrong:
            ids[-1] = (ids[-1] + 1) % 300
        rows.append(Row(f"r{number}", ids, np.arange(len(ids) - 6, len(ids) - 1)))
        right.append(not wrong)
    module = StudentModule(network, [make("train/losses", PluginBlock(use="cross_entropy"))])
    found = [
        validate(module, rows, module.losses, size=size, precision="fp32", metric="exact_match") for size in (4, 9)
    ]
    for one in found:
        assert one.exact_match == pytest.approx(sum(right) / 9)
        assert one.token_accuracy == pytest.approx(1 - 6 / 45)
    plain = validate(module, rows, module.losses, size=4, precision="fp32")
    assert plain.loss == pytest.approx(found[0].loss, rel=1e-6)
    assert plain.exact_match is None


def test_what_is_to_fall() -> None:
    found = Validation(loss=2.0, token_accuracy=0.75, exact_match=0.25)
    assert (found.judged("loss"), found.judged("token_accuracy"), found.judged("exact_match")) == (2.0, 0.25, 0.75)
