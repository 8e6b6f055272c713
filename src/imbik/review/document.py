"""A row as its page shows it: turns, passage, reasoning and answer, mathematics drawn, and what supports what marked.

Enters: a sample. Leaves: plain data for JSON, whose texts are nodes (`imbik.web.text`): nothing in it is markup. A
verdict's spans mark the answer (or the reasoning), and the characters of the passage that support them, by one number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from imbik.core.results import Score
from imbik.core.types import Sample, Verdict
from imbik.review.shown import Shown
from imbik.review.store import ExpertVerdict
from imbik.web.formulas import formulas
from imbik.web.mathematics import mathml
from imbik.web.text import LONGEST, Mark, Node, marked, one_line, pieces, plain

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
        "answer": body(sample.answer, marks["answer"]),
        "edit": {"reasoning": sample.reasoning, "answer": sample.answer},
        "category": one_line(shown.category, 60),
        "teacher": "" if blind else one_line(shown.teacher, 60),
        "language": sample.task.language if sample.task.language.isalpha() else "",
        "sensitivity": shown.sensitivity.value,
        "doubted": [one_line(name, 40) for name in shown.doubted_by if not blind],
        "checks": [
            {
                "by": one_line(verdict.by, 60), "keep": verdict.keep, "reason": body(verdict.reason),
                "score": verdict.score,
            }
            for verdict in sample.verdicts if not blind
        ],
        "said": None if said is None else spoken(said),
    }  # fmt: skip


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


def body(text: str, marks: Sequence[Mark] = ()) -> dict[str, Any]:
    """A text as nodes: what is shown at once, with every mark where that is possible, and the rest as it is, which the
    page labels when it is asked for."""
    end = min(max(LONGEST, *(mark.end for mark in marks), 0), LONGEST_MARKED)
    return {"nodes": list(_nodes(text[:end], marks)), "rest": text[end:], "length": len(text)}


def _nodes(text: str, marks: Sequence[Mark]) -> Iterator[Node]:
    """Words and formulas, inside the marks over them."""
    at = 0
    for formula in formulas(text):
        drawn = mathml(formula.latex, alone=formula.alone)
        if drawn is None:
            continue
        lines = formula.alone and text[formula.start - 1 : formula.start] == "\n"  # it stands on a line of its own
        yield from _words(text, at, formula.start - lines, marks)
        over = [mark for mark in marks if mark.start < formula.end and formula.start < mark.end]
        yield from marked([drawn], over)
        at = formula.end + (formula.alone and text[formula.end : formula.end + 1] == "\n")
    yield from _words(text, at, len(text), marks)


def _words(text: str, start: int, end: int, marks: Sequence[Mark]) -> Iterator[Node]:
    inside = [
        Mark(max(mark.start - start, 0), mark.end - start, mark.name, mark.note) for mark in marks if mark.end > start
    ]
    for first, last, over in pieces(end - start, inside):
        yield from marked(plain(text[start + first : start + last]), over)


def _marks(verdicts: Sequence[Verdict]) -> dict[str, list[Mark]]:
    """Marks by the text that they lie on; a span of the answer and what supports it have the same name."""
    found: dict[str, list[Mark]] = {"answer": [], "reasoning": [], "passage": []}
    number = 0
    for verdict in verdicts:
        for span in verdict.spans:
            number += 1
            note = one_line(f"{verdict.by}: {span.note}" if span.note else verdict.by, 200)
            found[span.part].append(Mark(span.start, span.end, str(number), note))
            if span.source is not None:
                found["passage"].append(Mark(*span.source, str(number), note))
    return found
