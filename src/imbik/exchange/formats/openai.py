"""OpenAI's fine-tuning files: `messages` alone, a conversation a line, nothing that the API would refuse.

Enters: an answered row. Leaves: its turns; where the recipe learns the last turn only, earlier ones of the assistant
carry `weight: 0` (OpenAI, "Supervised fine-tuning": multi-turn examples).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from imbik.core.plugins import PluginSettings
from imbik.exchange.formats import UnfitError, told
from imbik.exchange.rows import Example
from imbik.exchange.sinks import JsonLines

_LEAST = 10


class OpenAi:
    """A line: `{"messages": [{"role": "user", "content": …}, {"role": "assistant", "content": …}]}`."""

    class Settings(PluginSettings):
        """openai has no settings."""

    version = 1
    takes = "answers"
    sink = JsonLines
    usage = """- `client.files.create(file=open("train.jsonl", "rb"), purpose="fine-tune")`, then a job
  with that file and `validation.jsonl` as its validation file. Whoever uploads it hands the rows to that provider, and
  outside of imbik no gate looks."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def record(self, row: Example) -> Mapping[str, object]:
        """The turns, those that are not learned with weight 0."""
        turns = [dict[str, object](turn) for turn in told(row.turns)]
        if any(not str(turn["content"]).strip() for turn in turns):
            raise UnfitError("a turn is empty")
        if row.learned == "last":
            for turn in turns[:-1]:
                if turn["role"] == "assistant":
                    turn["weight"] = 0
        return {"messages": turns}

    def notes(self, counts: Mapping[str, int]) -> Iterator[str]:
        """The API's least number of rows."""
        if 0 < counts.get("train", 0) < _LEAST:
            yield f"OpenAI takes files of {_LEAST} rows or more, and train has {counts['train']}"
