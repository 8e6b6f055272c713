"""CSV as Excel, databases and people write it."""

from __future__ import annotations

import csv
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imbik.core.errors import InputError
from imbik.core.plugins import PluginBlock, make
from imbik.tasks.rows import Row

CELLS = st.lists(
    st.tuples(st.text("aç;,\t|\"\n'ş 1", max_size=8), st.text('bğ;,"\n ', max_size=8)),
    min_size=1,
    max_size=12,
)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    ("codec", "end"), [("utf-8", "\n"), ("utf-8-sig", "\r\n"), ("cp1254", "\r\n"), ("utf-16", "\r\n")]
)
def test_delimiters_encodings_and_line_ends(tmp_path: Path, read: Any, delimiter: str, codec: str, end: str) -> None:
    rows = [
        ["Soru", "Cevap", "Şehir"],
        ["Kaç, kaç?", "1;2", "Iğdır"],
        ["İki\nsatır", "x|y", "Şırnak"],
        ["", "z\tt", "Muğla"],
    ]
    with (tmp_path / "x.csv").open("w", encoding=codec, newline="") as stream:
        csv.writer(stream, delimiter=delimiter, lineterminator=end).writerows(rows)
    found, bad, notes = read("csv", path="x.csv")
    assert [list(row.values.values()) for row in found] == rows[1:]
    assert [list(row.values) for row in found] == [rows[0]] * 3
    assert [row.line for row in found] == [2, 3, 5]
    assert not bad
    assert any("separated by" in note for note in notes) == (delimiter != ",")
    assert any("was read as" in note for note in notes) == (delimiter != "," or codec in ("cp1254", "utf-16"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(CELLS)
def test_whatever_csv_writes_is_read_back(tmp_path: Path, cells: list[tuple[str, str]]) -> None:
    with (tmp_path / "x.csv").open("w", newline="") as stream:
        csv.writer(stream, quoting=csv.QUOTE_ALL).writerows([("a", "b"), *cells])
    source = make("tasks/sources", PluginBlock(use="csv", raw={"path": "x.csv", "delimiter": ","}))
    found = [item for item in source.rows(tmp_path, "") if isinstance(item, Row)]
    assert [tuple(row.values.values()) for row in found] == cells


def test_wrong_numbers_of_cells_are_put_aside(tmp_path: Path, read: Any) -> None:
    (tmp_path / "x.csv").write_text("text,label\na,1\nb\n\nc,2,3\nd,4\n")
    found, bad, _ = read("csv", path="x.csv")
    assert [row.values["text"] for row in found] == ["a", "d"]
    assert [(item.line, item.detail) for item in bad] == [
        (3, "1 cells where the header has 2"),
        (5, "3 cells where the header has 2"),
    ]


def test_an_open_quote_costs_one_line(tmp_path: Path, read: Any) -> None:
    (tmp_path / "x.csv").write_text('text,label\na,1\n"b,2\nc,3\n"d\nd",4\ne,5\n')
    found, bad, _ = read("csv", path="x.csv")
    assert (found[0].line, found[0].values["text"]) == (2, "a")
    assert found[-1].values == {"text": "e", "label": "5"}
    assert {item.reason for item in bad} == {"broken quoting"}
    (tmp_path / "y.csv").write_text('text,label\na,1\n"b,2\nc,3\n')
    found, bad, _ = read("csv", path="y.csv")
    assert [row.values["text"] for row in found] == ["a", "c"]
    assert [(item.line, item.detail) for item in bad] == [(3, "a quote that is opened here is never closed")]


def test_headers(tmp_path: Path, read: Any) -> None:
    (tmp_path / "x.csv").write_text("sep=;\ntext;label;\na;1;\n")
    found, _, _ = read("csv", path="x.csv")
    assert (found[0].values, found[0].line) == ({"text": "a", "label": "1", "column 3": ""}, 3)
    (tmp_path / "y.csv").write_text("a,1\nb,2\n")
    found, _, _ = read("csv", path="y.csv", header=["text", "label"])
    assert [row.values["text"] for row in found] == ["a", "b"]
    (tmp_path / "z.csv").write_text("text,text\na,1\n")
    (tmp_path / "u.csv").write_bytes(b"text,s\xfctun\n" + "ağaç,1\nçay,2\n".encode())
    with pytest.raises(InputError, match="header holds bytes"):
        read("csv", path="u.csv")
    with pytest.raises(InputError, match="two columns are called 'text'"):
        read("csv", path="z.csv")


def test_undecodable_bytes_and_a_long_line(tmp_path: Path, read: Any) -> None:
    long = b"x" * 10_000_000
    (tmp_path / "x.csv").write_bytes("soru,cevap\nçiğ,1\nağaç,2\n".encode() + b"k\xf6k,3\n" + long + b",4\n")
    started = time.process_time()
    found, bad, notes = read("csv", path="x.csv")
    assert time.process_time() - started < 5
    assert [len(row.values["soru"]) for row in found] == [3, 4, 3, 10_000_000]
    assert found[2].values["soru"] == "k\udcf6k"
    assert not bad
    assert "1 of its lines are not" in notes[0]


def test_a_part_that_a_file_has_not(tmp_path: Path, read: Any) -> None:
    (tmp_path / "x.csv").write_text("text,label\na,1\n")
    assert len(read("csv", "train", path="x.csv")[0]) == 1
    with pytest.raises(InputError, match="no part 'test'"):
        read("csv", "test", path="x.csv")
