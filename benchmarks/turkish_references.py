"""Sixty-four short Turkish texts on law, history and geography, each with a question and an answer in other words.

Enters: `turkish_references.txt` beside this file. Leaves: TEXTS, for the benchmarks of the checks `grounded` and
`facts`. They were written for this project; an answer says only what its text says, with other endings, orders and
spellings of numbers.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Text(NamedTuple):
    """A reference text by name, a question that it answers, and the answer."""

    name: str
    passage: str
    question: str
    answer: str


_FILE = Path(__file__).with_name("turkish_references.txt")
TEXTS = tuple(Text(*line.split("|")) for line in _FILE.read_text(encoding="utf-8").splitlines())
