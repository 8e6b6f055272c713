"""Encodings: what Turkish offices really send is recognised and named; a few bad lines do not spoil a file."""

from __future__ import annotations

import encodings
from pathlib import Path

import pytest

from imbik.core.errors import InputError
from imbik.tasks.text import existing_file, lines, recognise

TURKISH = "Kartım kayboldu, şifremi değiştiremiyorum.\nİade ne zaman yapılır?\nÇağrı merkezi ülkeye göre mi?\n"
QUOTED = TURKISH + "“Bekliyorum” – dedi.\n"
SLOVENIAN = "Kje je moja kartica? Žal še ni prišla.\nČe želiš, pokliči.\n"
HUNGARIAN = "Hol van a kártyám? Őrült dolog.\nA tűrés véges.\n"


@pytest.mark.parametrize(
    ("data", "codec", "named", "text"),
    [
        (TURKISH.encode(), "utf-8", "UTF-8", TURKISH),
        (TURKISH.encode("utf-8-sig"), "utf-8-sig", "UTF-8 with BOM", TURKISH),
        (TURKISH.encode("utf-16"), "utf-16", "UTF-16", TURKISH),
        (TURKISH.encode("utf-16-le"), "utf-16-le", "UTF-16", TURKISH),
        (TURKISH.encode("utf-16-be"), "utf-16-be", "UTF-16", TURKISH),
        (TURKISH.encode("iso8859-9"), "cp1254", "ISO-8859-9", TURKISH),
        (QUOTED.encode("cp1254"), "cp1254", "cp1254 (Turkish Windows)", QUOTED),
        (SLOVENIAN.encode("cp1250"), "cp1250", "cp1250", SLOVENIAN),
        (HUNGARIAN.encode("cp1250"), "cp1250", "cp1250", HUNGARIAN),
        (b"plain ascii\n", "utf-8", "UTF-8", "plain ascii\n"),
    ],
)
def test_encodings_are_recognised_and_named(tmp_path: Path, data: bytes, codec: str, named: str, text: str) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes(data)
    file = recognise(path)
    assert file.codec == codec
    assert file.name.startswith(named)
    assert bool(file.note) == (not named.startswith("UTF-8"))
    with file.open() as stream:
        assert stream.read() == text


def test_a_few_bad_lines_stay_bad_lines(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes(TURKISH.encode() + b"k\xf6t\xfc\n" + TURKISH.encode())
    file = recognise(path)
    assert file.codec == "utf-8"
    assert "1 of its lines" in file.note
    texts = [text for _, text in lines(file)]
    assert texts[3] == "k\udcf6t\udcfc"
    assert texts[4].startswith("Kartım")


def test_bytes_that_only_begin_like_a_wide_encoding_are_refused_with_the_place(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"\xff\xfe" + "ab".encode("utf-16-le") + b"\x00\xd8\x41\x00" * 8)
    with pytest.raises(InputError, match="begins like UTF-16, but its bytes from 6 on"):
        recognise(path)
    path.write_bytes(TURKISH.encode("utf-16")[:-1])  # cut off in the middle of a letter: still a text
    assert recognise(path).codec == "utf-16"


def test_an_encoding_can_be_said(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes("değer".encode("cp857"))
    with recognise(path, "cp857").open() as stream:
        assert stream.read() == "değer"
    with pytest.raises(InputError, match="no encoding of text 'klingon'"):
        recognise(path, "klingon")


@pytest.mark.parametrize("name", ["rot13", "base64", "hex", "zip", "undefined", "a\0b"])
def test_a_codec_that_is_none_of_text_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.txt"
    path.write_text("soru,cevap\n", encoding="utf-8")
    with pytest.raises(InputError, match="no encoding of text") as refused:
        recognise(path, name)
    assert refused.value.where == str(path)
    assert "cp1254" in refused.value.next


@pytest.mark.parametrize("name", ["utf-32", "utf-32-le", "punycode", "unicode_escape", "iso2022_jp"])
def test_a_file_that_is_not_in_the_encoding_named_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"soru,cevap\n" + b"a\\xz \x1b$Z\xff,b\n" * 3)
    with pytest.raises(InputError, match=f"cannot be read in the encoding '{name}'") as refused:
        recognise(path, name)
    assert "leave it out" in refused.value.next


@pytest.mark.parametrize("name", sorted(set(encodings.aliases.aliases.values())))
@pytest.mark.parametrize("data", [TURKISH.encode(), TURKISH.encode("utf-16"), bytes(range(1, 256)) * 40])
def test_whatever_encoding_is_named_the_file_is_read_or_refused(tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(data)
    try:
        file = recognise(path, name)
    except InputError:
        return
    assert [text for _, text in lines(file)]


def test_wide_text_is_read_when_it_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(TURKISH.encode("utf-32"))
    with recognise(path, "utf-32").open() as stream:
        assert stream.read() == TURKISH


def test_only_line_feeds_end_a_json_line(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes("a\u2028b\r\n\n c\x85d \n".encode())
    assert list(lines(recognise(path))) == [(1, "a\u2028b"), (3, "c\x85d")]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.mkdir(), "a folder, not a file"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_bytes(b"\xef\xbb\xbf\r\n  \n"), "is empty"),
        (lambda path: path.write_bytes(b" " * 100), "is empty"),
    ],
)
def test_what_is_no_file_says_what_to_do(tmp_path: Path, make: object, message: str) -> None:
    path = tmp_path / "rows.csv"
    make(path)  # type: ignore[operator]
    with pytest.raises(InputError, match=message) as caught:
        existing_file(path, "rows.csv")
    assert caught.value.next
