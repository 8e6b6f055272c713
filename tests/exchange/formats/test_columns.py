"""parquet and hf, each read back by the library that it is made for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from exchangekit import lay, made, small, talk
from imbik.exchange.rows import Wanted
from stagekit import make_sample

COLUMNS = ["messages", "id", "reasoning", "answer", "teacher", "kind", "language", "category", "sensitivity"]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of `datasets` of our own: what stands in it afterwards is what an export left there."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_parquet_by_pyarrow(tmp_path: Path) -> None:
    folder, _ = made(small(tmp_path), "parquet")
    table = pyarrow.parquet.read_table(folder / "train.parquet")
    assert table.column_names == COLUMNS
    (row,) = table.to_pylist()
    assert [turn["role"] for turn in row["messages"]] == ["system", "user", "assistant", "user", "assistant"]
    assert (row["reasoning"], row["answer"], row["category"]) == ("Yasa ayrım yapmaz.", "Evet, 14 gün.", "iade")
    (known,) = pyarrow.parquet.read_table(folder / "test.parquet").to_pylist()
    assert (known["id"], known["teacher"], known["answer"]) == ("t8#reference", "reference", "30")


def test_all_rows_are_there_beyond_a_block(tmp_path: Path) -> None:
    rows = [make_sample(talk(f"t{n}", f"soru {n}"), 0, f"yanıt {n}", "") for n in range(2_500)]
    folder, done = made(lay(tmp_path, rows), "parquet")
    table = pyarrow.parquet.read_table(folder / "train.parquet")
    assert table.column("answer").to_pylist() == [f"yanıt {n}" for n in range(2_500)]
    assert done.total == 2_500


def test_columns_have_one_type_however_little_stands_in_them(tmp_path: Path) -> None:
    folder, _ = made(small(tmp_path), "parquet", wanted=Wanted(reasoning="none"))
    schemas = {str(pyarrow.parquet.read_schema(path)) for path in folder.glob("*.parquet")}
    assert len(schemas) == 1


def test_hf_from_disk_and_by_its_card(tmp_path: Path, cache: Path) -> None:
    import datasets

    folder, _ = made(small(tmp_path), "hf")
    assert not cache.exists()
    saved = datasets.load_from_disk(str(folder))
    assert {name: len(rows) for name, rows in saved.items()} == {"train": 1, "validation": 1, "test": 1}
    assert saved["train"].column_names == COLUMNS
    loaded = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "mine"))
    assert {name: rows.to_list() for name, rows in loaded.items()} == {n: r.to_list() for n, r in saved.items()}
    assert not [path for path in folder.rglob("*") if path.name.startswith(".")]


@pytest.mark.parametrize("form", ["chatml", "alpaca", "sharegpt", "openai", "parquet"])
def test_the_hubs_library_reads_every_format_by_its_card(tmp_path: Path, form: str) -> None:
    import datasets

    folder, done = made(small(tmp_path), form)
    loaded: Any = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "mine"))
    assert {name: rows.num_rows for name, rows in loaded.items()} == dict(done.rows)


def test_a_run_reads_what_another_one_handed_over(tmp_path: Path) -> None:
    from imbik.recipe import build
    from imbik.tasks.load import load_tasks
    from imbik.tasks.read import kind_of

    run = small(tmp_path)
    folder, _ = made(run, "hf")
    recipe = build({
        "name": "x", "tasks": {"source": str(folder), "kind": "conversation", "sensitivity": "sensitivity",
                               "columns": {"messages": "messages", "id": "id", "answer": "", "label": ""}},
        "generate": {"from": "reference"}, "student": {"architecture": "llama"},
    })  # fmt: skip
    loaded = load_tasks(recipe, kind_of(recipe, run))
    assert not loaded.quarantine
    assert [(task.id, task.set, task.reference.text) for task in loaded.tasks if task.reference] == [
        ("t1#t#0", "", "Evet, 14 gün."), ("t2#t#0", "validation", "Dakikası 2,5 TL."), ("t8#reference", "test", "30")
    ]  # fmt: skip
