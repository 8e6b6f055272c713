"""The command line run in this process: exit code, stdout, stderr."""

from __future__ import annotations

import csv
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from imbik.cli.main import run_command
from imbik.core.errors import ExitCode


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
    monkeypatch.setenv("IMBIK_DEBUG", "")  # so that --debug of one test is taken back after it
    monkeypatch.setenv("COLUMNS", "120")

    def type_it(*words: object) -> Ended:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["imbik", *map(str, words)])
        code = run_command()
        return Ended(int(code), *capsys.readouterr())

    return type_it


LABELS = ("iade", "kargo", "ödeme")


def write_messages(path: Path, rows: int = 90) -> None:
    """Turkish customer messages as Excel writes them here: semicolons, cp1254."""
    draw = random.Random(1)
    with path.open("w", encoding="cp1254", newline="") as stream:
        writer = csv.writer(stream, delimiter=";")
        writer.writerow(["mesaj", "etiket"])
        for number in range(rows):
            label = draw.choice(LABELS)
            writer.writerow([f"{number}. siparişim için {label} hakkında ğüşıöç yardım", label])


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`imbik init`, `imbik run` in a folder of its own; returns the folder."""
    folder = tmp_path_factory.mktemp("own-data")
    write_messages(folder / "messages.csv")
    small = (
        "train.steps=12",
        "train.threads=1",
        "train.precision=fp32",
        "evaluate.resamples=100",
        "student.hidden_size=32",
    )
    changes = [word for setting in small for word in ("--set", setting)]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for words in (["init", "my-run", "--from", "messages.csv"], ["run", "my-run/recipe.yaml", "-q", *changes]):
            patch.setattr(sys, "argv", ["imbik", *words])
            assert run_command() == ExitCode.DONE
    return folder
