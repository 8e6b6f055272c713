"""Scoring given tokens: vLLM's text completions with `prompt_logprobs`, over token ids.

Enters: a ScoreRequest. Leaves: a request as data, and from the reply the distributions at every token of the prompt.
Wire format: OpenAI's "Create completion" (`/v1/completions`) with vLLM's fields: `prompt` is a list of token ids, and
`choices[0].prompt_logprobs` holds null for the first token, then for each a mapping from token id to `logprob`, `rank`
and `decoded_token`, the prompt's own token among them. One token has to be generated; it is thrown away.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from imbik.core.questions import Question
from imbik.core.scores import ScoreRequest, TokenScores
from imbik.core.types import Completion, Outcome
from imbik.teachers import WireRequest, WireResponse
from imbik.teachers._chat import FILTER_CODES, usage_in
from imbik.teachers._wire import JSON_HEADERS, WireSettings, decoded, error_text, refused
from imbik.teachers.catalogue.prices import Price

if TYPE_CHECKING:
    from imbik.teachers.openai import Place

_NO_FIELD = "the reply holds no prompt_logprobs: this endpoint does not say how likely given tokens are"


class PromptScores:
    """The scoring side of a served teacher: the same server, key and limits, another address; see the module."""

    batch = None

    def __init__(self, settings: WireSettings, place: Place, identity: str, price: Price | None) -> None:
        self.settings, self._place, self.price = settings, place, price
        self.identity = f"{identity} scores"
        self.url, self.concurrency, self.timeout = (
            f"{place.base_url}/completions",
            settings.concurrency,
            settings.timeout,
        )
        self.deadline, self.reply_bytes = settings.deadline, settings.reply_bytes

    def request(self, question: Question) -> WireRequest:
        """The token ids in the wire format."""
        assert isinstance(question, ScoreRequest)
        body = {
            "model": self.settings.model,
            "prompt": question.tokens,
            "max_tokens": 1,
            "temperature": 0.0,
            "prompt_logprobs": question.top_k,
        }
        place = self._place
        data = msgspec.json.encode(body)
        return WireRequest(self.url, data, JSON_HEADERS, place.key_name, place.key_header, place.key_prefix)

    def read(self, response: WireResponse) -> Completion:
        """Distributions of all tokens but the first; whatever is none becomes a typed outcome."""
        body = decoded(response)
        if response.status != 200:
            return refused(response.status, body, FILTER_CODES)
        if not isinstance(body, dict):
            return _malformed("the reply is not JSON" if body is None else "the reply is no JSON object")
        choices = body.get("choices")
        if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
            return _malformed(error_text(body) or "the reply does not hold one choice")
        told = choices[0].get("prompt_logprobs") or body.get("prompt_logprobs")
        if not isinstance(told, list) or len(told) < 2:
            return TokenScores(outcome=Outcome.FAILED, reason=_NO_FIELD)
        usage = usage_in(body)
        found = _read(told[1:])
        if isinstance(found, str):
            return _malformed(found)
        cost = self.price.cost(usage) if self.price else Decimal(0)
        return msgspec.structs.replace(found, usage=usage, cost=cost)

    def cost_at_most(self, question: Question) -> Decimal | None:
        """The most that one request can cost, in USD: its tokens are counted, and one is written."""
        assert isinstance(question, ScoreRequest)
        if self.price is None:
            return None
        one = msgspec.structs.replace(question.sampling, max_tokens=1)
        by_words = self.price.at_most(msgspec.structs.replace(question, sampling=one))
        rate = max(self.price.input, self.price.input_over or Decimal(0))
        return max(by_words, rate * len(question.tokens) / 1_000_000)


def _read(told: list[Any]) -> TokenScores | str:
    """The distributions at each token, or what is wrong with them."""
    rows = []
    for number, entry in enumerate(told, 1):
        if (row := _position(entry)) is None:
            return f"the log-probabilities of token {number} cannot be read"
        rows.append(row)
    # a token that is not among the likeliest stands beside them, so every row is as wide as the narrowest
    width = min((len(row) for row in rows), default=0)
    return TokenScores(
        ids=tuple(tuple(token for token, _, _ in row[:width]) for row in rows),
        scores=tuple(tuple(logprob for _, logprob, _ in row[:width]) for row in rows),
        pieces=tuple(row[0][2] for row in rows),
    )


def _position(entry: Any) -> list[tuple[int, float, str]] | None:
    """(token id, log-probability, text), the likeliest first; None for what is no distribution."""
    if not isinstance(entry, dict) or not entry:
        return None
    found = []
    for name, value in entry.items():
        logprob = value.get("logprob") if isinstance(value, dict) else None
        if not isinstance(logprob, int | float) or math.isnan(logprob) or not str(name).isdecimal():
            return None
        piece = value.get("decoded_token")
        found.append((int(name), min(float(logprob), 0.0), piece if isinstance(piece, str) else ""))
    return sorted(found, key=lambda item: (-item[1], item[0]))


def _malformed(reason: str) -> TokenScores:
    return TokenScores(outcome=Outcome.MALFORMED, reason=reason)
