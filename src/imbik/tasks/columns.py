"""Which column means what: from the names people give their columns to the roles that make a task.

Enters: a row's column names, the recipe's `columns:`, the shapes a kind understands. Leaves: role -> column. A
*shape* is a mapping role -> column such as {"prompt": "question", "answer": "answer"}; every column has other
spellings, among them Turkish ones. Roles that make the question: `messages`, `system`, `instruction`, `passage`,
`prompt`, `document`, `premise` with `hypothesis`, earlier turns in `history`; roles of the reference: `answer`,
`label`, `reasoning`, `tests`.

Names are *loosely* understood where a file is looked at before there is a recipe: `Müşteri Mesajı` is a message by its
last word without the possessive, `Sikayet Metni` without its marks too. A run never reads loosely: `imbik init` writes
what it understood as `columns:`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from imbik.core.errors import RecipeError
from imbik.core.misspelt import closest
from imbik.tasks.normal import bare_words, words

Shape = Mapping[str, str]

CONVERSATION_SHAPES: tuple[Shape, ...] = ({"messages": "messages"},)
QUESTION_SHAPES: tuple[Shape, ...] = (
    {"prompt": "question", "answer": "answer"},
    {"instruction": "instruction", "prompt": "input", "answer": "output"},
    {"instruction": "instruction", "passage": "context", "answer": "response"},
    {"prompt": "prompt", "answer": "response"},
    {"prompt": "prompt", "answer": "answer"},
    {"prompt": "input", "answer": "output"},
    {"premise": "premise", "hypothesis": "hypothesis", "answer": "label"},
    {"document": "document", "answer": "summary"},
    {"prompt": "question", "answer": "response"},
    {"prompt": "question", "answer": "output"},
    {"prompt": "text", "answer": "answer"},
    {"prompt": "text", "answer": "label"},
    {"instruction": "instruction", "answer": "answer"},
)
CODE_SHAPES: tuple[Shape, ...] = (
    {"prompt": "question", "answer": "code"},
    {"prompt": "prompt", "answer": "code"},
    {"prompt": "text", "answer": "code"},
    {"instruction": "instruction", "answer": "code"},
)
LABEL_SHAPES: tuple[Shape, ...] = (
    {"prompt": "text", "label": "label"},
    {"premise": "premise", "hypothesis": "hypothesis", "label": "label"},
    {"prompt": "question", "label": "label"},
    {"instruction": "instruction", "prompt": "input", "label": "output"},
    {"prompt": "input", "label": "label"},
    {"prompt": "prompt", "label": "label"},
    {"prompt": "document", "label": "label"},
    {"messages": "messages", "label": "label"},
    {"prompt": "prompt", "label": "response"},
    {"prompt": "input", "label": "output"},
    {"prompt": "question", "label": "answer"},
    {"prompt": "text", "label": "answer"},
)
EXTRAS: Shape = {
    "passage": "context",
    "system": "system",
    "reasoning": "reasoning",
    "id": "id",
    "category": "category",
    "group": "group",
    "set": "set",
    "tests": "tests",
    "history": "history",
}
"""Roles that any row may fill beside its shape."""
CHOSEN = ("tags",)
"""Roles that a column fills only where the recipe's `columns:` says so."""

SPELLINGS: Mapping[str, str] = {
    "question": "question, soru, sual, problem, query, user question, kérdés, vprašanje",
    "answer": "answer, cevap, yanıt, target, gold, ground truth, final answer, expected answer, válasz, odgovor, "
    "solution",
    "instruction": "instruction, talimat, yönerge, komut, utasítás, navodilo",
    "input": "input, girdi, giriş, bemenet, vhod",
    "output": "output, çıktı, kimenet, izhod",
    "prompt": "prompt, istem",
    "response": "response, completion, reply, assistant",
    "text": "text, metin, mesaj, message, sentence, cümle, utterance, content, içerik, yorum, review, comment, tweet, "
    "body, szöveg, besedilo",
    "label": "label, labels, etiket, intent, niyet, category, kategori, class, sınıf, target, sentiment, duygu, topic, "
    "konu, tür, címke, oznaka",
    "premise": "premise, öncül, sentence1, sentence 1",
    "hypothesis": "hypothesis, hipotez, varsayım, sentence2, sentence 2",
    "document": "document, belge, article, makale, haber, dokumentum, dokument",
    "summary": "summary, özet, highlights, abstract, összefoglaló, povzetek",
    "source": "source, kaynak, kaynak metin, source text, src, forrás, izvirnik",
    "target": "target, hedef, hedef metin, target text, tgt, cél, cilj",
    "translation": "translation, çeviri, tercüme, fordítás, prevod",
    "messages": "messages, conversations, conversation, dialogue, dialog, turns, konuşma, mesajlar",
    "reasoning": "reasoning, rationale, explanation, chain of thought, cot, gerekçe, açıklama, çözüm, solution, steps",
    "context": "context, passage, bağlam, paragraf, paragraph",
    "system": "system, system prompt",
    "id": "id, uid, uuid, row id, task id, question id, custom id",
    "category": "category, kategori, topic, konu, subject, family",
    "group": "group, conversation id, dialogue id, dialog id, thread id, session id, konuşma id",
    "set": "set, split",
    "history": "history, geçmiş",
    "tests": "tests, test list, test cases, testler, input output",
    "code": "code, kod, program, canonical solution",
}
_ALTERNATIVES = {name: [words(item) for item in text.split(",")] for name, text in SPELLINGS.items()}
_BARE = {name: {bare_words(item) for item in text.split(",")} for name, text in SPELLINGS.items()}
_LOOSE = ("question", "answer", "instruction", "prompt", "response", "text", "label", "document", "summary")
_SUFFIXES = ("lari", "leri", "lar", "ler", "si", "su", "i", "u")
_HARD = {"b": "p", "d": "t", "g": "k"}
_SHORTENED = {"metn": "metin"}
_HUMP = re.compile(r"(?<=[a-zçğıöşü])(?=[A-ZÇĞİÖŞÜ])")
_QUESTION = ("messages", "prompt", "document", "instruction", "premise")
_KNOWN = ("answer", "label")
Plan = Mapping[str, str]


