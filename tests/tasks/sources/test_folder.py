"""Folders, Parquet, saved data sets, and what a plain path is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from imbik.core.errors import InputError
from imbik.tasks.sources.auto import resolve
from imbik.tasks.sources.folder import part_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two training files and a test file in three formats, and things that are no data."""
    import pyarrow
    import pyarrow.parquet

    place = tmp_path / "data"
    (place / "more").mkdir(parents=True)
    (place / "train-1.csv").write_text("text;label\nbir;a\niki;b\n")
    (place / "more" / "train-2.jsonl").write_text('{"text": "üç", "label": "a"}\n')
    table = pyarrow.table({"text": ["dört", "beş"], "label": ["a", None]})
    pyarrow.parquet.write_table(table, place / "test-00000-of-00001.parquet")
    (place / "README.md").write_text("# data")
    (place / ".hidden.csv").write_text("text,label\nx,y\n")
    return place


def test_all_files_are_read_by_what_they_are(folder: Path, read: Any) -> None:
    found, bad, notes = read("folder", path="data")
    assert [(row.values["text"], row.set, row.file, row.line) for row in found] == [
        ("üç", "", "data/more/train-2.jsonl", 1),
        ("dört", "test", "data/test-00000-of-00001.parquet", 1),
        ("beş", "test", "data/test-00000-of-00001.parquet", 2),
        ("bir", "", "data/train-1.csv", 2),
        ("iki", "", "data/train-1.csv", 3),
    ]
    assert not bad
    assert len(notes) == 1
    only = read("folder", "test", path="data")[0]
    assert [(row.values["label"], row.set) for row in only] == [("a", ""), (None, "")]
    with pytest.raises(InputError, match="no file here is named 'dev'"):
        read("folder", "dev", path="data")


def test_names_of_parts() -> None:
    names = ["train", "Test_1", "validation-0", "dev.v2", "testing", "my_test", "valid"]
    assert [part_of(Path(f"{name}.csv")) for name in names] == [
        "train",
        "test",
        "validation",
        "dev",
        "",
        "",
        "valid",
    ]


def test_folders_without_data(tmp_path: Path, read: Any) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no data files"):
        read("folder", path="empty")
    with pytest.raises(InputError, match="no such folder"):
        read("folder", path="nowhere")


def test_damaged_parquet(tmp_path: Path, read: Any) -> None:
    (tmp_path / "x.parquet").write_bytes(b"PAR1 nothing else")
    with pytest.raises(InputError, match="no Parquet file, or it is damaged"):
        read("parquet", path="x.parquet")


def test_saved_data_sets(tmp_path: Path, read: Any) -> None:
    import datasets

    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["iade", "kargo"])}
    )
    parts = {
        "train": {"text": ["a", "b"], "label": [0, 1]},
        "test": {"text": ["c"], "label": [1]},
        "unsupervised": {"text": ["d"], "label": [-1]},
    }
    splits = {name: datasets.Dataset.from_dict(rows, features=features) for name, rows in parts.items()}
    datasets.DatasetDict(splits).save_to_disk(str(tmp_path / "saved"))
    found, _, _ = read("hub", path="saved")
    assert [(row.values["text"], row.values["label"], row.set) for row in found] == [
        ("a", "iade", ""), ("b", "kargo", ""), ("c", "kargo", "test"), ("d", None, "unsupervised"),
    ]  # fmt: skip
    assert [row.set for row in read("hub", "test", path="saved")[0]] == [""]
    assert [row.values["text"] for row in read("hub", path="saved", split="test")[0]] == ["c"]
    with pytest.raises(InputError, match="no split 'dev'"):
        read("hub", "dev", path="saved")
    splits["train"].save_to_disk(str(tmp_path / "one"))
    assert [row.set for row in read("hub", path="one")[0]] == ["", ""]
    assert type(resolve("saved", tmp_path)).__name__ == "Hub"


def test_a_hub_id_that_cannot_be_reached(read: Any) -> None:
    with pytest.raises(InputError, match="cannot be loaded"):
        read("hub", path="nobody/nothing")


@pytest.mark.parametrize(
    ("name", "content", "source"),
    [
        ("x.csv", "a,b\n1,2\n", "Csv"),
        ("x.tsv", "a\tb\n1\t2\n", "Csv"),
        ("x.txt", "a;b\n1;2\n", "Csv"),
        ("x", '[{"a": 1}]', "Json"),
        ("x.json", '{"data": [{"a": 1}]}', "Json"),
        ("x.jsonl", '{"a": 1}', "JsonLines"),
        ("x.log", '{"a": 1}\n{"a": 2}', "JsonLines"),
        ("x.jsonl", json.dumps({"request": {"messages": []}, "response": {"choices": []}}), "ChatLog"),
        ("x.parquet", "PAR1", "Parquet"),
    ],
)
def test_a_plain_path_is_what_its_name_and_content_say(tmp_path: Path, name: str, content: str, source: str) -> None:
    (tmp_path / name).write_text(content)
    assert type(resolve(name, tmp_path)).__name__ == source


def test_paths_that_are_nothing(tmp_path: Path) -> None:
    assert type(resolve("embedded", tmp_path)).__name__ == "Embedded"
    assert type(resolve("org/name", tmp_path)).__name__ == "Hub"
    for missing in ("rows.csv", "folder/rows.jsonl", "/nowhere"):
        with pytest.raises(InputError, match="no such file or folder"):
            resolve(missing, tmp_path)
    (tmp_path / "book.xlsx").write_bytes(b"PK")
    with pytest.raises(InputError, match="workbooks") as caught:
        resolve("book.xlsx", tmp_path)
    assert "CSV UTF-8" in caught.value.next
