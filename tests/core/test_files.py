"""Files are whole or absent, errors name file and line, hashes do not depend on key order."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbik.core.errors import DiskFullError, RunFolderError
from imbik.core.files import (
    atomic_writer,
    canonical_json,
    digest,
    digest_value,
    disk_errors,
    file_digest,
    read_json,
    read_lines,
    remove,
    write_json,
    write_lines,
    write_text,
)
from imbik.core.types import Message, Task

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture
def small_files() -> Iterator[int]:
    """A file-size limit of 8 kB, as a full disk would be."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, before[1]))
    yield 8192
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_keeps_the_old_file_and_says_what_to_do(tmp_path: Path, small_files: int) -> None:
    path = tmp_path / "file.json"
    write_text(path, "old")
    with pytest.raises(DiskFullError) as raised:
        write_text(path, "x" * (small_files + 1))
    assert path.read_text() == "old"
    assert "same command again" in raised.value.next
    assert str(path) in str(raised.value)
    assert [p.name for p in tmp_path.iterdir()] == ["file.json"]


def test_a_full_disk_met_by_another_library_is_recognised(tmp_path: Path, small_files: int) -> None:
    """safetensors is written in Rust and says `os error 27` in words."""
    import numpy as np
    from safetensors.numpy import save_file

    with pytest.raises(DiskFullError, match="os error"), disk_errors(tmp_path / "x"):
        save_file({"weights": np.zeros(small_files, dtype=np.float32)}, str(tmp_path / "x"))


def test_other_errors_pass_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="os error 2"), disk_errors(tmp_path):
        raise ValueError("no such file (os error 2)")
    with pytest.raises(FileNotFoundError), disk_errors(tmp_path):
        (tmp_path / "absent").read_bytes()


def test_an_exception_leaves_no_half_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with pytest.raises(ZeroDivisionError), atomic_writer(path) as stream:
        stream.write(b"half")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_a_killed_writer_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    code = (
        "import os, sys; from pathlib import Path; from imbik.core.files import atomic_writer\n"
        "with atomic_writer(Path(sys.argv[1])) as s:\n"
        "    s.write(b'new'); s.flush(); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_text() == "old"


def test_files_are_private(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    previous = os.umask(0)
    try:
        write_text(path, "secret")
    finally:
        os.umask(previous)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_records_come_back_as_they_went(tmp_path: Path) -> None:
    tasks = [Task(id=str(i), kind="qa", messages=(Message(role="user", content="İıŞş €"),)) for i in range(7)]
    assert write_lines(tmp_path / "rows.jsonl", tasks) == 7
    assert list(read_lines(tmp_path / "rows.jsonl", Task)) == tasks


@pytest.mark.parametrize("damage", [b'{"id": "1"', b"\xff\xfe", b"[]", b'{"id": 3, "kind": "qa", "messages": []}'])
def test_a_damaged_line_is_named(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "rows.jsonl"
    write_lines(path, [Task(id="1", kind="qa", messages=())])
    path.write_bytes(path.read_bytes() + damage + b"\n")
    with pytest.raises(RunFolderError) as raised:
        list(read_lines(path, Task))
    assert raised.value.where == f"{path}:2"
    assert "--from" in raised.value.next


def test_a_damaged_json_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    write_json(path, {"role": "user", "content": "a"})
    assert read_json(path, Message).content == "a"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(RunFolderError, match="damaged or from another version"):
        read_json(path, Message)


@given(st.dictionaries(st.text(max_size=4), JSON, max_size=4))
def test_equal_values_hash_equally_whatever_the_key_order(value: dict[str, object]) -> None:
    turned = dict(reversed(list(value.items())))
    assert digest_value(value) == digest_value(turned)
    assert msgspec.json.decode(canonical_json(value)) == value


@given(st.lists(st.text(max_size=4), max_size=4), st.lists(st.text(max_size=4), max_size=4))
def test_no_two_lists_of_parts_share_a_digest(one: list[str], other: list[str]) -> None:
    assert (digest(*one) == digest(*other)) == (one == other)


def test_a_folders_digest_sees_names_and_content(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_text("1")
    first = file_digest(tmp_path / "a")
    (tmp_path / "a" / "x").rename(tmp_path / "a" / "y")
    second = file_digest(tmp_path / "a")
    (tmp_path / "a" / "y").write_text("2")
    assert len({first, second, file_digest(tmp_path / "a")}) == 3


def test_remove_takes_a_link_not_what_it_points_to(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "keep").write_text("1")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    remove(tmp_path / "link")
    remove(tmp_path / "absent")
    assert (tmp_path / "real" / "keep").exists()
    assert not (tmp_path / "link").exists()
