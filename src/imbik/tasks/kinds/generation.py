"""Open text: write, rewrite, advise. No rule can tell a good answer from a bad one.

Enters: an instruction and an assistant's text. Leaves: that text, with what a model thought before it apart. Where rows
carry a reference the default metric is chrF, a likeness and no quality; without references nothing is computed, and the
report says that people or a calibrated judge must compare.
"""

from __future__ import annotations

from collections.abc import Mapping

from imbik.core.plugins import PluginSettings
from imbik.core.types import Completion, Message, Task, TextReference
from imbik.tasks.asking import with_instruction
from imbik.tasks.columns import QUESTION_SHAPES
from imbik.tasks.kinds import Reading
from imbik.tasks.markers import split_thought
from imbik.tasks.normal import words


class Generation:
    """Open answers in words."""

    class Settings(PluginSettings):
        """generation has no settings."""

    version = 1
    fields = QUESTION_SHAPES
    checks = ("shape", "duplicates", "leakage")
    metrics = ("chrf",)
    open_text = True

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def reference(self, fields: Mapping[str, str]) -> TextReference | None:
        """A known good answer, as it stands."""
        thought, shown = split_thought(fields.get("answer") or fields.get("label") or "")
        return TextReference(text=shown, reasoning=fields.get("reasoning", "").strip() or thought) if shown else None

    def question(self, task: Task, *, reasoning: bool, instruction: str | None) -> tuple[Message, ...]:  # noqa: ARG002
        """The task as it stands: what to write is the task's own business. A recipe's instruction goes below it."""
        return with_instruction(task.messages, instruction or "")

    def choices(self, task: Task) -> tuple[str, ...]:  # noqa: ARG002
        """Any text is allowed."""
        return ()

    def read(self, completion: Completion, task: Task) -> Reading:  # noqa: ARG002
        """What is shown is the answer, markers in it included; what was thought before is apart."""
        thought, shown = split_thought(completion.answer)
        return Reading(thought or completion.reasoning.strip(), shown)

    def render(self, reasoning: str, answer: str, task: Task) -> str:  # noqa: ARG002
        """The text; a thought stands before it in `<think>`."""
        return f"<think>\n{reasoning}\n</think>\n\n{answer}" if reasoning else answer

    def canonical(self, answer: str, task: Task) -> str:  # noqa: ARG002
        """Words without case and punctuation."""
        return words(answer) or answer.strip()
