"""ShareGPT: `conversations` with `from` (system, human, gpt) and `value`, as LLaMA-Factory and Axolotl read them.

Enters: an answered row. Leaves: its turns. Human and gpt take turns, as these readers require: LLaMA-Factory skips
other conversations without stopping.
"""

from __future__ import annotations

from collections.abc import Mapping

from imbik.core.plugins import PluginSettings
from imbik.exchange.formats import refuse_uneven
from imbik.exchange.rows import Example
from imbik.exchange.sinks import JsonLines

_FROM = {"system": "system", "user": "human", "assistant": "gpt"}


class ShareGpt:
    """A line: `{"id": …, "conversations": [{"from": "human", "value": …}, {"from": "gpt", "value": …}]}`."""

    class Settings(PluginSettings):
        """sharegpt has no settings."""

    version = 1
    takes = "answers"
    sink = JsonLines
    usage = """- LLaMA-Factory, in `dataset_info.json`: `"NAME": {"file_name": "train.jsonl", "formatting": "sharegpt",
  "columns": {"messages": "conversations"}}`
- Axolotl: `datasets: [{path: train.jsonl, ds_type: json, type: chat_template, field_messages: conversations,
  message_property_mappings: {role: from, content: value}}]`"""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def record(self, row: Example) -> Mapping[str, object]:
        """All turns."""
        refuse_uneven(row.turns)
        return {
            "id": row.id,
            "conversations": [{"from": _FROM[turn.role], "value": turn.content} for turn in row.turns],
        }
