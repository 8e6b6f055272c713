"""Parquet: a file a set with typed columns, for pandas, polars, DuckDB and the hub.

Enters: an answered row. Leaves: `messages` beside reasoning and answer apart, and whose answer it is.
"""

from __future__ import annotations

from collections.abc import Mapping

from imbik.core.plugins import PluginSettings
from imbik.exchange.formats import told
from imbik.exchange.rows import Example
from imbik.exchange.sinks import Parquet as ParquetSink


def typed(row: Example) -> dict[str, object]:
    """A row by the columns of `sinks.columns`."""
    return {
        "messages": told(row.turns), "id": row.id, "reasoning": row.reasoning, "answer": row.answer,
        "teacher": row.teacher, "kind": row.kind, "language": row.language, "category": row.category,
        "sensitivity": row.sensitivity.value,
    }  # fmt: skip


class Parquet:
    """Columns: messages, id, reasoning, answer, teacher, kind, language, category, sensitivity."""

    class Settings(PluginSettings):
        """parquet has no settings."""

    version = 1
    takes = "answers"
    sink = ParquetSink
    usage = """- pandas: `pandas.read_parquet("train.parquet")`; DuckDB: `SELECT * FROM 'train.parquet'`
- datasets: `load_dataset("parquet", data_files={"train": "train.parquet"})`
- `messages` is what TRL's `SFTTrainer` reads; drop the other columns for tools that do not expect them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def record(self, row: Example) -> Mapping[str, object]:
        """The typed columns."""
        return typed(row)
