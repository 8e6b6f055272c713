"""The command line run in this process: exit code, stdout, stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from imbik.cli.main import run_command


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


Imbik = Callable[..., Ended]


@pytest.fixture
def imbik(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Imbik:
    """Type a command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IMBIK_DEBUG", raising=False)
    monkeypatch.setenv("COLUMNS", "120")

    def type_it(*words: object) -> Ended:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["imbik", *map(str, words)])
        code = run_command()
        return Ended(int(code), *capsys.readouterr())

    return type_it
