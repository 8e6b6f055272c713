"""The sentence of `imbik privacy prove` counts what left and what stayed; a broken chain gives none."""

from __future__ import annotations

from pathlib import Path

import pytest

from imbik.advise.prove import prove
from imbik.core.errors import RunFolderError
from imbik.core.runfolder import RunFolder
from imbik.privacy.audit import Audit, Entry


def entry(verdict: str, place: str, rows: tuple[str, ...], level: str = "public", reason: str = "public") -> Entry:
    """A decision."""
    return Entry(verdict, level, place, "", "generation", reason, rows, "")


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run folder with nothing in it."""
    folder = RunFolder(tmp_path / "r")
    folder.create()
    return folder


def write(run: RunFolder, *entries: Entry) -> None:
    """Write a chain."""
    audit = Audit(run.path)
    audit.append(entries)
    audit.close()


def test_nothing_left(run: RunFolder) -> None:
    write(run, entry("allowed", "in_process", ("a", "b")), entry("allowed", "in_process", ("b",)))
    assert prove(run).startswith("Nothing left this machine; 2 rows were answered by models in this process")


def test_what_left_is_counted_by_level_and_place(run: RunFolder) -> None:
    write(
        run,
        entry("allowed", "https://api.x:443", ("a", "b")),
        entry("allowed", "https://api.x:443", ("a",)),
        entry("allowed", "https://api.x:443", ("c",), "internal", "contract: signed"),
        entry("allowed", "http://10.0.0.1:8000", ("d",), "special", "local: our room"),
        entry("blocked", "https://api.x:443", ("e", "f"), "confidential", "no"),
    )
    found = prove(run)
    for words in (
        "2 public rows were allowed to https://api.x:443",
        "1 internal rows were allowed to https://api.x:443",
        "1 rows were sent to http://10.0.0.1:8000, which the operator's file declares local",
        "2 rows were held back",
        "unbroken",
    ):
        assert words in found
    assert "othing left" not in found


def test_a_changed_chain_proves_nothing(run: RunFolder) -> None:
    write(run, entry("allowed", "https://api.x:443", ("a",)), entry("allowed", "in_process", ("b",)))
    path = run.path / "audit.jsonl"
    path.write_bytes(path.read_bytes().replace(b"api.x", b"api.y"))
    with pytest.raises(RunFolderError, match="was changed"):
        prove(run)


def test_a_run_without_questions_has_no_chain(run: RunFolder) -> None:
    with pytest.raises(RunFolderError, match="asked no teacher"):
        prove(run)
