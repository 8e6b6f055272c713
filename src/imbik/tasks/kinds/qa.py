"""Questions answered in words, with or without steps shown.

Enters: a question (an instruction, a text to summarise, a pair of sentences …) and an assistant's text. Leaves:
reasoning before the marker (`Cevap:`, `Answer:` …) and the answer after it; without a marker all of the text is the
answer.
"""

from __future__ import annotations

from collections.abc import Mapping

from imbik.core.plugins import PluginSettings
from imbik.core.types import Completion, Message, Task, TextReference
from imbik.tasks.asking import with_instruction, worded
from imbik.tasks.columns import QUESTION_SHAPES
from imbik.tasks.kinds import Reading
from imbik.tasks.markers import join_answer, read_marked, split_answer, split_thought
from imbik.tasks.normal import words

_STEPS = {
    "tr": "Önce adım adım düşün. En sona, yeni bir satıra yalnızca cevabı şöyle yaz:\nCevap: <cevap>",
    "en": "First think step by step. At the end, on a new line, write only the answer, like this:\nAnswer: <answer>",
    "sl": "Najprej razmisli po korakih. Na koncu v novo vrstico napiši samo odgovor, takole:\nOdgovor: <odgovor>",
    "hu": "Először gondolkodj lépésről lépésre. A végén, új sorba írd le csak a választ, így:\nVálasz: <válasz>",
}


class Qa:
    """Questions with answers in words."""

    class Settings(PluginSettings):
        """qa has no settings."""

    version = 1
    fields = QUESTION_SHAPES
    checks = ("shape", "duplicates", "leakage")
    metrics = ("exact_match", "token_f1")

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def reference(self, fields: Mapping[str, str]) -> TextReference | None:
        """The known answer; steps before a marker in it become its reasoning."""
        text = (fields.get("answer") or fields.get("label") or "").strip()
        if not text:
            return None
        steps, answer = split_answer(text)
        reasoning = fields.get("reasoning", "").strip()
        return TextReference(text=answer or text, reasoning=reasoning or (steps if answer else ""))

    def question(self, task: Task, *, reasoning: bool, instruction: str | None) -> tuple[Message, ...]:
        """The task, with the instruction to show steps below its last turn where steps are wanted."""
        if instruction is None:
            instruction = worded(_STEPS, task.language) if reasoning else ""
        return with_instruction(task.messages, instruction)

    def choices(self, task: Task) -> tuple[str, ...]:  # noqa: ARG002
        """Any answer is allowed."""
        return ()

    def read(self, completion: Completion, task: Task) -> Reading:  # noqa: ARG002
        """What stands before and after the marker; without a marker what is shown is the answer."""
        reasoning, answer = read_marked(completion)
        if answer:
            return Reading(reasoning, answer)
        thought, shown = split_thought(completion.answer)
        return Reading(thought or completion.reasoning.strip(), shown)

    def render(self, reasoning: str, answer: str, task: Task) -> str:
        """Reasoning, marker and answer; an answer without reasoning stands alone, as people write it."""
        if not reasoning and not split_answer(answer)[1]:
            return answer
        return join_answer(reasoning, answer, task.language)

    def canonical(self, answer: str, task: Task) -> str:  # noqa: ARG002
        """Words without case and punctuation; an answer that has no words is compared as it is."""
        return words(answer) or answer.strip()
