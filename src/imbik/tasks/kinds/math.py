"""Problems whose answer is a number or a formula, solved step by step.

Enters: a problem and an assistant's text. Leaves: reasoning and final answer apart; `1.250,50 TL` and `1250.5` are one
answer. Answers are read after a marker (`Cevap:`, `####`, `\\boxed{}` …); only where there is none, the last number
counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from imbik.core.plugins import PluginSettings
from imbik.core.types import Completion, Message, NumberReference, Task
from imbik.tasks.asking import with_instruction, worded
from imbik.tasks.columns import QUESTION_SHAPES
from imbik.tasks.expressions import canonical_expression
from imbik.tasks.kinds import Reading
from imbik.tasks.markers import join_answer, read_marked, split_thought
from imbik.tasks.normal import fold, squeeze
from imbik.tasks.numbers import canonical_number, last_number

# GSM8K's calculator marks `<<3+2=5>>`, and one that a model never closed.
_CALCULATOR = re.compile(r"<<[^<>\n]*>>|<<[-+*/=.,%\d() ]*$", re.MULTILINE)
_BARE = 40

_STEPS = {
    "tr": "Problemi adım adım çöz. En sona, ayrı bir satıra yalnızca sonucu şöyle yaz:\nCevap: <sonuç>",
    "en": "Solve the problem step by step. At the end, on a line of its own, write only the result, like this:\n"
    "Answer: <result>",
    "sl": "Nalogo reši po korakih. Na konec v svojo vrstico napiši samo rezultat, takole:\nOdgovor: <rezultat>",
    "hu": "Oldd meg a feladatot lépésről lépésre. A végén, külön sorba írd le csak az eredményt, így:\n"
    "Válasz: <eredmény>",
}
_NO_STEPS = {
    "tr": "Problemi çöz. Açıklama yapma, yalnızca sonucu şöyle yaz:\nCevap: <sonuç>",
    "en": "Solve the problem. Explain nothing, write only the result, like this:\nAnswer: <result>",
    "sl": "Reši nalogo. Ničesar ne razlagaj, napiši samo rezultat, takole:\nOdgovor: <rezultat>",
    "hu": "Oldd meg a feladatot. Ne magyarázz, csak az eredményt írd le, így:\nVálasz: <eredmény>",
}


class Math:
    """Word problems and exercises with one exact answer."""

    class Settings(PluginSettings):
        """math has no settings."""

    version = 1
    fields = QUESTION_SHAPES
    checks = ("shape", "answer", "arithmetic", "agreement", "duplicates", "leakage")
    metrics = ("accuracy",)

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def reference(self, fields: Mapping[str, str]) -> NumberReference | None:
        """The known answer; a worked solution that ends in `#### 18` or another marker is taken apart."""
        text = fields.get("answer", "").strip()
        if not text:
            return None
        read = _read(Completion(answer=text), fields.get("language", "tr"))
        reasoning = _CALCULATOR.sub("", fields.get("reasoning", "")).strip()
        return NumberReference(text=read.answer or text, reasoning=reasoning or read.reasoning)

    def question(self, task: Task, *, reasoning: bool, instruction: str | None) -> tuple[Message, ...]:
        """The task with the instruction below its last user turn."""
        if instruction is None:
            instruction = worded(_STEPS if reasoning else _NO_STEPS, task.language)
        return with_instruction(task.messages, instruction)

    def choices(self, task: Task) -> tuple[str, ...]:  # noqa: ARG002 - the contract of kinds
        """Any answer is allowed."""
        return ()

    def read(self, completion: Completion, task: Task) -> Reading:
        """Reasoning without calculator marks, and the final answer as it was written."""
        return _read(completion, task.language)

    def render(self, reasoning: str, answer: str, task: Task) -> str:
        """`{reasoning}\\nCevap: {answer}`, with the marker of the task's language."""
        return join_answer(reasoning, answer, task.language)

    def canonical(self, answer: str, task: Task) -> str:
        """An exact number where there is one, else the normal form of a formula, else the folded words."""
        number = canonical_number(answer, task.language)
        if number is not None:
            return number
        return canonical_expression(answer, task.language) or squeeze(fold(answer))


def _read(completion: Completion, language: str) -> Reading:
    reasoning, answer = read_marked(completion)
    reasoning, answer = _CALCULATOR.sub("", reasoning).strip(), _CALCULATOR.sub("", answer)
    first = next((line.strip() for line in answer.splitlines() if line.strip()), "")
    if first:
        return Reading(reasoning, first if first.endswith("..") else first.rstrip("."))
    thought, shown = split_thought(_CALCULATOR.sub("", completion.answer))
    if len(shown) <= _BARE and "\n" not in shown and canonical_number(shown, language) is not None:
        return Reading(thought or _CALCULATOR.sub("", completion.reasoning).strip(), shown.rstrip("."))
    return Reading(reasoning, last_number(shown, language))
