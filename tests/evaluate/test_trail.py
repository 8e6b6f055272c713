"""What the report says of privacy, spend and rows, from the run's own books."""

from __future__ import annotations

from pathlib import Path

import pytest

from imbik.advise.prove import prove
from imbik.core.errors import RunFolderError
from imbik.core.runfolder import RunFolder
from imbik.evaluate.trail import privacy_sentence
from imbik.privacy.audit import Audit, Entry


def entry(verdict: str, place: str, rows: tuple[str, ...], *, address: str = "", reason: str = "") -> Entry:
    return Entry(verdict, "public", place, address, "generation", reason, rows, "")


def written(folder: Path, entries: list[Entry]) -> RunFolder:
    audit = Audit(folder)
    audit.append(entries)
    audit.close()
    return RunFolder(folder)


def test_a_run_that_asked_nobody(tmp_path: Path) -> None:
    assert privacy_sentence(RunFolder(tmp_path)) == "Nothing left this machine; the run asked no teacher."
    assert privacy_sentence(written(tmp_path / "b", [])) == "Nothing left this machine; the run asked no teacher."


def test_models_in_this_process_let_nothing_out(tmp_path: Path) -> None:
    run = written(tmp_path, [entry("allowed", "in_process", ("a", "b"))] * 3)
    assert privacy_sentence(run) == (
        "Nothing left this machine; 2 rows were answered by models in this process (audit chain of 3 lines, unbroken)."
    )


def test_stored_answers_are_told_apart(tmp_path: Path) -> None:
    run = written(tmp_path / "a", [entry("stored", "https://api.example", tuple(map(str, range(54))))])
    assert privacy_sentence(run) == (
        "Nothing left this machine; 54 rows were answered from the store of earlier runs "
        "(audit chain of 1 line, unbroken)."
    )


def test_rows_are_counted_once_for_each_place(tmp_path: Path) -> None:
    run = written(
        tmp_path,
        [
            entry("allowed", "https://api.example", ("a", "b"), address="1.2.3.4:443", reason="public"),
            entry("allowed", "https://api.example", ("b", "c"), address="1.2.3.4:443", reason="public"),
            entry("allowed", "http://gpu", ("d",), address="10.0.0.2:80", reason="local: our rack"),
            entry("blocked", "https://api.example", ("e",), address="1.2.3.4:443"),
        ],
    )
    assert privacy_sentence(run) == (
        "3 public rows were allowed to https://api.example; 1 row was sent to http://gpu, which the operator's file "
        "declares local; 1 row was held back (audit chain of 4 lines, unbroken)."
    )


def test_the_report_and_prove_say_the_same(tmp_path: Path) -> None:
    run = written(tmp_path, [entry("allowed", "https://x", ("a",)), entry("stored", "https://x", ("a", "b"))])
    assert privacy_sentence(run) == prove(run)


def test_a_changed_chain_is_never_called_whole(tmp_path: Path) -> None:
    run = written(tmp_path, [entry("allowed", "in_process", ("a",)), entry("blocked", "https://x", ("b",))])
    path = tmp_path / "audit.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"blocked"', b'"allowed"'))
    with pytest.raises(RunFolderError, match="audit chain"):
        privacy_sentence(run)
