"""The audit chain: no content, no row names, every change found, no crash loses it."""

from __future__ import annotations

import multiprocessing
import os
import resource
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from imbik.core.errors import DiskFullError, RunFolderError
from imbik.privacy.audit import Audit, Entry, read_audit, verify


def entry(row: str = "musteri-42") -> Entry:
    """One decision."""
    return Entry("allowed", "public", "https://a.com:443", "93.184.216.34", "generate", "public", (row,), "ab12")


def chain(folder: Path, count: int = 10) -> Path:
    """A closed chain of so many lines."""
    audit = Audit(folder)
    audit.append([entry(f"musteri-{number}") for number in range(count)])
    audit.close()
    return audit.path


def lines(path: Path) -> list[bytes]:
    """Its lines without newlines."""
    return path.read_bytes().splitlines()


def test_a_line_holds_what_is_promised_and_never_the_rows_name(tmp_path: Path) -> None:
    path = chain(tmp_path, 2)
    text = path.read_text(encoding="utf-8")
    assert "musteri" not in text
    first, second = read_audit(path)
    assert (first.n, second.n) == (1, 2)
    assert (first.verdict, first.sensitivity, first.place, first.operator) == (
        "allowed",
        "public",
        "https://a.com:443",
        "ab12",
    )
    assert first.rows != second.rows


def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    chain(tmp_path)
    for name in ("audit.jsonl", ".audit.key", ".audit.head"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600


def test_whoever_holds_the_key_finds_a_row_again(tmp_path: Path) -> None:
    path = chain(tmp_path, 3)
    reopened = Audit(tmp_path)
    assert [line.n for line in read_audit(path) if reopened.keyed("musteri-1") in line.rows] == [2]
    reopened.close()
    other = Audit(tmp_path / "other")
    assert other.keyed("musteri-1") != reopened.keyed("musteri-1")
    other.close()


def _edit(found: list[bytes]) -> list[bytes]:
    return [found[0].replace(b"allowed", b"blocked"), *found[1:]]


def _edit_last(found: list[bytes]) -> list[bytes]:
    return [*found[:-1], found[-1].replace(b"public", b"secret")]


def _remove(found: list[bytes]) -> list[bytes]:
    return found[:4] + found[5:]


def _swap(found: list[bytes]) -> list[bytes]:
    return [found[1], found[0], *found[2:]]


def _cut_off(found: list[bytes]) -> list[bytes]:
    return found[:-2]


def _repeat(found: list[bytes]) -> list[bytes]:
    return [*found, found[-1]]


def _garbage(found: list[bytes]) -> list[bytes]:
    return [*found[:3], b"{", *found[4:]]


@pytest.mark.parametrize("change", [_edit, _edit_last, _remove, _swap, _cut_off, _repeat, _garbage])
def test_every_kind_of_edit_is_found(tmp_path: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    path = chain(tmp_path)
    assert verify(path) == 10
    path.write_bytes(b"\n".join(change(lines(path))) + b"\n")
    with pytest.raises(RunFolderError, match="audit chain was changed"):
        verify(path)


def test_a_torn_last_line_stays_and_the_chain_goes_on(tmp_path: Path) -> None:
    path = chain(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"n":11,"time":"2026-')
    audit = Audit(tmp_path)
    audit.append([entry()])
    audit.close()
    assert verify(path) == 12
    assert path.read_bytes().startswith(whole + b'{"n":11,"time":"2026-\n')
    assert [line.event for line in read_audit(path)][-2:] == ["torn", "decision"]


def test_a_full_disk_writes_no_half_group_and_says_so(tmp_path: Path) -> None:
    path = chain(tmp_path)
    size = path.stat().st_size
    audit = Audit(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 500, hard))
    try:
        with pytest.raises(DiskFullError):
            audit.append([entry() for _ in range(50)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.stat().st_size == size
    audit.append([entry()])
    audit.close()
    assert verify(path) == 11


def _append_many(folder: Path, count: int) -> None:
    audit = Audit(folder)
    for _ in range(count):
        audit.append([entry()])
    audit.close()


def test_two_processes_write_one_chain(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=_append_many, args=(tmp_path, 100)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert verify(tmp_path / "audit.jsonl") == 200


def test_five_thousand_decisions_stay_cheap(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    started = time.process_time()
    for number in range(5_000):
        audit.append([entry(str(number))])
    seconds = time.process_time() - started
    audit.close()
    assert seconds < 2.0
    assert verify(audit.path) == 5_000


def test_a_damaged_key_is_an_error(tmp_path: Path) -> None:
    chain(tmp_path)
    os.truncate(tmp_path / ".audit.key", 3)
    with pytest.raises(RunFolderError, match="key of the audit chain"):
        Audit(tmp_path)


def test_two_threads_write_one_chain(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    threads = [threading.Thread(target=lambda: [audit.append([entry()]) for _ in range(300)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    audit.close()
    assert verify(audit.path) == 1_200
