"""What an expert judges, as a key: the question, the passage, the reasoning and the answer; not who gave it or when.

Enters: a sample. Leaves: a hash. Equal content under another row, teacher or run number has the same key, so a verdict
outlives regeneration; changed content has another key, so a verdict never speaks of text it has not seen.
"""

from __future__ import annotations

from imbik.core.files import digest_value
from imbik.core.types import Sample


def content_key(sample: Sample) -> str:
    """Hex SHA-256 of what is judged."""
    turns = [[message.role, message.content] for message in sample.task.messages]
    return digest_value([turns, sample.task.passage, sample.reasoning, sample.answer])
