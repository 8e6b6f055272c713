"""A row as its page shows it: turns, passage, reasoning and answer, mathematics drawn, and what supports what marked.

Enters: a sample. Leaves: plain data for JSON, whose texts are nodes (`imbik.web.text`): nothing in it is markup. A
verdict's spans mark the answer (or the reasoning), and the characters of the passage that support them, by one number;
a stretch of the answer in which the same verdict doubts something is not shown as supported.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from imbik.core.results import Score
from imbik.core.types import Sample, Task, Verdict
from imbik.review.doubt import objects
from imbik.review.reasons import reason_in
from imbik.review.shown import Shown
from imbik.review.store import ExpertVerdict
from imbik.web.code import Code, codes
from imbik.web.formulas import Formula, formulas
from imbik.web.mathematics import mathml
from imbik.web.text import LONGEST, Mark, Node, marked, one_line, pieces, plain
from imbik.web.words import LANGUAGES

if TYPE_CHECKING:
    from imbik.review.agreed import Agreed

LONGEST_MARKED = 200_000
"""Characters of a text that are shown at once where a mark lies so far down."""
FEWEST = 10
"""Rows judged twice below which no coefficient is told on the page: it would give single verdicts away."""


def document(sample: Sample, shown: Shown, said: ExpertVerdict | None, *, blind: bool = False) -> dict[str, Any]:
    """All that a page needs of one row; `said` is what the person has said of it before. `blind` leaves out who
    answered, and what checks and judges say, which their marks in the texts would tell as well."""
    marks = _marks(() if blind else sample.verdicts)
    return {
        "content": shown.content,
        "row": one_line(shown.row, 120),
        "turns": [{"role": message.role, "text": body(message.content)} for message in sample.task.messages],
        "passage": body(sample.task.passage, marks["passage"]),
        "reasoning": body(sample.reasoning, marks["reasoning"]),
        "answer": body(sample.answer, marks["answer"], code=is_code(sample.task)),
        "edit": {"reasoning": sample.reasoning, "answer": sample.answer},
        "category": one_line(shown.category, 60),
        "teacher": "" if blind else one_line(shown.teacher, 60),
        "language": sample.task.language if sample.task.language.isalpha() else "",
        "sensitivity": shown.sensitivity.value,
        "doubted": [one_line(name, 40) for name in shown.doubted_by if not blind],
        "checks": [
            {
                "by": one_line(verdict.by, 60), "objects": _objects(verdict), "reason": body(verdict.reason),
                "score": verdict.score, "worded": _worded(verdict),
            }
            for verdict in sample.verdicts if not blind
        ],
        "said": None if said is None else spoken(said),
    }  # fmt: skip


def _objects(verdict: Verdict) -> bool:
    """Whether it says no, or marks something as wrong or without support though the row may stay."""
    return objects(verdict) or any(span.doubted for span in verdict.spans)


def _worded(verdict: Verdict) -> dict[str, Any]:
    """Its reason in the other languages of the page, where that is known."""
    found = {language: reason_in(language, verdict.by, verdict.reason) for language in LANGUAGES}
    return {language: body(text) for language, text in found.items() if text}


def spoken(verdict: ExpertVerdict) -> dict[str, Any]:
    """What a person said, so that a form can be filled with it again."""
    return {
        "keep": verdict.verdict.keep, "reason": verdict.verdict.reason, "scores": verdict.scores,
        "answer": verdict.answer, "reasoning": verdict.reasoning, "at": verdict.at,
    }  # fmt: skip


def agreement(found: Agreed, person: str) -> dict[str, Any]:
    """How far experts agree, for a page: of all, and of this person with each other one. No figure of a few rows."""
    enough = found.rows >= FEWEST
    return {
        "rows": found.rows,
        "needed": 0 if enough else FEWEST,
        "alpha": _figure(found.alpha) if enough else None,
        "pairs": [
            {"with": pair.other if pair.one == person else pair.one, "rows": pair.rows, "kappa": _figure(pair.kappa)}
            for pair in found.pairs if person in (pair.one, pair.other) and pair.rows >= FEWEST
        ],
        "rubric": [{"name": name, "alpha": _figure(score)} for name, score in found.rubric.items() if enough],
    }  # fmt: skip


def _figure(score: Score | None) -> dict[str, Any] | None:
    return None if score is None else {"value": score.value, "low": score.low, "high": score.high, "n": score.n}


def is_code(task: Task) -> bool:
    """Whether answers to a task are programs or data, which are read in columns."""
    return task.kind == "code" or bool(task.schema)


def body(text: str, marks: Sequence[Mark] = (), *, code: bool = False) -> dict[str, Any]:
    """A text as nodes: what is shown at once, with every mark where that is possible, and the rest as it is, which the
    page labels when it is asked for. `code`: all of it is."""
    end = min(max(LONGEST, *(mark.end for mark in marks), 0), LONGEST_MARKED)
    nodes = _words(text, 0, min(end, len(text)), marks) if code else _nodes(text[:end], marks)
    return {"nodes": list(nodes), "rest": text[end:], "length": len(text), "code": code}


def _nodes(text: str, marks: Sequence[Mark]) -> Iterator[Node]:
    """Words, formulas and code, inside the marks over them."""
    yield from _formulas(text, _parts(text), marks)


def _formulas(text: str, parts: Iterable[Code | Formula], marks: Sequence[Mark]) -> Iterator[Node]:
    """Words and these parts; a formula that cannot be drawn is code, as it was written."""
    at = 0
    for part in parts:
        drawn = mathml(part.latex, alone=part.alone) if isinstance(part, Formula) else None
        alone = part.alone and (drawn is not None or isinstance(part, Code))
        lines = alone and text[part.start - 1 : part.start] == "\n"  # it stands on a line of its own
        yield from _words(text, at, max(at, part.start - lines), marks)
        if drawn is not None:
            yield from marked([drawn], [mark for mark in marks if mark.start < part.end and part.start < mark.end])
        else:
            yield _code(text, part, marks)
        at = part.end + (alone and text[part.end : part.end + 1] == "\n")
    yield from _words(text, at, len(text), marks)


def _code(text: str, part: Code | Formula, marks: Sequence[Mark]) -> Node:
    """As it was written; the formulas of a table are drawn."""
    if isinstance(part, Code) and part.table:
        inside = _formulas(
            text[part.start : part.end], formulas(text[part.start : part.end]), _after(marks, part.start)
        )
        return ["code", {"class": "block"}, *inside]
    looks = "latex" if isinstance(part, Formula) else "block" if part.alone else "short"
    return ["code", {"class": looks}, *_words(text, part.start, part.end, marks)]


def _parts(text: str) -> Iterator[Code | Formula]:
    """Code, and the formulas of what is none."""
    at = 0
    for code in (*codes(text), None):
        end = len(text) if code is None else code.start
        for formula in formulas(text[at:end]):
            yield formula._replace(start=formula.start + at, end=formula.end + at)
        if code is not None:
            yield code
            at = code.end


def _words(text: str, start: int, end: int, marks: Sequence[Mark]) -> Iterator[Node]:
    for first, last, over in pieces(end - start, _after(marks, start)):
        yield from marked(plain(text[start + first : start + last]), over)


def _after(marks: Sequence[Mark], start: int) -> list[Mark]:
    """Marks counted from there on."""
    return [mark._replace(start=max(mark.start - start, 0), end=mark.end - start) for mark in marks if mark.end > start]


def _marks(verdicts: Sequence[Verdict]) -> dict[str, list[Mark]]:
    """Marks by the text that they lie on; a span of the answer and what supports it have the same name."""
    found: dict[str, list[Mark]] = {"answer": [], "reasoning": [], "passage": []}
    number = 0
    for verdict in verdicts:
        doubted = [(span.part, span.start) for span in verdict.spans if span.doubted]
        for span in verdict.spans:
            number += 1
            note = one_line(f"{verdict.by}: {span.note}" if span.note else verdict.by, 200)
            whole = not any(part == span.part and span.start <= at < span.end for part, at in doubted)
            kind = "doubted" if span.doubted else "backed" if span.source is not None and whole else "noted"
            found[span.part].append(Mark(span.start, span.end, str(number), note, kind))
            if span.source is not None:
                found["passage"].append(Mark(*span.source, str(number), note, kind))
    return found
