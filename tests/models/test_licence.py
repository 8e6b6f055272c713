"""The licence that a model's folder names: its card first, then its licence file, else nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from imbik.core.files import write_json
from imbik.models.folder import BaseOf
from imbik.models.licence import licence_of


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("README.md", "---\nlicense: apache-2.0\nlanguage: [tr]\n---\n# Model", "apache-2.0"),
        ("README.md", "---\nlicense: other\nlicense_name: llama3.2\n---\n", "llama3.2"),
        ("README.md", "---\nlicense: other\n---\n", "other"),
        ("README.md", "license: mit in plain words", ""),
        ("README.md", "---\n: [\n---\n", ""),
        ("LICENSE", "\n   ====\n  MIT License\n\nCopyright", "MIT License"),
        ("LICENSE", "x" * 80, "x" * 39 + "…"),
        ("config.json", '{"license": "gemma"}', "gemma"),
        ("notes.txt", "MIT", ""),
    ],
)
def test_where_it_stands(tmp_path: Path, name: str, text: str, wanted: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert licence_of(tmp_path) == wanted


def test_an_adapter_has_its_bases_too(tmp_path: Path) -> None:
    base, own = tmp_path / "base", tmp_path / "own"
    base.mkdir()
    own.mkdir()
    (base / "README.md").write_text("---\nlicense: gemma\n---\n", encoding="utf-8")
    write_json(own / "base.json", BaseOf(base=str(base)))
    assert licence_of(own) == "gemma"
    (own / "README.md").write_text("---\nlicense: mit\n---\n", encoding="utf-8")
    assert licence_of(own) == "mit over gemma"
