"""A data set of the Hugging Face library `datasets`, as `save_to_disk` writes it: a split a set.

Enters: an answered row. Leaves: the columns of `parquet`, in a folder that `load_from_disk` and `load_dataset` read.
"""

from __future__ import annotations

from collections.abc import Mapping

from imbik.core.plugins import PluginSettings
from imbik.exchange.formats.parquet import typed
from imbik.exchange.rows import Example
from imbik.exchange.sinks import SavedDataset


class Hf:
    """Columns: messages, id, reasoning, answer, teacher, kind, language, category, sensitivity."""

    class Settings(PluginSettings):
        """hf has no settings."""

    version = 1
    takes = "answers"
    sink = SavedDataset
    usage = """- `datasets.load_from_disk("FOLDER")`: a `DatasetDict`, a split a set
- `datasets.load_dataset("FOLDER")` reads the same files by the head of this card
- imbik itself: `tasks: {source: FOLDER, columns: {messages: messages}}`"""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def record(self, row: Example) -> Mapping[str, object]:
        """The typed columns."""
        return typed(row)
