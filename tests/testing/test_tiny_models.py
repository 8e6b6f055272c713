"""Tiny models work like real ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from imbik.core.questions import Sampling
from imbik.core.types import Message, Sensitivity
from imbik.models.engines.transformers import TransformersEngine
from imbik.models.init import ARCHITECTURES
from imbik.models.load import load
from imbik.models.tokens import encode_prompt
from imbik.testing.tiny_models import make_model, make_tokenizer


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_they_load_and_answer(tmp_path: Path, architecture: str) -> None:
    made = make_model(tmp_path / "model", architecture=architecture, sensitivity=Sensitivity.SPECIAL)
    model = load(tmp_path / "model")
    assert made.parameters == model.parameters < 30_000
    assert model.sensitivity is Sensitivity.SPECIAL
    prompt = encode_prompt(model.tokenizer, [Message(role="user", content="Kaç elma?")])
    assert TransformersEngine(model).generate([prompt], [Sampling(max_tokens=3)], seeds=[0])[0].ids
    assert not list(tmp_path.glob(".*"))
    assert not (tmp_path / "model" / ".tokenizer").exists()


def test_own_texts_template_and_tokenizer(tmp_path: Path) -> None:
    tokenizer = make_tokenizer(tmp_path / "t", texts=["kırmızı kırmızı"], vocabulary=300)
    model = make_model(tmp_path / "m", tokenizer=tokenizer, chat_template="{{ messages[0]['content'] }}?")
    assert len(model.tokenizer.encode("kırmızı")) < 4
    assert load(tmp_path / "m").tokenizer.chat_template == "{{ messages[0]['content'] }}?"
    assert model.folder == tmp_path / "m"


def test_the_seed_decides_the_weights(tmp_path: Path) -> None:
    identities = {make_model(tmp_path / str(n), seed=n // 2).identity for n in range(4)}
    assert len(identities) == 2
