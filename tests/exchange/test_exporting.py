"""One export: whole or not there, past the gate, on record, and never with a row that was erased."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import msgspec
import psutil
import pytest

from exchangekit import lay, lines, made, small, talk, texts, turned_away
from fake_hub import FakeHub
from imbik.advise.forget.work import forget
from imbik.core.errors import BlockedError, ImbikError, RunFolderError, UsageError
from imbik.core.runfolder import RunFolder
from imbik.core.tombstones import PENDING
from imbik.core.types import Sensitivity
from imbik.exchange import exporting
from imbik.exchange.exporting import Order, export
from imbik.exchange.records import exports_of
from imbik.exchange.rows import Wanted
from imbik.privacy.account import what_left
from imbik.privacy.audit import AuditLine, read_audit
from stagekit import make_sample

TCKN = "10000000146"


def operator(text: str) -> None:
    """Write the user's own operator's file."""
    path = Path(os.environ["XDG_CONFIG_HOME"]) / "imbik" / "operator.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def audited(run: RunFolder) -> list[AuditLine]:
    return [line for line in read_audit(run.path / "audit.jsonl") if line.purpose == "data"]


def mixed(folder: Path) -> RunFolder:
    """Three rows of three levels."""
    levels = (Sensitivity.PUBLIC, Sensitivity.INTERNAL, Sensitivity.CONFIDENTIAL)
    rows = [make_sample(talk(f"t{n}", f"soru {n}", sensitivity=level), 0, "evet", "") for n, level in enumerate(levels)]
    return lay(folder, rows, level="sensitivity")


def test_splits_are_kept_apart_and_all_rows_are_accounted_for(tmp_path: Path) -> None:
    folder, done = made(small(tmp_path), "chatml")
    assert {path.name for path in folder.iterdir()} == {"train.jsonl", "validation.jsonl", "test.jsonl", "README.md"}
    ids = {path.stem: [row["id"] for row in lines(path)] for path in folder.glob("*.jsonl")}
    assert ids == {"train": ["t1#t#0"], "validation": ["t2#t#0"], "test": ["t8#reference"]}
    assert done.left.reasons == {"held out, and no answer is known": 1}
    assert done.total + done.left.total == 4


def test_only_some_sets(tmp_path: Path) -> None:
    folder, done = made(small(tmp_path), "chatml", wanted=Wanted(sets=("train",)))
    assert [path.name for path in folder.glob("*.jsonl")] == ["train.jsonl"]
    assert done.left.reasons == {"of a set that was not asked for": 3}
    with pytest.raises(UsageError, match="no set 'trian'; did you mean 'train'"):
        made(small(tmp_path / "b"), "chatml", wanted=Wanted(sets=("trian",)))


def test_reviewed_rows_are_taken_where_experts_were_asked(tmp_path: Path) -> None:
    sample = make_sample(talk("t1", "soru"), 0, "yanlış", "")
    edited = msgspec.structs.replace(sample, answer="doğru")
    run = lay(tmp_path, [sample], reviewed=[edited], extra="review: {sample: 1.0, experts: 1}")
    folder, _ = made(run, "alpaca")
    assert lines(folder / "train.jsonl")[0]["output"] == "doğru"


def test_files_are_for_their_owner_alone_and_nothing_half_done_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = small(tmp_path)
    folder, _ = made(run, "hf")
    assert {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()} == {0o600}

    def full(*_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(exporting, "dataset_card", full)
    with pytest.raises(OSError, match="No space"):
        made(run, "chatml")
    assert [path.name for path in (run.path / "data").iterdir()] == ["hf"]
    assert len(exports_of(run)) == 1


def test_an_export_of_the_same_name_is_moved_aside(tmp_path: Path) -> None:
    run = small(tmp_path)
    made(run, "chatml", wanted=Wanted(reasoning="none"))
    folder, done = made(run, "chatml")
    assert "Yasa" in (folder / "train.jsonl").read_text(encoding="utf-8")
    assert "Yasa" not in (Path(done.replaced) / "train.jsonl").read_text(encoding="utf-8")
    assert Path(done.replaced).parent.parent == run.path / "old"


def test_a_folder_of_this_machine(tmp_path: Path) -> None:
    run = small(tmp_path)
    export(run, Order("chatml", to=str(tmp_path / "teslim" / "veri")))
    assert len(lines(tmp_path / "teslim" / "veri" / "train.jsonl")) == 1
    assert not (run.path / "data").exists()
    (line,) = audited(run)
    assert (line.verdict, line.place, len(line.rows)) == ("allowed", "folder", 3)
    assert "3 rows were handed to a folder of this machine" in what_left(run.path)
    with pytest.raises(UsageError, match="nothing is overwritten"):
        export(run, Order("chatml", to=str(tmp_path / "teslim" / "veri")))
    with pytest.raises(UsageError, match="where an erasure finds them"):
        export(run, Order("chatml", to=str(run.path / "3_refined" / "x")))


class Mount(NamedTuple):
    """What psutil says of a mounted file system."""

    device: str
    mountpoint: str
    fstype: str


def test_a_folder_on_a_server_that_nobody_declared_gets_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = mixed(tmp_path / "run")
    share = tmp_path / "paylasim"
    share.mkdir()
    mounts = [Mount("/dev/sda1", "/", "ext4"), Mount("10.9.8.7:/export", str(share), "nfs4")]
    monkeypatch.setattr(psutil, "disk_partitions", lambda **_: mounts)
    with pytest.raises(BlockedError, match="2 of 3 rows may not leave: .*rows may not go to nfs4://10.9.8.7"):
        export(run, Order("chatml", to=str(share / "veri")))
    assert not list(share.iterdir())
    assert not (run.path / "data").exists()
    assert {(line.verdict, line.sensitivity) for line in audited(run)} == {
        ("blocked", "internal"), ("blocked", "confidential")
    }  # fmt: skip
    assert exports_of(run) == []
    operator("local: [{host: 10.9.8.7, ports: [2049], attestation: our own store}]")
    export(run, Order("chatml", to=str(share / "veri")))
    assert len(lines(share / "veri" / "train.jsonl")) == 3


def test_a_hub_gets_public_rows_and_nothing_more_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMBIK_HF_TOKEN", "gizli-jeton-1234")
    run = mixed(tmp_path)
    with FakeHub() as hub:
        with pytest.raises(BlockedError, match="2 of 3 rows may not leave"):
            export(run, Order("chatml", to="hub:org/veri", hub=hub.url))
        assert hub.requests == []
        done = export(run, Order("chatml", to="hub:org/veri", hub=hub.url, at_most=Sensitivity.PUBLIC))
        assert set(hub.files) == {"README.md", "train.jsonl"}
        assert b"soru 0" in hub.files["train.jsonl"]
        assert b"soru 1" not in hub.files["train.jsonl"]
        assert any("/datasets/" in path for _, path, _ in hub.requests)
    assert done.left.reasons == {"more private than public": 2}
    (kept,) = exports_of(run)
    assert (kept.inside, kept.rows, kept.sensitivity) == (False, {"train": 1}, Sensitivity.PUBLIC)
    assert kept.where.endswith("/datasets/org/veri")
    assert "1 public row was allowed to http://127.0.0.1" in what_left(run.path)


def test_a_row_in_which_an_identifier_is_found_is_no_public_row(tmp_path: Path) -> None:
    rows = [make_sample(talk("t1", f"Kimlik numaram {TCKN}, neden?"), 0, "Bakıyoruz.", "")]
    run = lay(tmp_path, [*rows, make_sample(talk("t2", "Selam"), 0, "Selam.", "")], level="public")
    with FakeHub() as hub:
        with pytest.raises(BlockedError, match="1 of 2 rows may not leave: detectors found personal data"):
            export(run, Order("chatml", to="hub:org/veri", hub=hub.url))
        assert hub.requests == []
    (line,) = audited(run)
    assert (line.verdict, line.marked, [name.partition("@")[0] for name in line.found]) == (
        "blocked", "public", ["tckn"]
    )  # fmt: skip


def test_no_confidential_rows_make_a_public_repository(tmp_path: Path) -> None:
    with FakeHub() as hub:
        operator(f"local: [{{host: 127.0.0.1, ports: [{hub.port}], attestation: our own hub}}]")
        with pytest.raises(BlockedError, match="go to no public repository"):
            export(mixed(tmp_path), Order("chatml", to="hub:org/veri", hub=hub.url, public=True))
        assert hub.requests == []


def test_erased_rows_are_not_in_it(tmp_path: Path) -> None:
    run = small(tmp_path)
    forget(run, [], frozenset({"t1"}))
    folder, _ = made(run, "chatml")
    assert not (folder / "train.jsonl").exists()
    assert not any("Işık" in text for path in folder.glob("*.jsonl") for text in texts(lines(path)))
    assert "erased since (KVKK art. 7) and are not in this data: 1." in (folder / "README.md").read_text(
        encoding="utf-8"
    )


def test_nothing_is_exported_of_a_run_that_is_half_erased_or_was_erased_from_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = small(tmp_path)
    card = exporting.dataset_card

    def meanwhile(*words: object) -> str:
        forget(run, [], frozenset({"t1"}))
        return card(*words)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(exporting, "dataset_card", meanwhile)
        with pytest.raises(ImbikError, match=r"erased from this run meanwhile|removed meanwhile"):
            made(run, "chatml")
    assert not (run.path / "data").exists()
    (run.path / PENDING).write_text("{}")
    with pytest.raises(ImbikError, match="was interrupted"):
        made(run, "chatml")


def test_a_run_that_is_not_that_far(tmp_path: Path) -> None:
    run = small(tmp_path)
    for path in run.stage("3_refined").iterdir():
        path.unlink()
    run.stage("3_refined").rmdir()
    with pytest.raises(RunFolderError, match="not here yet"):
        made(run, "chatml")


def test_nothing_to_hand_over(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nothing to hand over: 2 more private than public"):
        rows = [make_sample(talk(f"t{n}", "x", sensitivity=Sensitivity.INTERNAL), 0, "evet", "") for n in range(2)]
        made(lay(tmp_path, rows), "chatml", at_most=Sensitivity.PUBLIC)


def test_rejected_answers_lie_beside_the_sets_with_their_reasons(tmp_path: Path) -> None:
    import datasets

    task, secret = talk("t1", "soru"), talk("t2", "gizli soru", sensitivity=Sensitivity.CONFIDENTIAL)
    bad = [turned_away(make_sample(one, 1, "yanlış", ""), "answer", "'yanlış' is not known") for one in (task, secret)]
    run = lay(tmp_path, [make_sample(task, 0, "doğru", "")], rejected=[bad])
    folder, done = made(run, "parquet", rejected=True, at_most=Sensitivity.INTERNAL)
    (row,) = lines(folder / "rejected.jsonl")
    assert (row["id"], row["by"], row["reason"]) == ("t1#t#1", "answer", "'yanlış' is not known")
    assert row["messages"][-1] == {"role": "assistant", "content": "yanlış"}
    assert (done.rows, done.rejected) == ({"train": 1}, 1)
    loaded = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    assert {name: rows.num_rows for name, rows in loaded.items()} == {"train": 1}
    assert "in `rejected.jsonl` with their reasons: 1." in (folder / "README.md").read_text(encoding="utf-8")
