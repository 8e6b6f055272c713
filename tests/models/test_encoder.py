"""A local encoder: vectors of length one, the same for a text alone and in a batch; a folder without one is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imbik.core.errors import InputError
from imbik.models.encoder import Encoder
from imbik.refine.claims.library import library
from imbik.testing.tiny_models import make_model

TEXTS = ["elma armut", "borçlu temerrüde düşer ve faiz öder", "İstanbul 1453'te alındı"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("encoder")
    make_model(made, texts=TEXTS * 20)
    return made


def test_vectors_have_length_one_whatever_the_batch(folder: Path) -> None:
    encoder = Encoder(folder)
    together = encoder.encode(TEXTS)
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
    assert np.allclose(together, alone, atol=1e-4)


def test_a_library_finds_a_text_by_its_own_words(folder: Path, tmp_path: Path) -> None:
    for number, text in enumerate(TEXTS):
        (tmp_path / f"{number}.txt").write_text(f"{text} ve başka şeyler", encoding="utf-8")
    shelf = library(tmp_path, "tr", folder)
    assert shelf.nearest(f"{TEXTS[1]} ve başka şeyler", 1)[0].file == "1.txt"


def test_a_folder_without_an_encoder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no encoder here"):
        Encoder(tmp_path)
