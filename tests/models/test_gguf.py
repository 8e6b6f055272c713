"""A GGUF file as a model: told from a folder, refused when it is none, and its absence of llama.cpp explained."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from imbik.core.errors import MissingExtraError, ModelError
from imbik.core.files import write_json
from imbik.core.types import Sensitivity
from imbik.models.folder import About
from imbik.models.gguf import check_gguf, hold_against, is_gguf, probe, tokenizer_home
from imbik.models.load import fingerprint, resolve, sensitivity_of
from imbik.models.opening import open_engine
from imbik.testing.tiny_models import make_model


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Begins like one; what follows only llama.cpp reads."""
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF" + bytes(64))
    return path


def test_a_file_is_found_where_a_folder_would_be(file: Path) -> None:
    assert resolve("model.gguf", file.parent) == file
    assert is_gguf(file)
    check_gguf(file)
    with pytest.raises(ModelError, match="neither a folder"):
        resolve("yok.gguf", file.parent)


def test_what_only_has_the_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(b"PK\x03\x04")
    with pytest.raises(ModelError, match="no GGUF file"):
        check_gguf(tmp_path / "a.gguf")
    with pytest.raises(ModelError, match="cannot be read"):
        check_gguf(tmp_path / "b.gguf")


def test_its_identity_is_its_bytes_and_its_tokenizer(file: Path) -> None:
    before = fingerprint(file)
    file.write_bytes(b"GGUF" + bytes(63) + b"x")
    other = fingerprint(file)
    make_model(file.parent / "m")
    (file.parent / "tokenizer.json").write_bytes((file.parent / "m" / "tokenizer.json").read_bytes())
    assert len({before, other, fingerprint(file)}) == 3


def test_sensitivity_is_what_lies_beside_it(file: Path) -> None:
    assert sensitivity_of(file)[0] is Sensitivity.PUBLIC
    assert "no imbik.json" in sensitivity_of(file)[1]
    write_json(file.parent / "imbik.json", About(sensitivity=Sensitivity.SPECIAL))
    assert sensitivity_of(file) == (Sensitivity.SPECIAL, "")


def test_a_student_shares_only_a_tokenizer_that_lies_beside_it(file: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"tokenizer\.json lies beside"):
        tokenizer_home(file)
    (tmp_path / "tokenizer.json").write_text("{}")
    assert tokenizer_home(file) == tmp_path
    assert tokenizer_home(tmp_path) == tmp_path


def test_without_llama_cpp_it_says_what_to_install(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llama_cpp", None)
    with pytest.raises(MissingExtraError, match=r"imbik\[gguf\]"):
        open_engine(file)


def test_a_tokenizer_that_means_other_tokens_is_refused(tmp_path: Path) -> None:
    tokenizer = make_model(tmp_path / "m").tokenizer
    own = list(tokenizer.backend_tokenizer.encode(probe().decode(), add_special_tokens=False).ids)
    hold_against(tokenizer, own, tmp_path)
    for wrong in (own[:-1], [*own, 7], [*own[:5], own[5] + 1, *own[6:]]):
        with pytest.raises(ModelError, match="differs from llama"):
            hold_against(tokenizer, wrong, tmp_path)
