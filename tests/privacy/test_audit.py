"""The audit chain: no content, no row names, every change found, no crash loses it."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import random
import resource
import threading
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from imbik.core.errors import BlockedError, DiskFullError, ExitCode, RunFolderError
from imbik.privacy.account import account
from imbik.privacy.audit import Audit, Entry, read_audit, verify
from imbik.privacy.chain import HEAD_NAME


def entry(row: str = "musteri-42") -> Entry:
    """One decision."""
    return Entry("allowed", "public", "https://a.com:443", "93.184.216.34", "generate", "public", (row,), "ab12")


def chain(folder: Path, count: int = 10) -> Path:
    """A closed chain of so many lines."""
    audit = Audit(folder)
    audit.append([entry(f"musteri-{number}") for number in range(count)])
    audit.close()
    return audit.path


def sha(line: bytes) -> bytes:
    """Hex SHA-256."""
    return hashlib.sha256(line).hexdigest().encode()


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


def _space(found: list[bytes]) -> list[bytes]:
    return [*found[:-1], found[-1].replace(b",", b", ", 1)]


def _doubled_key(found: list[bytes]) -> list[bytes]:
    return [*found[:-1], found[-1].replace(b"{", b'{"n":10,', 1)]


def _empty_line(found: list[bytes]) -> list[bytes]:
    return [*found[:5], b"", *found[5:]]


def _empty_end(found: list[bytes]) -> list[bytes]:
    return [*found, b""]


def _garbage(found: list[bytes]) -> list[bytes]:
    return [*found[:3], b"{", *found[4:]]


KINDS = [_edit, _edit_last, _remove, _swap, _cut_off, _repeat, _space, _doubled_key, _empty_line, _empty_end, _garbage]


@pytest.mark.parametrize("change", KINDS)
def test_every_kind_of_edit_is_found(tmp_path: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    path = chain(tmp_path)
    assert verify(path) == 10
    path.write_bytes(b"\n".join(change(lines(path))) + b"\n")
    with pytest.raises(RunFolderError, match="audit chain was changed"):
        verify(path)


@pytest.mark.parametrize("byte", [b"x", b" ", b"{", b"\r", b"\x00", b"\n"])
def test_a_byte_behind_the_last_line_is_found(tmp_path: Path, byte: bytes) -> None:
    path = chain(tmp_path)
    path.write_bytes(path.read_bytes() + byte)
    with pytest.raises(RunFolderError, match="has no end|cannot be read"):
        verify(path)


def test_a_lost_last_newline_is_found(tmp_path: Path) -> None:
    path = chain(tmp_path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(RunFolderError, match="line 10 has no end"):
        verify(path)


def torn_chain(folder: Path, torn: bytes) -> Path:
    """A chain with a torn line in its middle, named by a repair line."""
    path = chain(folder, 3)
    with path.open("ab") as stream:
        stream.write(torn)
    audit = Audit(folder)
    audit.append([entry()])
    audit.close()
    return path


def test_every_byte_of_a_chain_is_held_torn_lines_too(tmp_path: Path) -> None:
    path = torn_chain(tmp_path, b'{"n":4,"time":"2026-')
    whole, draw = path.read_bytes(), random.Random(1)
    for at in range(len(whole)):
        other, inserted = bytes([whole[at] ^ (1 << draw.randrange(8))]), bytes([draw.randrange(256)])
        changed = whole[:at] + draw.choice([other + whole[at + 1 :], whole[at + 1 :], inserted + whole[at:]])
        if changed == whole:
            continue
        path.write_bytes(changed)
        with pytest.raises(RunFolderError):
            verify(path)
    path.write_bytes(whole)
    assert verify(path) == 5


def test_a_line_torn_just_before_its_newline_is_named_as_well(tmp_path: Path) -> None:
    other = chain(tmp_path / "b", 4).read_bytes().splitlines()[3]
    assert verify(torn_chain(tmp_path / "a", other)) == 5


@pytest.mark.parametrize("keep", [0, 5])
def test_a_chain_that_was_cut_off_is_not_written_on(tmp_path: Path, keep: int) -> None:
    """Else its new end would become the head, and the cut would never be seen again."""
    path = chain(tmp_path)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:keep]))
    audit = Audit(tmp_path)
    with pytest.raises(RunFolderError, match="was changed"):
        audit.append([entry()])
    assert len(lines(path)) == keep


def test_a_chain_whose_end_was_changed_is_not_written_on(tmp_path: Path) -> None:
    path = chain(tmp_path)
    path.write_bytes(path.read_bytes().replace(lines(path)[-1], _edit_last(lines(path))[-1]))
    with pytest.raises(RunFolderError, match="line 10 is not the line that was written"):
        Audit(tmp_path).append([entry()])


def test_lines_written_before_later_fields_were_added_still_verify(tmp_path: Path) -> None:
    """The first chain that imbik wrote, byte by byte: two decisions of a run of issue 1."""
    first = (
        b'{"n":1,"time":"2026-11-22T10:00:00.000+00:00","event":"decision","prev":"' + b"0" * 64 + b'","verdict":'
        b'"allowed","sensitivity":"public","place":"https://api.example.com:443","address":"93.184.216.34","purpose":'
        b'"generation","reason":"public","rows":["0123456789abcdef0123456789abcdef"]}'
    )
    second = first.replace(b'"n":1', b'"n":2').replace(b"0" * 64, sha(first))
    path = tmp_path / "audit.jsonl"
    path.write_bytes(first + b"\n" + second + b"\n")
    (tmp_path / HEAD_NAME).write_bytes(b'{"n":2,"hash":"' + sha(second) + b'"}')
    assert account(tmp_path).head.n == 2


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


def test_reading_holds_one_line_at_a_time(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    audit.append([entry(str(number)) for number in range(20_000)])
    audit.close()
    size = audit.path.stat().st_size
    tracemalloc.start()
    try:
        assert verify(audit.path) == 20_000
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 1_000_000 < size / 5


def test_readers_see_whole_groups_while_a_chain_is_written(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    audit.append([entry()])
    writer = threading.Thread(target=lambda: [audit.append([entry() for _ in range(50)]) for _ in range(60)])
    writer.start()
    seen = []
    while writer.is_alive():
        seen.append(verify(audit.path))
    writer.join()
    audit.close()
    assert all(count % 50 == 1 for count in seen)
    assert verify(audit.path) == 3_001


def test_the_chain_goes_on_after_a_line_of_any_length(tmp_path: Path) -> None:
    # One that names every row of an erasure is longer than the piece of the file's end that is read first.
    many = Entry("", "", "", "", "", "receipt", tuple(f"r{number}" for number in range(40_000)), "", event="retained")
    audit = Audit(tmp_path)
    audit.append([entry(), many])
    audit.close()
    assert audit.path.stat().st_size > 1 << 20
    audit = Audit(tmp_path)
    audit.append([entry("sonra")])
    audit.close()
    with audit.path.open("ab") as stream:
        stream.write(b'{"n":4,"time"')  # a torn line behind it
    audit = Audit(tmp_path)
    audit.append([entry("en sonra")])
    audit.close()
    assert [line.event for line in read_audit(audit.path)] == ["decision", "retained", "decision", "torn", "decision"]
    assert account(tmp_path).torn == 1


@pytest.mark.parametrize("kind", ["null", "link", "pipe", "folder"])
def test_what_keeps_no_lines_is_refused_before_anything_leaves(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "audit.jsonl"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/null" if kind == "null" else tmp_path / "baska.jsonl")
    with pytest.raises(BlockedError, match="no regular file") as raised:
        Audit(tmp_path)
    assert raised.value.exit_code == ExitCode.BLOCKED
    assert raised.value.next
    if kind == "pipe":
        with pytest.raises(RunFolderError, match="no regular file"):
            verify(path)
