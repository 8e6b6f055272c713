"""What makes two questions the same: the key of an answer in the store.

Enters: a teacher's identity and a question. Leaves: 32 bytes. In the key is what shaped the answer (who answers,
messages, temperature, top-p, seed, sample number, a schema); the length limit, prices, retries and the recipe's name
are not, so raising a limit asks only truncated rows again and a copied recipe buys nothing twice.
"""

from __future__ import annotations

import hashlib

import msgspec

from imbik.core.questions import Question
from imbik.core.scores import ScoreRequest

_encoder = msgspec.json.Encoder()


NO_TEXT = "the question holds half a character (a lone surrogate), which is no text"


def question_key(identity: str, question: Question, *, local: bool) -> bytes:
    """SHA-256 of what shapes the answer; models in this process also choose among `choices`.

    Raises: UnicodeEncodeError when a message holds half a character (a lone surrogate), which no teacher can be sent.
    """
    sampling = question.sampling
    parts = (
        "imbik answer 1",
        identity,
        [(message.role, message.content) for message in question.messages],
        float(sampling.temperature),
        float(sampling.top_p),
        sampling.seed,
        question.sample,
        question.choices if local else (),
        *((question.schema,) if question.schema else ()),
        *((question.tokens, question.tokenizer, question.top_k) if isinstance(question, ScoreRequest) else ()),
    )
    return hashlib.sha256(_encoder.encode(parts)).digest()


def key_or_none(identity: str, question: Question) -> bytes | None:
    """The key of a question to a served teacher; None where it is no text."""
    try:
        return question_key(identity, question, local=False)
    except UnicodeEncodeError:
        return None
