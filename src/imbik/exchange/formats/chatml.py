"""ChatML: `messages` with `role` and `content`, as TRL, Axolotl (chat_template) and most tools read conversations.

Enters: an answered row. Leaves: its turns and its id. The `<|im_start|>` marks are the chat template's business: were
they written into the text here, a row's own words could become control tokens.
"""

from __future__ import annotations

from collections.abc import Mapping

from imbik.core.plugins import PluginSettings
from imbik.exchange.formats import told
from imbik.exchange.rows import Example
from imbik.exchange.sinks import JsonLines


class ChatMl:
    """A line: `{"id": …, "messages": [{"role": "user", "content": …}, {"role": "assistant", "content": …}]}`."""

    class Settings(PluginSettings):
        """chatml has no settings."""

    version = 1
    takes = "answers"
    sink = JsonLines
    usage = """- TRL: `SFTTrainer(train_dataset=load_dataset("json", data_files="train.jsonl", split="train"), …)`
- Axolotl: `datasets: [{path: train.jsonl, ds_type: json, type: chat_template, field_messages: messages}]`
- LLaMA-Factory: `formatting: sharegpt` with `columns: {messages: messages}` and
  `tags: {role_tag: role, content_tag: content, user_tag: user, assistant_tag: assistant, system_tag: system}`"""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def record(self, row: Example) -> Mapping[str, object]:
        """All turns."""
        return {"id": row.id, "messages": told(row.turns)}
