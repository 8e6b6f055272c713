"""Alpaca: `instruction`, `input`, `output`, with `system` and `history` as LLaMA-Factory reads them.

Enters: an answered row. Leaves: its last question as the instruction, earlier turns as pairs. LLaMA-Factory learns the
answers in `history` too; Axolotl's `alpaca` passes over it: for several turns give that tool `chatml`.
"""

from __future__ import annotations

from collections.abc import Mapping

from imbik.core.plugins import PluginSettings
from imbik.exchange.formats import refuse_uneven, system_of
from imbik.exchange.rows import Example
from imbik.exchange.sinks import JsonLines


class Alpaca:
    """A line: `{"instruction": …, "input": "", "output": …, "system": …, "history": [[question, answer], …]}`."""

    class Settings(PluginSettings):
        """alpaca has no settings."""

    version = 1
    takes = "answers"
    sink = JsonLines
    usage = """- LLaMA-Factory, in `dataset_info.json`: `"NAME": {"file_name": "train.jsonl", "columns": {"prompt":
  "instruction", "query": "input", "response": "output", "system": "system", "history": "history"}}`
- Axolotl: `datasets: [{path: train.jsonl, ds_type: json, type: alpaca}]` (one turn a row)"""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def record(self, row: Example) -> Mapping[str, object]:
        """The last turn asked and answered, earlier ones as pairs."""
        refuse_uneven(row.turns)
        system, turns = system_of(row.messages)
        said = [turn.content for turn in turns[:-1]]
        return {
            "id": row.id, "instruction": turns[-1].content, "input": "", "output": row.text, "system": system,
            "history": [list(pair) for pair in zip(said[::2], said[1::2], strict=True)],
        }  # fmt: skip
