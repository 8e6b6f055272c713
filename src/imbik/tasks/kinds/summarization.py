"""Summaries of a text, asked for at once or as a chain of ever denser drafts of which the last counts.

Enters: an article and an assistant's text. Leaves: the summary. With `rounds` above 1 the teacher writes so many drafts
of one length in one answer, each with more of the article's facts than the one before (chain of density, Adams et al.
2023); a student learns the last one alone, without drafts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from pydantic import Field

from imbik.core.plugins import PluginSettings
from imbik.core.types import Completion, Message, Task, TextReference
from imbik.tasks.asking import with_instruction, worded
from imbik.tasks.kinds import Reading
from imbik.tasks.markers import split_thought
from imbik.tasks.normal import words

_ONCE = {
    "tr": "Özet en çok {sentences} cümle olsun. Metinde olmayan hiçbir şey ekleme. Yalnızca özeti yaz.",
    "en": "Use at most {sentences} sentences. Add nothing that the text does not say. Write only the summary.",
    "sl": "Uporabi največ {sentences} stavkov (povedi). Ne dodaj ničesar, česar v besedilu ni. Napiši samo povzetek.",
    "hu": "Legfeljebb {sentences} mondat legyen. Ne írj semmit, ami nincs a szövegben. Csak az összefoglalót írd le.",
}
_DENSER = {
    "tr": "Aynı uzunlukta {rounds} özet yaz, her biri en çok {sentences} cümle. İlki genel kalsın. Her yeni özet, "
    "öncekinin söylediği hiçbir bilgiyi atmadan ve uzamadan, metinden onda eksik olan 1-3 bilgi (kişi, yer, tarih, "
    "sayı) daha içersin: yer açmak için cümleleri birleştir, dolgu sözleri at. Metinde olmayan hiçbir şey ekleme. "
    "Şöyle yaz:\nÖzet 1: …\n…\nÖzet {rounds}: …",
    "en": "Write {rounds} summaries of the same length, each of at most {sentences} sentences. The first is general. "
    "Each new one drops nothing that the one before says and holds, without being longer, 1-3 facts of the text "
    "(people, places, dates, numbers) that it lacks: make room by fusing sentences and leaving filler out. Add nothing "
    "that the text does not say. Write like this:\nSummary 1: …\n…\nSummary {rounds}: …",
    "sl": "Napiši {rounds} enako dolgih povzetkov, vsak ima največ {sentences} povedi. Prvi naj bo splošen. Vsak "
    "naslednji naj ohrani vse podatke prejšnjega in brez podaljšanja vsebuje še 1-3 podatke iz besedila (osebe, "
    "kraje, datume, števila), ki jih prejšnji nima: združi povedi in izpusti mašila. Ne dodaj ničesar, česar v "
    "besedilu ni. Piši takole:\nPovzetek 1: …\n…\nPovzetek {rounds}: …",
    "hu": "Írj {rounds} egyforma hosszú összefoglalót, mindegyik legfeljebb {sentences} mondat. Az első maradjon "
    "általános. Minden új őrizze meg az előző minden adatát, és hosszabbodás nélkül további 1-3 adatot (személy, hely, "
    "dátum, szám) tartalmazzon a szövegből, ami az előzőből hiányzik: vonj össze mondatokat, hagyd el a "
    "töltelékszavakat. Ne írj semmit, ami nincs a szövegben. Így írd:\nÖsszefoglaló 1: …\n…\nÖsszefoglaló {rounds}: …",
}
_WORDS = r"(?:(?:O\u0308|Ö|ö|o\u0308)zet|summary|povzetek|(?:Ö|ö|O\u0308|o\u0308)sszefoglal(?:ó|o\u0301))"
_DRAFT = re.compile(
    rf"^[ \t>*_#-]*(?:{_WORDS}[ \t]*(?:no\.?)?[ \t]*(?P<after>\d{{1,2}})|(?P<before>\d{{1,2}})\.[ \t]*{_WORDS})"
    r"[ \t]*[*_]*[ \t]*[:：.)-][ \t*_]*",
    re.IGNORECASE | re.MULTILINE,
)
_TITLE = re.compile(
    rf"\A[ \t>*_#-]*(?:(?:son|nihai|final)[ \t]+)?(?:{_WORDS}|cevap|answer|odgovor|v(?:á|a\u0301)lasz)"
    r"[ \t]*[*_]*[ \t]*[:：][ \t*_]*\s*",
    re.IGNORECASE,
)


class Summarization:
    """Shorter texts that say only what the long one says."""

    class Settings(PluginSettings):
        """How long a summary is and how it is asked for."""

        sentences: int = Field(3, ge=1, le=20, description="the most sentences of a summary")
        rounds: int = Field(
            1, ge=1, le=8, description="drafts in one answer, each denser; the last counts (1: no drafts)"
        )

    version = 1
    fields = (
        {"document": "document", "answer": "summary"},
        {"document": "document", "answer": "output"},
        {"document": "text", "answer": "summary"},
        {"document": "input", "answer": "output"},
        {"instruction": "instruction", "prompt": "input", "answer": "output"},
        {"prompt": "prompt", "answer": "response"},
    )
    checks = ("shape", "grounded", "duplicates", "leakage")
    metrics = ("rouge_l", "rouge_1", "rouge_2", "chrf")
    open_text = True

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def reference(self, fields: Mapping[str, str]) -> TextReference | None:
        """The known summary, without a title such as `Özet:`."""
        text = _plain(fields.get("answer") or fields.get("label") or "")
        return TextReference(text=text) if text else None

    def question(self, task: Task, *, reasoning: bool, instruction: str | None) -> tuple[Message, ...]:  # noqa: ARG002
        """The text, then how long the summary is, or how many drafts it takes; steps are not asked for."""
        if instruction is None:
            wording = worded(_ONCE if self.settings.rounds == 1 else _DENSER, task.language)
            instruction = wording.format(sentences=self.settings.sentences, rounds=self.settings.rounds)
        return with_instruction(task.messages, instruction)

    def choices(self, task: Task) -> tuple[str, ...]:  # noqa: ARG002
        """Any text is allowed."""
        return ()

    def read(self, completion: Completion, task: Task) -> Reading:  # noqa: ARG002
        """The summary; of several drafts the last, none where fewer were written than were asked for."""
        _, shown = split_thought(completion.answer)
        if self.settings.rounds == 1:
            return Reading("", _plain(shown))
        written = drafts(shown)
        return Reading("", written[-1][1] if written and written[-1][0] >= self.settings.rounds else "")

    def render(self, reasoning: str, answer: str, task: Task) -> str:  # noqa: ARG002
        """The summary alone."""
        return answer

    def canonical(self, answer: str, task: Task) -> str:  # noqa: ARG002
        """Words without case and punctuation."""
        return words(answer) or answer.strip()


def drafts(text: str) -> list[tuple[int, str]]:
    """The drafts of a chain with their numbers, as they stand in an answer; [] where none is marked."""
    marks = list(_DRAFT.finditer(text))
    starts = [*(mark.start() for mark in marks), len(text)]
    return [
        (int(mark["after"] or mark["before"]), _plain(text[mark.end() : end]))
        for mark, end in zip(marks, starts[1:], strict=True)
    ]


def _plain(text: str) -> str:
    """Without a title before it and quotation marks or bold around it."""
    text = _TITLE.sub("", text.strip()).strip()
    return text.removeprefix("**").removesuffix("**").strip() if text.count("**") == 2 else text
