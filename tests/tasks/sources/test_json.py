"""JSON arrays and JSON lines: rows know their line, and one bad line is one bad line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from imbik.core.errors import InputError

ROWS = [
    {"question": "Kaç?\nNe?", "answer": 1},
    {"question": "İki", "answer": [2]},
    {"question": "ş", "answer": None},
]


@pytest.mark.parametrize("indent", [None, 2])
def test_items_know_the_line_they_begin_at(tmp_path: Path, read: Any, indent: int | None) -> None:
    text = json.dumps(ROWS, indent=indent, ensure_ascii=False)
    (tmp_path / "x.json").write_text(text)
    found, bad, notes = read("json", path="x.json")
    assert [row.values for row in found] == ROWS
    assert [row.line for row in found] == ([1, 1, 1] if indent is None else [2, 6, 12])
    assert not bad
    assert not notes


def test_arrays_inside_objects(tmp_path: Path, read: Any) -> None:
    (tmp_path / "x.json").write_text(json.dumps({"version": 1, "data": ROWS}))
    assert [row.line for row in read("json", path="x.json")[0]] == [1, 2, 3]
    (tmp_path / "y.json").write_text(json.dumps({"train": ROWS, "test": ROWS[:1]}))
    assert len(read("json", path="y.json", key="test")[0]) == 1
    with pytest.raises(InputError, match="arrays in it: train, test"):
        read("json", path="y.json")


def test_lines_under_the_name_of_json(tmp_path: Path, read: Any) -> None:
    (tmp_path / "x.json").write_text("\n".join(map(json.dumps, ROWS)))
    found, _, notes = read("json", path="x.json")
    assert len(found) == 3
    assert "JSON lines" in notes[0]


@pytest.mark.parametrize(
    "text", ['[{"a": 1},\n{"a": }]', '[{"a": 1}\n{"a": 2}]', '[{"a": 1},\n', "[" * 5000, '{"a": 1,,}']
)
def test_broken_arrays_say_where(tmp_path: Path, read: Any, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(InputError, match="not valid JSON") as caught:
        read("json", path="x.json")
    assert caught.value.where.startswith("x.json:")


def test_items_that_are_no_objects(tmp_path: Path, read: Any) -> None:
    (tmp_path / "x.json").write_text('[{"a": 1}, "b", 3]')
    found, bad, _ = read("json", path="x.json")
    assert (len(found), [item.detail for item in bad]) == (1, ["a str", "a int"])


def test_bad_lines_are_put_aside(tmp_path: Path, read: Any) -> None:
    good = json.dumps({"question": "çay", "answer": "1"}, ensure_ascii=False).encode()
    lines = [b"\xef\xbb\xbf" + good, b"{broken", b"", b'["a"]', b'{"question": "k\xf6k"}', good, good + b"\r"]
    (tmp_path / "x.jsonl").write_bytes(b"\n".join(lines))
    found, bad, _ = read("jsonl", path="x.jsonl", encoding="utf-8-sig")
    assert [row.line for row in found] == [1, 6, 7]
    assert [(item.line, item.reason) for item in bad] == [
        (2, "not valid JSON"),
        (4, "not a JSON object"),
        (5, "bytes that cannot be decoded"),
    ]


def test_old_code_pages_and_long_lines(tmp_path: Path, read: Any) -> None:
    rows = [{"soru": "Şifremi değiştiremiyorum", "cevap": "ığdır"}, {"soru": "a" * 10_000_000}]
    (tmp_path / "x.jsonl").write_bytes("\n".join(json.dumps(r, ensure_ascii=False) for r in rows).encode("cp1254"))
    found, bad, notes = read("jsonl", path="x.jsonl")
    assert [row.values for row in found] == rows
    assert not bad
    assert "ISO-8859-9" in notes[0]
