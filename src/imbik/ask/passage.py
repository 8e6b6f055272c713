"""How a question may go to a served teacher: as it is, or cleaned, and what comes back of it.

Enters: a question. Leaves: the question that would be sent, as sensitive as the detectors say its words are, and the
way back for its answer. Nothing is decided here: the gate decides at the door, on the bytes that leave. This only
knows early what the door will say, so that the reason is told at once and the answer is stored as sensitive as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from imbik.core.errors import ImbikError
from imbik.core.questions import Inspected, Question
from imbik.core.scores import ScoreRequest
from imbik.core.types import Completion, Sensitivity
from imbik.privacy.cleaning import Cleaner, Cleansed
from imbik.privacy.doorkeeper import Doorkeeper
from imbik.privacy.gate import Asked, asked_of

_AS_IT_IS = Cleansed(())


@dataclass(frozen=True)
class Prepared:
    """A question as it would be sent, and what its placeholders stand for."""

    question: Question
    cleansed: Cleansed = _AS_IT_IS

    def read(self, completion: Completion) -> Completion:
        """The completion with the values back in the placeholders' place.

        Log-probabilities are of the placeholders' tokens, so they go where a value came back.
        """
        restored = self.cleansed.restored
        answer, reasoning = restored(completion.answer), restored(completion.reasoning)
        if (answer, reasoning) == (completion.answer, completion.reasoning):
            return completion
        return msgspec.structs.replace(completion, answer=answer, reasoning=reasoning, logprobs=())


class Passage:
    """Prepares the questions for one endpoint; `cleaner` is the recipe's way to clean, where it names one."""

    def __init__(self, keeper: Doorkeeper, url: str, cleaner: Cleaner | None) -> None:
        self._keeper, self._url, self._cleaner = keeper, url, cleaner

    async def prepare(self, question: Question) -> Prepared:
        """The question as it may go. One that may not go at all stays as it is: the gate will say so.

        Raises: RunFolderError when the vault's key is lost.
        """
        texts = [*(message.content for message in question.messages), *([question.schema] if question.schema else [])]
        asked, decision = await self._keeper.foresee(self._url, asked_of(question), texts)
        if isinstance(question, ScoreRequest):  # the words were looked into, and the ids that leave nobody can read
            asked, _ = await self._keeper.foresee(self._url, asked, None)
            return Prepared(_known(question, asked))
        cleaner = self._cleaner
        if cleaner is not None and decision is not None and not (decision.allowed or asked.trouble):
            asked_clean = asked._replace(cleaned=cleaner.word)
            if await self._keeper.would_allow(self._url, asked_clean):
                return await self._cleansed(question, asked_clean, cleaner)
        return Prepared(_known(question, asked))

    async def open_to(self, level: Sensitivity) -> bool:
        """Whether a row of this level may go at all, as it is or cleaned; a host without an address refuses nothing."""
        words = ("", *([self._cleaner.word] if self._cleaner else []))
        seen = [await self._keeper.foresee(self._url, Asked(level, (), cleaned=word), []) for word in words]
        return any(decision is None or decision.allowed for _, decision in seen)

    async def _cleansed(self, question: Question, asked: Asked, cleaner: Cleaner) -> Prepared:
        """The question without what is found in it, looked at again."""
        try:
            cleansed = cleaner.clean([message.content for message in question.messages])
        except ImbikError:
            raise
        except Exception as error:
            reason = f"cleaning failed ({type(error).__name__}), so the row stays here"
            return Prepared(_known(question, asked._replace(trouble=reason)))
        messages = tuple(
            msgspec.structs.replace(message, content=text)
            for message, text in zip(question.messages, cleansed.texts, strict=True)
        )
        if messages == question.messages:
            asked = asked._replace(cleaned="unaltered")
        asked, _ = await self._keeper.foresee(self._url, asked, list(cleansed.texts))
        return Prepared(_known(msgspec.structs.replace(question, messages=messages), asked), cleansed)


def _known(question: Question, asked: Asked) -> Question:
    """The question with what was learnt about its words."""
    if asked == asked_of(question):
        return question
    inspected = Inspected(
        marked=asked.marked,
        found=asked.found,
        cleaned=asked.cleaned,
        declassified=asked.declassified,
        trouble=asked.trouble,
    )
    return msgspec.structs.replace(question, sensitivity=asked.level, inspected=inspected)
