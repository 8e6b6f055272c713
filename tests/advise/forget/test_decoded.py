"""The sweep reads what any file here can hold: every encoding, archive, table and page is a positive control."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import sqlite3
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from imbik.advise.forget.decoded import texts_of, texts_of_file
from imbik.privacy.person import Person

WHO = Person(["Ayşe Yılmaz"])
TEXT = "merhaba, Ayşe Yılmaz aradı"


def zipped(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/b.txt", data)
    return out.getvalue()


def tarred(data: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        info = tarfile.TarInfo("b.txt")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def zstd(data: bytes) -> bytes:
    return bytes(pa.compress(data, codec="zstd", asbytes=True))


FORMS: dict[str, Callable[[str], bytes]] = {
    "utf8": str.encode,
    "utf16": lambda text: text.encode("utf-16-le"),
    "utf16be": lambda text: b"\x00" + text.encode("utf-16-le"),
    "json": lambda text: json.dumps({"a": [text]}).encode(),
    "json in json": lambda text: json.dumps({"a": json.dumps({"b": text})}).encode(),
    "escaped text": lambda text: b"noise " + json.dumps(text)[1:-1].encode(),
    "gzip": lambda text: gzip.compress(text.encode()),
    "bzip2": lambda text: bz2.compress(text.encode()),
    "xz": lambda text: lzma.compress(text.encode()),
    "zstd": lambda text: zstd(text.encode()),
    "zip": lambda text: zipped(text.encode()),
    "gzip in zip": lambda text: zipped(gzip.compress(text.encode())),
    "tar.gz": lambda text: tarred(text.encode()),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["a.txt", "a.json", "a.bin2"])
def test_every_form_is_read(tmp_path: Path, form: str, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(FORMS[form](TEXT))
    assert any(map(WHO.in_text, texts_of_file(path)))
    path.write_bytes(FORMS[form](TEXT.replace("Ayşe", "Fatma")))
    assert not any(map(WHO.in_text, texts_of_file(path)))


def test_columns_and_cells(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": ["x"] * 500 + [TEXT]}), tmp_path / "a.parquet", compression="zstd")
    assert any(map(WHO.in_text, texts_of_file(tmp_path / "a.parquet")))
    with closing(sqlite3.connect(tmp_path / "a.db")) as base:
        base.execute("CREATE TABLE t (a)")
        base.execute("INSERT INTO t VALUES (?)", (gzip.compress(TEXT.encode()),))
        base.commit()
    assert any(map(WHO.in_text, texts_of_file(tmp_path / "a.db")))


def test_a_deleted_row_is_seen_in_a_free_page_until_it_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as base:
        base.execute("PRAGMA secure_delete = OFF")
        base.execute("CREATE TABLE t (a)")
        base.executemany("INSERT INTO t VALUES (?)", [(f"{TEXT} {n}" * 50,) for n in range(50)])
        base.commit()
        base.execute("DELETE FROM t")
        base.commit()
    assert any(map(WHO.in_text, texts_of_file(path)))
    with closing(sqlite3.connect(path)) as base:
        base.execute("VACUUM")
    assert not any(map(WHO.in_text, texts_of_file(path)))


def test_a_name_across_pieces_of_a_large_file(tmp_path: Path) -> None:
    path = tmp_path / "large.log"
    path.write_bytes(b"x " * ((1 << 19) - 3) + TEXT.encode() + b" y" * 10)
    assert any(map(WHO.in_text, texts_of_file(path)))


def test_damaged_archives_are_no_crash() -> None:
    for form in ("gzip", "zip", "bzip2", "xz", "tar.gz"):
        assert list(texts_of(FORMS[form](TEXT)[:-9]))


@pytest.mark.parametrize("data", [b'"\xd30|\xdf"', b"[" * 100_000, b'{"a": "\xff"}'])
def test_bytes_that_only_begin_like_json_are_no_crash(data: bytes) -> None:
    assert list(texts_of(data + "Gülşah".encode()))
