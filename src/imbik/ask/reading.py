"""Reading what a served teacher sent, as it was stored: the completion with its cost and, where there is none, why.

Enters: a raw answer and the question it answers. Leaves: a completion, checked against the question's schema; a reason
holds no words of the row.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from imbik.ask.answers import Stored
from imbik.ask.shape import shaped
from imbik.core.questions import Question
from imbik.core.types import Completion, Outcome
from imbik.privacy.quiet import without_words_of
from imbik.teachers import ServedTeacher, WireResponse


def read_stored(teacher: ServedTeacher, raw: Stored, question: Question) -> Completion:
    """The completion in a raw answer; a reader that raises has met something it does not understand.

    Its cost is that of all replies that were paid for it, in a batch at a batch's price.
    """
    try:
        completion = teacher.read(WireResponse(raw.status, {}, raw.body))
    except Exception as error:
        return Completion(outcome=Outcome.MALFORMED, reason=f"cannot be read ({type(error).__name__})")
    if completion.outcome is Outcome.TRUNCATED:
        completion = msgspec.structs.replace(completion, reason=cut_off(completion, raw.max_tokens))
    cost = completion.cost
    if raw.form == "batch" and teacher.price is not None:
        cost = teacher.price.cost(completion.usage, batch=True)
    if raw.earlier:
        cost += Decimal(raw.earlier)
    completion = msgspec.structs.replace(completion, seconds=round(raw.seconds, 3), cost=cost)
    return shaped(_quiet(completion, question), question.schema)


def _quiet(completion: Completion, question: Question) -> Completion:
    """Why there is no answer, without words of the row: reasons end in errors, progress and reports."""
    if not completion.reason:
        return completion
    return msgspec.structs.replace(completion, reason=told(completion.reason, question))


def told(reason: str, question: Question) -> str:
    """A reason without words of the row that it is about."""
    return without_words_of(reason, (message.content for message in question.messages))


def cut_off(completion: Completion, limit: int) -> str:
    """Why an answer is truncated, with what the limit was spent on."""
    spent = "" if completion.answer.strip() else ", all of it on reasoning, before any answer"
    return f"the length limit of {limit:,} tokens ended the answer{spent}"
