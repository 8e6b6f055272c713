"""What tokens cost: a price, what an answer cost, the most a question can cost, and the table of list prices.

Enters: token counts, a question, or an endpoint's host and a model's name. Leaves: exact decimals in US dollars. The
table holds list prices with the date they were true; a recipe's `price:` wins over it. What neither knows is None, so
that nobody takes an unknown price for none.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

from pydantic import Field, model_validator

from imbik.core.plugins import PluginSettings
from imbik.core.questions import Question
from imbik.core.types import Usage
from imbik.teachers.catalogue.tables import best, table

_MILLION = 1_000_000
_PER_MESSAGE = 16  # what a template may put around a turn
_PER_QUESTION = 256  # and around them all: its own opening, a date, a line on reasoning


class Price(PluginSettings):
    """US dollars per million tokens; exact decimals. A recipe writes `price: {input: 2.5, output: 10}`."""

    input: Decimal = Field(ge=0, description="USD per million tokens read")
    output: Decimal = Field(ge=0, description="USD per million tokens written, reasoning included")
    cached: Decimal | None = Field(None, ge=0, description="USD per million tokens read from a cache (default: input)")
    cache_write: Decimal | None = Field(None, ge=0, description="USD per million tokens put into a cache")
    batch: Decimal | None = Field(None, gt=0, le=1, description="share of the price in a batch API (0.5: half price)")
    over: int = Field(0, ge=0, description="prompts of more tokens than this cost input_over and output_over (0: none)")
    input_over: Decimal | None = Field(None, ge=0, description="USD per million tokens read, in such long prompts")
    output_over: Decimal | None = Field(None, ge=0, description="USD per million tokens written after such prompts")

    @model_validator(mode="before")
    @classmethod
    def _by_direction(cls, value: Any) -> Any:
        if not isinstance(value, dict | Price):
            raise ValueError("a price has two parts, in USD a million tokens; write price: {input: 2.5, output: 10}")
        return value

    def cost(self, usage: Usage, *, batch: bool = False) -> Decimal:
        """What an answer cost, in USD, by the tokens its teacher counted."""
        read, wrote = self._rates(usage.input_tokens)
        long = read != self.input
        cached = read if self.cached is None or long else self.cached
        written = read if self.cache_write is None else max(read, self.cache_write)
        plain = max(0, usage.input_tokens - usage.cached_tokens - usage.written_tokens)
        total = plain * read + usage.cached_tokens * cached + usage.written_tokens * written
        return self._share(batch) * (total + usage.output_tokens * wrote) / _MILLION

    def at_most(self, question: Question, *, batch: bool = False) -> Decimal:
        """The most that one request for this question can cost, in USD.

        A token is at least one byte of the prompt, and no answer is longer than its limit.
        """
        tokens = tokens_at_most(question)
        read, wrote = self._rates(tokens)
        read = max(rate for rate in (read, self.input, self.cached, self.cache_write) if rate is not None)
        return self._share(batch) * (tokens * read + question.sampling.max_tokens * max(wrote, self.output)) / _MILLION

    def in_batches(self) -> Price:
        """The same in a batch API; itself where nothing is known of that."""
        share = self._share(True)
        amounts = ("input", "output", "cached", "cache_write", "input_over", "output_over")
        cheaper = {name: value * share for name in amounts if (value := getattr(self, name)) is not None}
        return self.model_copy(update=cheaper)

    def _rates(self, input_tokens: int) -> tuple[Decimal, Decimal]:
        """USD per million tokens read and written, for a prompt of this length."""
        if self.over and input_tokens > self.over:
            return (
                self.input if self.input_over is None else self.input_over,
                self.output if self.output_over is None else self.output_over,
            )
        return self.input, self.output

    def _share(self, batch: bool) -> Decimal:
        return self.batch if batch and self.batch is not None else Decimal(1)


FREE = Price(input=Decimal(0), output=Decimal(0))
"""Nobody is paid per token: a server of one's own."""


class ListPrice(NamedTuple):
    """A price as its provider published it: who, when it was true, and where it can be read."""

    price: Price
    provider: str
    date: date
    source: str


def tokens_at_most(question: Question) -> int:
    """More tokens than any tokenizer makes of a question: its bytes, with room for what templates add."""
    texts = (question.schema, *(message.content for message in question.messages))
    return (
        sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
        + _PER_MESSAGE * len(question.messages)
        + _PER_QUESTION
    )


def list_price(host: str, model: str) -> ListPrice | None:
    """The published price of a model at an endpoint's host (`api.openai.com`), or None where none is known."""
    for provider, line in table("prices").items():
        if host.lower() in line["hosts"] and (found := best(model, line["models"])) is not None:
            return ListPrice(_price(provider, found), provider, line["date"], line["source"])
    return None


def price_of(host: str, model: str) -> Price | None:
    """The published price alone; None is unknown, not free."""
    found = list_price(host, model)
    return found.price if found else None


@cache
def _price(provider: str, model: str) -> Price:
    line = table("prices")[provider]
    return Price.model_validate({"batch": line.get("batch"), **line["models"][model]})


def offered_until(host: str, model: str) -> date | None:
    """The day from which a model is no longer offered at a host, where the table of prices has one."""
    for line in table("prices").values():
        if host in line["hosts"]:
            found: date | None = line.get("until", {}).get(model)
            return found
    return None
