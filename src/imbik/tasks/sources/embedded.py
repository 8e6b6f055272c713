"""The embedded Turkish word problems, with known answers and worked solutions: no file, no network, public.

Enters: how many of each set. Leaves: pool rows (free for the recipe's `split:`), and rows of the held-out sets:
`test` (set A: new numbers, names and things), `B` (phrasings never seen) and `C` (numbers from a withheld interval).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import Field

from imbik.core.errors import InputError
from imbik.core.plugins import PluginSettings
from imbik.core.types import Sensitivity
from imbik.tasks.rows import Quarantined, Row

GENERATOR_VERSION = 2


class Embedded:
    """Rows from `imbik.tasks.problems`."""

    class Settings(PluginSettings):
        """How many problems of each set; the same numbers and seed give the same problems everywhere."""

        pool: int = Field(4000, ge=0, description="problems to learn from")
        test: int = Field(1000, ge=0, description="problems of set A, as the test set")
        B: int = Field(0, ge=0, description="problems of set B (unseen phrasings)")
        C: int = Field(0, ge=0, description="problems of set C (withheld numbers)")
        seed: int = Field(0, description="other numbers give other problems")

    version = GENERATOR_VERSION
    sensitivity: Sensitivity | None = Sensitivity.PUBLIC
    sets: Mapping[str, str] = {
        "test": "set A: phrasings as in training; names, things and combinations of numbers that training never had",
        "B": "phrasings that training never had",
        "C": "phrasings as in training; numbers from an interval (41 to 46) that training never had",
    }

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.notes: list[str] = []

    def files(self, base: Path) -> Sequence[Path]:  # noqa: ARG002
        """None: the problems are made, not read."""
        return []

    def rows(self, base: Path, split: str) -> Iterator[Row | Quarantined]:  # noqa: ARG002
        """Pool rows first, then the held-out sets.

        Raises: InputError for a part that does not exist.
        """
        from imbik.tasks.problems import problems

        settings = self.settings
        parts = {"train": ("pool", settings.pool), "test": ("A", settings.test)}
        parts |= {"B": ("B", settings.B), "C": ("C", settings.C)}
        if split and split not in parts:
            raise InputError(f"there is no part '{split}' (there: {', '.join(parts)})", where="tasks.rows")
        for name, (set_name, count) in parts.items():
            if split not in ("", name):
                continue
            for number, problem in enumerate(problems(set_name, count, settings.seed), start=1):
                values = {
                    "id": problem.id,
                    "question": problem.text,
                    "answer": str(problem.answer),
                    "reasoning": problem.reasoning,
                    "category": problem.family,
                }
                prescribed = "" if split or name == "train" else name
                yield Row(values, f"embedded/{set_name}", number, prescribed)