class Columns:
    """What the recipe's `columns:` says, and guesses for the rest; `loose` ones where a file is only looked at.

    Raises: RecipeError for a field that no kind knows.
    """

    def __init__(self, mapping: Mapping[str, str], shapes: Sequence[Shape], *, loose: bool = False) -> None:
        known = {*SPELLINGS, *EXTRAS, *CHOSEN, *(role for shape in shapes for role in shape)}
        for field in mapping:
            if field not in known:
                raise RecipeError(
                    f"unknown field '{field}'; {closest(field, sorted(known))}",
                    where="tasks.columns",
                    next="columns: {question: YOUR_COLUMN, answer: YOUR_COLUMN}",
                )
        self.mapping, self.shapes, self.loose = mapping, shapes, loose
        self._plans: dict[tuple[str, ...], Plan] = {}

    def plan(self, names: Iterable[str]) -> Plan:
        """Role -> column (or dotted path) for rows with these columns; without a question role where none fits."""
        key = tuple(names)
        if key not in self._plans:
            self._plans[key] = self._find(key)
        return self._plans[key]

    def _find(self, names: tuple[str, ...]) -> Plan:
        spelled: dict[str, str] = {}
        for name in names:
            spelled.setdefault(words(name), name)
        loosely = _spelled_loosely(names) if self.loose else {}
        best: dict[str, str] = {}
        best_score = (-1, -1)
        for shape in self.shapes:
            asked = ((role, column, self._column(role, column, names, spelled)) for role, column in shape.items())
            plan = {role: found for role, column, named in asked if (found := named or loosely.get(column, ""))}
            if not _asks(plan, shape) or len(set(plan.values())) < len(plan):
                continue
            chosen = sum(role in self.mapping or shape[role] in self.mapping for role in plan)
            score = (chosen, sum(role in plan for role in _KNOWN))
            if score > best_score:
                best, best_score = plan, score
        for role, column in EXTRAS.items():
            found = self._column(role, column, names, spelled)
            wanted = role in self.mapping or column in self.mapping
            if found and role not in best and (wanted or found not in best.values()):
                best[role] = found
        for role in CHOSEN:
            if found := self._column(role, role, names, {}):
                best[role] = found
        return best

    def _column(self, role: str, column: str, names: Sequence[str], spelled: Mapping[str, str]) -> str:
        """The column that fills a role: as the recipe says, else by name, else by another spelling; '' for none."""
        for field in (column, role):
            if field in self.mapping:
                path = self.mapping[field]
                return path if path in names or path.split(".")[0] in names else ""
        return next((spelled[item] for item in _ALTERNATIVES.get(column, [column]) if item in spelled), "")


def meanings(name: str) -> set[str]:
    """The columns of shapes that a header may loosely stand for: `{"label"}` for `Talep Türü`."""
    forms = set(_forms(name))
    return {column for column in _LOOSE if forms & _BARE[column]}


def asks(plan: Plan) -> bool:
    """Whether a plan has something to ask."""
    return any(role in plan for role in _QUESTION)


def _spelled_loosely(names: Sequence[str]) -> dict[str, str]:
    """Shape column -> the one header that loosely means it; what two headers may mean is left open."""
    found: dict[str, list[str]] = {}
    for name in names:
        for column in meanings(name):
            found.setdefault(column, []).append(name)
    return {column: fitting[0] for column, fitting in found.items() if len(fitting) == 1}


def _forms(name: str) -> Iterator[str]:
    """The last word of a header, and what it may be without its plural and possessive: `cevabi`, `cevab`, `cevap`."""
    last = bare_words(_HUMP.sub(" ", name)).rpartition(" ")[2]
    yield last
    for suffix in _SUFFIXES:
        stem = last.removesuffix(suffix)
        if stem != last and len(stem) >= 3:
            yield stem
            yield stem[:-1] + _HARD.get(stem[-1], stem[-1])
            yield _SHORTENED.get(stem, stem)


def _asks(plan: Plan, shape: Shape) -> bool:
    """Whether all that a shape needs for a question is there; `instruction` alone may ask."""
    needed = [role for role in _QUESTION if role in shape]
    if "instruction" in needed:
        return "instruction" in plan
    return all(role in plan for role in needed) and ("hypothesis" in plan or "hypothesis" not in shape)


def describe(shapes: Sequence[Shape]) -> str:
    """The shapes for an error message: `question + answer, or …`."""
    return ", or ".join(" + ".join(shape.values()) for shape in shapes[:6])
