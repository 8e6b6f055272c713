"""Natural language inference: does the premise entail the hypothesis, contradict it, or neither?

Enters: two sentences and an assistant's answer. Leaves: one of three labels, read in Turkish, English, Slovenian or
Hungarian with their suffixes (`çelişkidir`, `gerektirmektedir`), said in the task's language. A denied label
(`gerektirmez`, "does not contradict") names none. A student learns the label alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from imbik.core.plugins import PluginSettings
from imbik.core.types import Completion, LabelReference, Message, Task
from imbik.tasks.asking import with_instruction, worded
from imbik.tasks.kinds import Reading
from imbik.tasks.markers import marker, read_marked, split_thought
from imbik.tasks.normal import bare_words, squeeze
from imbik.tasks.rows import BadRowError

Relation = Literal["entailment", "neutral", "contradiction"]
_ORDER: list[Relation] = ["entailment", "neutral", "contradiction"]
_SAID: Mapping[str, tuple[str, str, str]] = {
    "tr": ("gerektirme", "nötr", "çelişki"),
    "en": ("entailment", "neutral", "contradiction"),
    "sl": ("sledi", "nevtralno", "protislovje"),
    "hu": ("következik", "semleges", "ellentmondás"),
}
_ASK = {
    "tr": "Hipotez öncülden kesin olarak çıkıyorsa gerektirme; öncülle aynı anda doğru olamıyorsa çelişki; öncülden ne "
    "doğru ne yanlış olduğu anlaşılıyorsa nötr. ",
    "en": "If the hypothesis surely follows from the premise it is entailment; if both cannot be true, contradiction; "
    "if the premise does not tell, neutral. ",
    "sl": "Če hipoteza zagotovo sledi iz premise, je odgovor sledi; če obe ne moreta biti resnični, protislovje; če "
    "premisa tega ne pove, nevtralno. ",
    "hu": "Ha a hipotézis biztosan következik a premisszából: következik; ha a kettő nem lehet egyszerre igaz: "
    "ellentmondás; ha a premissza nem dönti el: semleges. ",
}
_ONLY = {
    "tr": "Yalnızca bu üç etiketten birini yaz.",
    "en": "Write only one of these three labels.",
    "sl": "Napiši samo eno od teh treh oznak.",
    "hu": "Csak e három címke egyikét írd le.",
}
_STEPS = {
    "tr": "Önce kısaca düşün, en sona yeni bir satıra yaz:",
    "en": "Think briefly first, then write on a new line:",
    "sl": "Najprej na kratko razmisli, nato v novo vrstico napiši:",
    "hu": "Előbb röviden gondolkodj, majd új sorba írd:",
}
# On words without case and marks (`bare_words`), so that İ/ı and NFC/NFD need no care here.
_FORMS: Mapping[Relation, re.Pattern[str]] = {
    "entailment": re.compile(
        r"\b(?:gerektir(?!m[ei]?(?:z|yor|mekte|di|mis)\b|mez|miyor|memekte)\w*|gerekli sonuc\w*|cikarim\w*|entail\w*|"
        r"sledi|implikacij\w*|kovetkez(?:ik|meny)\w*)\b"
    ),
    "neutral": re.compile(
        r"\b(?:notr\w*|notur\w*|tarafsiz\w*|belirsiz\w*|ilgisiz\w*|neutral\w*|nevtral\w*|semleges\w*)\b"
    ),
    "contradiction": re.compile(
        r"\b(?:celis(?!m[ei]?(?:z|yor|mekte|di|mis)\b|mez|miyor|memekte)\w*|contradict\w*|protislov\w*|kontradikcij\w*|"
        r"ellentmond\w*)\b"
    ),
}
_DENIED = re.compile(
    r"\b(?:(?:does|do|is|are|did) not|doesn t|isn t|don t|not|no|ne|nem|ni)\s+(?:an?\s+)?"
    r"(?:entail|contradict|neutral|sledi|protislov|kovetkez|ellentmond|semleges|nevtral)\w*"
    r"|\b(?:gerektir\w*|celis\w*|notr|cikarim)\s+(?:degil\w*|yok\w*|(?:icer|bulun|olustur)m\w+)"
)


class Nli:
    """Entailment, neutral or contradiction."""

    class Settings(PluginSettings):
        """What the labels of a file mean where they are numbers."""

        numbers: list[Relation] = Field(
            _ORDER, min_length=3, max_length=3, description="what 0, 1 and 2 mean in the rows (as in SNLI and XNLI)"
        )

    version = 1
    fields = (
        {"premise": "premise", "hypothesis": "hypothesis", "label": "label"},
        {"premise": "premise", "hypothesis": "hypothesis", "label": "answer"},
        {"prompt": "text", "label": "label"},
        {"prompt": "question", "label": "answer"},
        {"messages": "messages", "label": "label"},
    )
    checks = ("shape", "answer", "agreement", "duplicates", "leakage")
    metrics = ("accuracy", "macro_f1")

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def reference(self, fields: Mapping[str, str]) -> LabelReference | None:
        """The row's label in the row's language: a word in any of the four languages, or a number.

        Raises: BadRowError for a label that is none of the three (SNLI marks rows without agreement with -1 or `-`).
        """
        text = squeeze(fields.get("label") or fields.get("answer") or "")
        if not text:
            return None
        number = text.removesuffix(".0")
        found = self.settings.numbers[int(number)] if number in {"0", "1", "2"} else relation(text)
        if not found:
            raise BadRowError("no such label", f"'{text[:60]}'; labels are {', '.join(_ORDER)} or their Turkish words")
        return LabelReference(text=_word(found, fields.get("language", "tr")), reasoning=fields.get("reasoning", ""))

    def question(self, task: Task, *, reasoning: bool, instruction: str | None) -> tuple[Message, ...]:
        """Both sentences, then what the three labels mean."""
        if instruction is None:
            instruction = worded(_ASK, task.language)
            said = "/".join(self.choices(task))
            ending = f"{worded(_STEPS, task.language)}\n{marker(task.language)}: <{said}>"
            instruction += ending if reasoning else worded(_ONLY, task.language)
        return with_instruction(task.messages, instruction)

    def choices(self, task: Task) -> tuple[str, ...]:
        """The three labels in the task's language."""
        return _SAID.get(task.language.split("-")[0], _SAID["en"])

    def read(self, completion: Completion, task: Task) -> Reading:
        """The label after the marker, else the only one that the text names; "" for none or several."""
        _, answer = read_marked(completion)
        _, shown = split_thought(completion.answer)
        found = relation(answer) or relation(shown)
        return Reading("", _word(found, task.language) if found else "")

    def render(self, reasoning: str, answer: str, task: Task) -> str:  # noqa: ARG002
        """The label alone, in the task's language."""
        found = relation(answer)
        return _word(found, task.language) if found else answer

    def canonical(self, answer: str, task: Task) -> str:  # noqa: ARG002
        """`entailment`, `neutral` or `contradiction`; '' for anything else."""
        return relation(answer)


def relation(text: str) -> Relation | Literal[""]:
    """The only one of the three that a text names in any language; a denied one is not named."""
    plain = _DENIED.sub(" ", bare_words(text).replace("ı", "i"))
    found = [name for name, form in _FORMS.items() if form.search(plain)]
    return found[0] if len(found) == 1 else ""


def _word(found: Relation, language: str) -> str:
    return _SAID.get(language.split("-")[0], _SAID["en"])[_ORDER.index(found)]
