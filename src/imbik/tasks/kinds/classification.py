"""Classification without a head of its own: the model answers with the class's text, or with one token a class.

Enters: a text and an assistant's answer. Leaves: the label that the answer means, whatever its casing (İ/ı included),
underscores or punctuation. Answers are read over the allowed labels only, and a student learns the label alone, so
any reasoning of the teacher only helps the teacher.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from pydantic import Field

from imbik.core.misspelt import closest
from imbik.core.plugins import PluginSettings
from imbik.core.types import Completion, LabelReference, Message, Task
from imbik.tasks.asking import with_instruction, worded
from imbik.tasks.columns import LABEL_SHAPES
from imbik.tasks.kinds import Reading
from imbik.tasks.markers import read_marked, split_thought
from imbik.tasks.normal import bare_words, fold, squeeze, words
from imbik.tasks.rows import BadRowError

_LABEL_ONLY = {
    "tr": "Yukarıdaki metnin etiketi aşağıdakilerden hangisidir? Yalnızca etiketi, yazıldığı gibi yaz.\n{labels}",
    "en": "Which of the labels below fits the text above? Write only the label, as it is written here.\n{labels}",
    "sl": "Katera od spodnjih oznak ustreza zgornjemu besedilu? Napiši samo oznako, kakor je zapisana.\n{labels}",
    "hu": "Az alábbi címkék közül melyik illik a fenti szövegre? Csak a címkét írd le, ahogy itt áll.\n{labels}",
}
_STEPS = {
    "tr": "Yukarıdaki metnin etiketi aşağıdakilerden hangisidir? Önce kısaca düşün, en sona yeni bir satıra yaz:\n"
    "Cevap: <etiket>\n\nEtiketler:\n{labels}",
    "en": "Which of the labels below fits the text above? Think briefly first, then write on a new line:\n"
    "Answer: <label>\n\nLabels:\n{labels}",
    "sl": "Katera od spodnjih oznak ustreza zgornjemu besedilu? Najprej na kratko razmisli, "
    "nato v novo vrstico napiši:\nOdgovor: <oznaka>\n\nOznake:\n{labels}",
    "hu": "Az alábbi címkék közül melyik illik a fenti szövegre? Előbb röviden gondolkodj, majd új sorba írd:\n"
    "Válasz: <címke>\n\nCímkék:\n{labels}",
}
_BEFORE = re.compile(
    r"^(?:etiket|label|kategori|category|sınıf|class|intent|niyet|oznaka|címke)\s*[:=]\s*", re.IGNORECASE
)


class Classification:
    """One of several labels for a text."""

    class Settings(PluginSettings):
        """Which labels there are and how a student says them."""

        labels: list[str] = Field([], description="the allowed labels; empty: those found in the rows")
        answer_as: Literal["auto", "text", "token"] = Field(
            "auto",
            description="the label's text, or one token a label (auto: token for students made from a config)",
        )

    version = 1
    fields = LABEL_SHAPES
    checks = ("shape", "answer")
    metrics = ("accuracy", "macro_f1")

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.labels: tuple[str, ...] = tuple(settings.labels)
        self._known = LabelIndex(self.labels)

    def reference(self, fields: Mapping[str, str]) -> LabelReference | None:
        """The row's label, in the spelling of the recipe's labels where it has some.

        Raises: BadRowError for a label that is none of them.
        """
        text = squeeze(fields.get("label") or fields.get("answer") or "")
        if not text:
            return None
        if not self.labels:
            return LabelReference(text=text)
        label = self._known.find(text)
        if not label:
            raise BadRowError("no such label", f"'{text[:60]}'; {closest(text, list(self.labels))[:200]}")
        return LabelReference(text=label)

    def question(self, task: Task, *, reasoning: bool, instruction: str | None) -> tuple[Message, ...]:
        """The text, then the list of labels to choose from."""
        if instruction is None:
            wording = worded(_STEPS if reasoning else _LABEL_ONLY, task.language)
            instruction = wording.format(labels="\n".join(f"- {label}" for label in self.labels))
        return with_instruction(task.messages, instruction)

    def choices(self, task: Task) -> tuple[str, ...]:  # noqa: ARG002
        """All labels."""
        return self.labels

    def read(self, completion: Completion, task: Task) -> Reading:  # noqa: ARG002
        """The label after the marker, or the one label that the text names; "" when there is none or several."""
        _, answer = read_marked(completion)
        _, shown = split_thought(completion.answer)
        return Reading("", self._label(answer) or self._label(shown))

    def render(self, reasoning: str, answer: str, task: Task) -> str:  # noqa: ARG002
        """The label alone."""
        return answer

    def canonical(self, answer: str, task: Task) -> str:  # noqa: ARG002
        """The label that the answer means; of an unknown label its words."""
        return self._label(answer) or ("" if self.labels else words(answer))

    def _label(self, text: str) -> str:
        """The label a text says: exactly, but for casing and punctuation, or as the only one named in it."""
        text = _BEFORE.sub("", text.strip().strip("\"'`*«»“”.").strip())
        return self._known.find(text) or (self._named(bare_words(text)) if text else "")

    def _named(self, text: str) -> str:
        """The only label whose words stand in the text; one that is part of a longer named one does not count."""
        padded = f" {text} "
        found = [form for form in self._known.bare if f" {form} " in padded]
        longest = {form for form in found if not any(form != other and f" {form} " in f" {other} " for other in found)}
        return self._known.bare[longest.pop()] if len(longest) == 1 else ""


class LabelIndex:
    """Labels by spelling, folded spelling, words and words without marks; what two labels share names neither."""

    def __init__(self, labels: Sequence[str]) -> None:
        self.exact = {squeeze(label): label for label in labels}
        self.folded = _unique(labels, folded_label)
        self.words = _unique(labels, words)
        self.bare = _unique(labels, bare_words)

    def find(self, text: str) -> str:
        """The label that a text is, or ''."""
        text = squeeze(text)
        found = self.exact.get(text) or self.folded.get(folded_label(text)) or self.words.get(words(text))
        return found or self.bare.get(bare_words(text), "")


def folded_label(label: str) -> str:
    """Without case, underscores as spaces; signs stay, so that `c` and `c++`, `1` and `-1` are two labels."""
    return squeeze(fold(label).replace("_", " "))


def unify(found: Mapping[str, int]) -> dict[str, str]:
    """Each spelling of a label -> the most frequent one that differs from it only in casing, spaces and underscores."""
    best: dict[str, str] = {}
    for label in sorted(found, key=lambda item: (-found[item], item)):
        best.setdefault(folded_label(label), label)
    return {label: best[folded_label(label)] for label in found}


def _unique(labels: Sequence[str], form: Callable[[str], str]) -> dict[str, str]:
    forms = [form(label) for label in labels]
    counted = Counter(forms)
    return {key: label for key, label in zip(forms, labels, strict=True) if key and counted[key] == 1}
