"""Preference pairs for DPO: `prompt`, `chosen`, `rejected` as TRL reads them (conversational, explicit prompt).

Enters: a kept against a rejected answer of one task. Leaves: both as turns, with the check that rejected the one and
its reason. Source: https://huggingface.co/docs/trl/dataset_formats#preference
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from imbik.core.plugins import PluginSettings
from imbik.core.types import Message
from imbik.exchange.formats import told
from imbik.exchange.pairs import Pair
from imbik.exchange.sinks import JsonLines


class Dpo:
    """A line: `{"prompt": [turns], "chosen": [turn], "rejected": [turn], "by": CHECK, "reason": …, "id": …}`."""

    class Settings(PluginSettings):
        """How many pairs of one task."""

        pairs: int = Field(4, ge=1, description="pairs of one task at most; a rejected answer is in one pair only")

    version = 1
    takes = "pairs"
    sink = JsonLines
    usage = """- TRL: `DPOTrainer(train_dataset=load_dataset("json", data_files="train.jsonl", split="train"), …)`; it
  does not read `id`, `by` and `reason`
- Axolotl: `rl: dpo` with `datasets: [{path: train.jsonl, ds_type: json, type: chat_template.default, field_messages:
  prompt, field_chosen: chosen, field_rejected: rejected}]`"""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def record(self, row: Pair) -> Mapping[str, object]:
        """Prompt and both answers."""
        return {
            "id": row.id, "prompt": told(row.messages), "chosen": _said(row.chosen), "rejected": _said(row.rejected),
            "by": row.by, "reason": row.reason,
        }  # fmt: skip


def _said(text: str) -> list[dict[str, str]]:
    return told([Message(role="assistant", content=text)])
