"""The sentence of `imbik privacy prove` counts what left and what stayed; a broken chain gives none."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit_chains import decision
from imbik.advise.prove import prove
from imbik.core.errors import RunFolderError
from imbik.core.runfolder import RunFolder
from imbik.privacy.audit import Audit, Entry
from imbik.privacy.operator import Operator, read_operator


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
        "1 internal row was allowed to https://api.x:443",
        "1 row was sent to http://10.0.0.1:8000, which the operator's file declares local",
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


def with_recipe(run: RunFolder, lines: str) -> None:
    """The recipe of a run that has answers."""
    head = "name: r\ntasks: {source: x.jsonl, kind: qa}\nstudent: {architecture: llama}\n"
    (run.path / "recipe.yaml").write_text(head + lines)
    run.stage("2_answers").mkdir(exist_ok=True)


NOBODY = "Nothing left this machine; the run asked no teacher."
TEACHER = "teachers: {big: {use: openai, model: m}}\n"


def test_a_run_that_asked_no_teacher_needs_no_chain(run: RunFolder) -> None:
    assert prove(run) == NOBODY
    with_recipe(run, "generate: {from: reference}\n")
    assert prove(run) == NOBODY


@pytest.mark.parametrize("empty", [False, True])
def test_a_missing_or_empty_chain_of_a_run_with_a_teacher_proves_nothing(run: RunFolder, empty: bool) -> None:
    with_recipe(run, TEACHER)
    if empty:
        write(run)
    with pytest.raises(RunFolderError, match="holds no line" if empty else "is not there") as raised:
        prove(run)
    assert raised.value.exit_code == 1


def test_answers_that_were_replaced_count_too(run: RunFolder) -> None:
    with_recipe(run, TEACHER)
    run.retire("2_answers")
    with pytest.raises(RunFolderError, match="is not there"):
        prove(run)


def test_a_chain_that_was_taken_away_is_missed_whatever_the_recipe_says(run: RunFolder) -> None:
    write(run, entry("allowed", "https://api.x:443", ("a",)))
    (run.path / "audit.jsonl").unlink()
    with pytest.raises(RunFolderError, match="is not there"):
        prove(run)
    (run.path / ".audit.head").unlink()  # the run's key still says that there was one
    with pytest.raises(RunFolderError, match="is not there"):
        prove(run)


def test_stored_answers_are_counted_apart_unless_the_row_left_as_well(run: RunFolder) -> None:
    write(
        run,
        entry("stored", "https://api.x:443", ("a", "b")),
        entry("stored", "https://api.x:443", ("c",)),
        entry("allowed", "https://api.x:443", ("c",)),
    )
    found = prove(run)
    assert "1 public row was allowed to https://api.x:443" in found
    assert "2 rows were answered from the store of earlier runs" in found


def test_rows_of_a_batch_handed_over_before_had_left_and_are_no_stored_answers(run: RunFolder, tmp_path: Path) -> None:
    place, left = "https://api.x:443", "2026-11-24T21:00:00.000+00:00"
    operator = operator_with(tmp_path, CONTRACT)
    signed = "contract: Standart sözleşme (2026)"
    write(
        run,
        decision("collected", place, ("a", "b"), "internal", signed, left=left),
        decision("collected", place, ("c",), left=left),
        decision("allowed", place, ("c",), operator=operator.hash),
        decision("stored", place, ("b", "d"), "internal", operator=operator.hash),
        decision("collected", "http://10.0.0.1:8000", ("e",), reason="local: oda", left=left),
    )
    found = prove(run, operator)
    assert "1 public row was allowed to https://api.x:443 (contract: Standart sözleşme (2026); IE, eu-west-1)" in found
    assert (
        "2 internal rows had left for https://api.x:443 before, in a batch handed over under this run's name on "
        "2026-11-24 (contract: Standart sözleşme (2026); IE, eu-west-1)" in found
    )
    assert "1 row was answered from the store of earlier runs" in found
    assert "1 row was sent to http://10.0.0.1:8000, which the operator's file declares local" in found
    assert "Nothing left" not in found


def test_a_contract_of_today_is_not_said_of_a_batch_handed_over_under_another(run: RunFolder, tmp_path: Path) -> None:
    operator = operator_with(tmp_path, CONTRACT)
    left = decision("collected", "https://api.x:443", ("a",), reason="contract: eski", left="2026-11-24T21:00:00+00:00")
    write(run, left, decision("stored", "https://api.x:443", ("b",), operator=operator.hash))
    found = prove(run, operator)
    assert "on 2026-11-24 (contract: eski);" in found
    assert "Standart" not in found


def operator_with(tmp_path: Path, text: str) -> Operator:
    """An operator's file as it is read."""
    file = tmp_path / "operator.yaml"
    file.write_text(text, encoding="utf-8")
    return read_operator(file)


CONTRACT = "external:\n  - {host: api.x, contract: 'Standart sözleşme (2026)', country: IE, region: eu-west-1}\n"


def test_contract_and_country_stand_beside_what_left(run: RunFolder, tmp_path: Path) -> None:
    operator = operator_with(tmp_path, CONTRACT)
    reason = "contract: Standart sözleşme"
    write(run, decision(place="https://api.x:443", rows=("a",), reason=reason, operator=operator.hash))
    expected = "1 public row was allowed to https://api.x:443 (contract: Standart sözleşme (2026); IE, eu-west-1)"
    assert expected in prove(run, operator)
    changed = operator_with(tmp_path, CONTRACT.replace("IE", "US"))
    said = prove(run, changed)  # this file did not decide, so what it says of the country is not said
    assert "(contract: Standart sözleşme) (audit chain" in said
    assert "US" not in said


def test_cleaned_and_declassified_rows_are_counted_apart(run: RunFolder) -> None:
    write(
        run,
        decision(rows=("a", "b"), level="internal"),
        decision(rows=("a", "c"), level="internal", cleaned="pseudonymised"),
        decision(rows=("d",), level="confidential", cleaned="redacted"),
        decision(rows=("e",), declassified=True),
    )
    found = prove(run)
    for words in (
        "2 internal rows were allowed to https://api.example.com:443",
        "2 pseudonymised internal rows were allowed to https://api.example.com:443",
        "1 redacted confidential row was allowed to https://api.example.com:443",
        "1 row was declassified by two people",
    ):
        assert words in found


def test_lines_that_decide_nothing_move_no_row(run: RunFolder) -> None:
    """Accepted terms, the detectors' names and people's words stand in the chain too."""
    write(run, Entry("accepted", "", "big", "", "", "terms", ("a",), "", event="terms"))
    assert prove(run) == "Nothing left this machine (audit chain of 1 line, unbroken)."


def test_rows_asked_again_are_counted_once(run: RunFolder) -> None:
    write(run, *(decision(rows=tuple(f"r{n}" for n in range(start, start + 100))) for start in range(0, 1_000, 50)))
    assert "1,050 public rows were allowed" in prove(run)


def test_a_row_that_was_held_back_and_left_another_time_is_told(run: RunFolder) -> None:
    write(run, *(entry("blocked", "https://api.x:443", (row,), "confidential") for row in ("a", "b")))
    write(run, entry("allowed", "https://api.x:443", ("a",)))
    assert "2 rows were held back, 1 of which left another time (" in prove(run)
