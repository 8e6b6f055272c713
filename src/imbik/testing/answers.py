"""What the fake teacher says: answers from a file, plain sums, or the question again.

Enters: the messages of a request, and for known answers a file with a question and an answer in each row. Leaves: a
reply as a teacher writes it, reasoning and then the marker that the request asks for (`Cevap: 7`); a known answer that
is a JSON document stands alone.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from imbik.core.errors import InputError
from imbik.tasks.columns import QUESTION_SHAPES, Columns
from imbik.tasks.markers import MARKERS, join_answer, split_answer
from imbik.tasks.rows import BadRowError, Quarantined, Row, as_text, value_at
from imbik.tasks.sources.auto import resolve

Messages = Sequence[Mapping[str, str]]
_SUM = re.compile(r"(?<![\w.,:/+-])\d{1,15}(?:\s*[-+−]\s*\d{1,15})+(?![\w:/]|[.,]\d)")
_TERM = re.compile(r"([-+]?)(\d+)")


def echo(messages: Messages) -> str:
    """The last message, said again."""
    return f"Duydum: {messages[-1]['content']}"


def checksum(messages: Messages) -> str:
    """A right answer that nobody can guess and everybody can check: the last message's own digest."""
    return f"Cevap: {hashlib.sha256(messages[-1]['content'].encode()).hexdigest()[:16]}"


def solve(messages: Messages) -> str:
    """The last plain sum or difference of whole numbers in the last message, worked out; an echo where none is."""
    text = messages[-1]["content"]
    found = list(_SUM.finditer(text))
    if not found:
        return echo(messages)
    written = re.sub(r"\s", "", found[-1].group()).replace("−", "-")
    result = sum(int(sign + digits) for sign, digits in _TERM.findall(written))
    steps = re.sub(r"([-+])", r" \1 ", written)
    return join_answer(f"{steps} = {result}", str(result), _language(text))


def from_file(path: Path) -> Callable[[Messages], str]:
    """Answers of a file of any format that imbik reads; questions that it does not hold are left to `solve`.

    Raises: InputError for a file that cannot be read, or a row without a question or an answer.
    """
    known = _read(path)
    questions = sorted(known, key=len, reverse=True)

    def answer(messages: Messages) -> str:
        text = messages[-1]["content"]
        plain = _plain(text)
        question = next((question for question in questions if question in plain), None)
        if question is None:
            return solve(messages)
        reasoning, result = known[question]
        if _is_document(result):  # what `tasks.answer_schema` asks for stands alone
            return result
        return join_answer(reasoning or f"{question} → {result}", result, _language(text))

    return answer


def _read(path: Path) -> dict[str, tuple[str, str]]:
    """Reasoning and answer of each question."""
    if not path.expanduser().exists():
        raise InputError("there is no such file", where=str(path), next="name a file of questions and answers")
    known: dict[str, tuple[str, str]] = {}
    columns = Columns({}, QUESTION_SHAPES)
    for row in resolve(str(path.expanduser().resolve()), Path()).rows(Path(), ""):
        if isinstance(row, Quarantined):
            raise InputError(str(row), next="mend the row, or take it out")
        plan = columns.plan(row.values)
        question, answer, reasoning = (_text(row, plan, role) for role in ("prompt", "answer", "reasoning"))
        if not question or not answer:
            raise InputError(
                f"a row without a question or an answer; its columns: {', '.join(map(str, row.values))}",
                where=f"{row.file}:{row.line}",
                next="give every row a column `question` and a column `answer`",
            )
        steps, marked = split_answer(answer)
        known[_plain(question)] = (reasoning or steps, marked) if marked else (reasoning, answer)
    if not known:
        raise InputError("no answers in it", where=str(path), next="give rows with `question` and `answer`")
    return known


def _text(row: Row, plan: Mapping[str, str], role: str) -> str:
    try:
        return as_text(value_at(row.values, plan[role]), role).strip() if role in plan else ""
    except BadRowError:
        return ""


def _is_document(text: str) -> bool:
    """Whether an answer is a JSON object or list."""
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def _plain(text: str) -> str:
    return " ".join(text.split())


def _language(text: str) -> str:
    """The language whose marker the request asks for; Turkish where it asks for none."""
    return next((language for language, word in MARKERS.items() if f"{word}:" in text), "tr")
