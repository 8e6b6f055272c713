"""Recorded answers: from columns of the row, or from files that share a key with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from imbik.core.errors import RecipeError
from imbik.core.types import Recorded


def write(path: Path, rows: list[Any]) -> None:
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows))


def recorded(**settings: Any) -> dict[str, Any]:
    return {"use": "recorded", **settings}


def test_columns_of_the_same_row(tmp_path: Path, load: Any) -> None:
    write(
        tmp_path / "x.jsonl",
        [{"question": "a", "küçük": {"text": "1"}, "büyük": 2}, {"question": "b", "küçük": {}}],
    )
    teachers = {
        "r": recorded(answers={"k": "küçük.text", "b": "büyük"}),
        "other": {"use": "openai", "model": "m"},
    }
    first, second = load("x.jsonl", teachers=teachers).tasks
    assert first.recorded == (Recorded(name="k", text="1"), Recorded(name="b", text="2"))
    assert second.recorded == ()


def test_a_column_that_no_row_has_is_refused_by_name(tmp_path: Path, load: Any) -> None:
    write(tmp_path / "x.jsonl", [{"question": "a", "gpt4": "1"}, {"question": "b", "gpt4": "2"}])
    with pytest.raises(RecipeError, match="no row has anything in the column 'gtp4'.*did you mean 'gpt4'") as raised:
        load("x.jsonl", teachers={"r": recorded(answers={"g": "gtp4"})})
    assert raised.value.exit_code == 2
    assert raised.value.next


def test_files_that_share_a_key(tmp_path: Path, load: Any) -> None:
    write(tmp_path / "x.jsonl", [{"id": 1, "question": "a"}, {"id": 2, "question": "b"}])
    write(
        tmp_path / "g.jsonl",
        [{"id": "2", "answer": "g2"}, {"id": "1", "answer": "g1"}, {"id": "9", "answer": "g9"}],
    )
    write(
        tmp_path / "l.jsonl",
        [{"id": 2, "out": {"t": "l2"}}, {"out": {"t": "?"}}, {"id": 1, "out": {"t": [1]}}],
    )
    files = {"gpt": "g.jsonl", "llama": "l.jsonl"}
    loaded = load("x.jsonl", teachers={"r": recorded(files=files, answers={"llama": "out.t"})})
    first, second = loaded.tasks
    assert first.recorded == (Recorded(name="gpt", text="g1"),)
    assert second.recorded == (Recorded(name="gpt", text="g2"), Recorded(name="llama", text="l2"))
    assert "2 rows of l.jsonl were not used" in loaded.notes[0]


def test_lists_of_files_and_text_keys(tmp_path: Path, load: Any) -> None:
    write(tmp_path / "x.jsonl", [{"question": "İade kaç gün?"}, {"question": "Kargo?"}])
    write(tmp_path / "one.jsonl", [{"question": "iade  kaç gün", "answer": "14"}])
    write(tmp_path / "two.jsonl", [{"question": "KARGO", "answer": "3"}])
    teachers = {"eski": recorded(files=["one.jsonl", "two.jsonl"], key="question")}
    assert [task.recorded[0] for task in load("x.jsonl", teachers=teachers).tasks] == [
        Recorded(name="eski", text="14"),
        Recorded(name="eski", text="3"),
    ]


def test_one_name_for_two_answers_is_refused(tmp_path: Path, load: Any) -> None:
    write(tmp_path / "x.jsonl", [{"question": "a", "b": "1", "c": "2"}])
    with pytest.raises(RecipeError, match="'n' names two recorded answers"):
        load("x.jsonl", teachers={"r": recorded(answers={"n": "b"}), "s": recorded(answers={"n": "c"})})
