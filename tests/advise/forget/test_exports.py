"""Exports of data: what holds an erased row goes as a whole, what lies elsewhere is named, the rest stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchangekit import lay, made, talk
from imbik.advise.forget import told
from imbik.advise.forget.places import How, files_of
from imbik.advise.forget.sweep import sweep
from imbik.advise.forget.work import Done, forget
from imbik.core.runfolder import RunFolder
from imbik.exchange.exporting import Order, export
from imbik.exchange.records import exports_of
from imbik.exchange.rows import Wanted
from imbik.privacy.person import Person
from stagekit import make_sample

WHO = Person(["Ayşe Yılmaz"])
FORMS = ("chatml", "openai", "alpaca", "sharegpt", "parquet", "hf")


def run_with_her(folder: Path) -> RunFolder:
    """She is in a training row, and in an answer to somebody else's."""
    rows = [
        make_sample(talk("t1", "Ben Ayşe Yılmaz, kartım nerede?"), 0, "Yolda.", ""),
        make_sample(talk("t2", "Kargo nerede?"), 0, "Bunu sorun: Ayşe Yılmaz", ""),
        make_sample(talk("t3", "Selam"), 0, "Selam.", ""),
    ]
    return lay(folder, rows, tasks=[(talk("t4", "Kolay gelsin"), "train")])


def erase(run: RunFolder, *rows: str) -> Done:
    return forget(run, [] if rows else ["Ayşe Yılmaz"], frozenset(rows))


@pytest.mark.parametrize("form", FORMS)
def test_every_format_with_her_in_it_is_found_and_goes(tmp_path: Path, form: str) -> None:
    run = run_with_her(tmp_path)
    folder, _ = made(run, form)
    assert any(folder in hit.parents for hit in sweep(run, WHO).hits)
    done = erase(run)
    assert done.receipt is not None
    assert not folder.exists()
    assert done.receipt.counts["exports of data"] == 1
    assert (done.receipt.named_after, exports_of(run)) == (0, [])
    folder, again = made(run, form)
    assert again.rows == {"train": 1}
    assert sweep(run, WHO).hits == ()


@pytest.mark.parametrize("form", ["openai", "hf"])
def test_a_row_that_is_erased_by_its_id_is_found_by_the_record(tmp_path: Path, form: str) -> None:
    run = run_with_her(tmp_path)
    with_it, _ = made(run, form)
    without, _ = made(run, "alpaca", wanted=Wanted(reasoning="none"))
    assert with_it.exists()
    done = erase(run, "t3")
    assert done.receipt is not None
    assert done.receipt.counts["exports of data"] == 2
    assert not with_it.exists()
    assert not without.exists()


def test_an_export_without_the_row_stays(tmp_path: Path) -> None:
    run = run_with_her(tmp_path)
    erase(run, "t3")
    folder, _ = made(run, "chatml")
    before = (folder / "train.jsonl").read_bytes()
    done = erase(run, "t4")  # it was never answered
    assert done.receipt is not None
    assert (folder / "train.jsonl").read_bytes() == before
    assert len(exports_of(run)) == 1


def test_one_that_was_replaced_and_one_that_was_changed_since(tmp_path: Path) -> None:
    run = run_with_her(tmp_path)
    made(run, "chatml")
    folder, again = made(run, "chatml", wanted=Wanted(reasoning="none"))
    (folder / "notes.md").write_text("elle eklendi")
    assert {item.how for item in files_of(run.path) if "data" in str(item.path)} == {How.EXPORT}
    done = erase(run, "t1")
    assert done.receipt is not None
    assert done.receipt.counts["exports of data"] == 2
    assert not folder.exists()
    assert not Path(again.replaced).exists()


def test_what_lies_elsewhere_is_named_and_not_touched(tmp_path: Path) -> None:
    run = run_with_her(tmp_path / "a")
    place = tmp_path / "teslim"
    export(run, Order("chatml", to=str(place), command="imbik data export destek --format chatml"))
    looked = forget(run, ["Ayşe Yılmaz"], agree=lambda plan: False).plan
    assert looked is not None
    said = "holds 2 of these rows and lies outside of the run"
    assert any(str(place) in line and said in line for line in told.of_plan(looked, excerpts=False))
    done = erase(run)
    assert done.receipt is not None
    (remains,) = [item for item in done.receipt.remains if item.path == str(place)]
    assert said in remains.why
    assert (place / "train.jsonl").exists()
    assert len(exports_of(run)) == 1


def test_what_goes_is_said_before(tmp_path: Path) -> None:
    run = run_with_her(tmp_path)
    made(run, "parquet")
    looked = forget(run, ["Ayşe Yılmaz"], agree=lambda plan: False).plan
    assert looked is not None
    assert any("the export data/parquet holds some of this" in note for note in looked.notes)
    assert (run.path / "data" / "parquet").exists()
