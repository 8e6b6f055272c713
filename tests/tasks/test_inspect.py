"""Looking at a file: what a person would see in it is seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from imbik.core.errors import InputError
from imbik.core.plugins import make
from imbik.recipe import build
from imbik.tasks import inspect as inspecting
from imbik.tasks.inspect import inspect
from imbik.tasks.load import load_tasks


def write(path: Path, rows: list[Any]) -> str:
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    return path.name


def test_an_excel_file_of_messages(tmp_path: Path) -> None:
    rows = [f"{n} numaralı kartım çok geç geldi, ne yapmalıyım?;{('kargo', 'iade', 'şifre')[n % 3]}" for n in range(60)]
    text = "Mesaj;Niyet\r\n" + "\r\n".join(rows) + "\r\nbozuk satır;a;b\r\n"
    (tmp_path / "m.csv").write_bytes(text.encode("cp1254"))
    found = inspect("m.csv", tmp_path)
    assert (found.format, found.delimiter, found.kind, found.language) == ("csv", ";", "classification", "tr")
    assert found.encoding.startswith("ISO-8859-9")
    assert found.labels == {"kargo": 20, "iade": 20, "şifre": 20}
    assert found.mapping == {"prompt": "Mesaj", "label": "Niyet"}
    assert [(column.name, column.role, column.distinct) for column in found.columns] == [
        ("Mesaj", "prompt", 60),
        ("Niyet", "label", 3),
    ]
    assert (found.rows, found.bad_rows, found.answered) == (61, 1, 60)
    assert len(found.notes) == 2
    assert found.median_length == found.longest == 48


def test_sets_and_recorded_answers(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    write(tmp_path / "d" / "train.jsonl", [{"question": "a", "answer": "b"}] * 3)
    write(tmp_path / "d" / "test.jsonl", [{"question": "a", "answer": "b"}])
    assert inspect("d", tmp_path).sets == {"": 3, "test": 1}
    log = {
        "request": {"model": "m1", "messages": [{"role": "user", "content": "a"}]},
        "response": {"choices": [{"text": "x"}]},
    }
    assert inspect(write(tmp_path / "log.jsonl", [log]), tmp_path).recorded == ["m1"]


def test_nothing_in_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no usable rows"):
        inspect(write(tmp_path / "x.jsonl", [1, 2]), tmp_path)
    with pytest.raises(InputError, match="no such file"):
        inspect("y.jsonl", tmp_path)


def test_bad_rows_are_those_of_a_run(tmp_path: Path) -> None:
    good = [{"text": f"metin {n}", "label": "ab"[n % 2]} for n in range(100)]
    bad = [[1], {"text": [1], "label": "a"}, {"text": " ", "label": "a"}, {"text": "x" * 1_000_001, "label": "a"}]
    found = inspect(write(tmp_path / "x.jsonl", [*good, *bad]), tmp_path)
    assert (found.rows, found.bad_rows, found.answered, found.longest) == (104, 4, 100, 8)
    assert [example.line for example in found.bad_examples] == [101, 102, 103]
    data = {"source": "x.jsonl", "kind": "classification", "columns": found.mapping}
    plain = {"student": {"architecture": "llama"}, "generate": {"from": "reference"}}
    recipe = build({"name": "a", "tasks": data, **plain}, base=tmp_path)
    loaded = load_tasks(recipe, make("tasks/kinds", recipe.tasks.kind))
    assert (loaded.rows, len(loaded.quarantine)) == (found.rows, found.bad_rows)


def test_rows_beyond_the_sample_are_counted_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspecting, "SAMPLE", 10)
    rows = [{"text": f"metin {n}", "label": "ab"[n % 2]} if n % 4 else {"text": [n]} for n in range(40)]
    found = inspect(write(tmp_path / "x.jsonl", rows), tmp_path)
    assert (found.rows, found.bad_rows, found.answered) == (40, 10, 30)
    with pytest.raises(InputError, match="no usable rows"):
        inspect(write(tmp_path / "y.jsonl", [{"text": [n], "label": "a"} for n in range(5)]), tmp_path)
