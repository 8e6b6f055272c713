"""Prices: exact, dated, never invented, and a bound that no answer passes."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbik.core.questions import Question, Sampling
from imbik.core.types import Message, Sensitivity, Usage
from imbik.teachers.catalogue.prices import Price, list_price, price_of, tokens_at_most
from imbik.teachers.catalogue.tables import table

SIMPLE = Price(input=Decimal("2.5"), output=Decimal(10))


def question(text: str = "Kaç eder?", max_tokens: int = 100) -> Question:
    """One public question."""
    messages = (Message(role="user", content=text),)
    return Question(
        messages=messages, row="r", sensitivity=Sensitivity.PUBLIC, sampling=Sampling(max_tokens=max_tokens)
    )


def test_a_cost_is_exact() -> None:
    assert SIMPLE.cost(Usage(input_tokens=3, output_tokens=7)) == Decimal("0.0000775")


def test_what_came_from_a_cache_costs_less_and_what_went_into_one_more() -> None:
    price = Price(input=Decimal(3), cached=Decimal("0.3"), cache_write=Decimal(6), output=Decimal(15))
    usage = Usage(input_tokens=1_000_000, cached_tokens=500_000, written_tokens=100_000)
    assert price.cost(usage) == Decimal("0.4") * 3 + Decimal("0.5") * Decimal("0.3") + Decimal("0.1") * 6
    assert SIMPLE.cost(Usage(input_tokens=10, cached_tokens=10)) == SIMPLE.cost(Usage(input_tokens=10))


def test_a_batch_costs_its_share_and_only_where_there_is_one() -> None:
    half = SIMPLE.model_copy(update={"batch": Decimal("0.5")})
    usage = Usage(input_tokens=1000, output_tokens=1000)
    assert half.cost(usage, batch=True) * 2 == half.cost(usage) == SIMPLE.cost(usage, batch=True)
    assert half.at_most(question(), batch=True) * 2 == half.at_most(question())


def test_long_prompts_cost_more_where_the_table_says_so() -> None:
    price = Price(input=Decimal(1), output=Decimal(2), over=1000, input_over=Decimal(3), output_over=Decimal(4))
    assert price.cost(Usage(input_tokens=1000, output_tokens=1000)) == Decimal("0.003")
    assert price.cost(Usage(input_tokens=1001, output_tokens=1000)) == Decimal("0.007003")
    assert price.at_most(question("a" * 2000)) > 3 * Decimal(2000) / 1_000_000


_money = st.decimals(min_value=0, max_value=100, places=3)


@given(
    price=st.builds(
        Price,
        input=_money,
        output=_money,
        cached=st.none() | _money,
        cache_write=st.none() | _money,
        over=st.integers(0, 400),
        input_over=st.none() | _money,
        output_over=st.none() | _money,
    ),
    text=st.text(max_size=60),
    share=st.tuples(*[st.floats(0, 1)] * 4),
)
def test_no_answer_costs_more_than_the_bound(price: Price, text: str, share: tuple[float, ...]) -> None:
    asked = question(text)
    read = int(share[0] * tokens_at_most(asked))
    cached = int(share[1] * read)
    usage = Usage(
        input_tokens=read,
        cached_tokens=cached,
        written_tokens=int(share[2] * (read - cached)),
        output_tokens=int(share[3] * asked.sampling.max_tokens),
    )
    assert price.cost(usage) <= price.at_most(asked)


@pytest.mark.parametrize("text", ["İstanbul'da yağmur", "ğüşıöç" * 20, "🙂" * 10, "e\u0301", "\ud800"])
def test_bytes_bound_tokens(text: str) -> None:
    assert tokens_at_most(question(text)) > len(text.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize(
    ("host", "model", "expected"),
    [
        ("api.openai.com", "gpt-4o", ("2.50", "10.00")),
        ("API.OpenAI.com", "GPT-4o", ("2.50", "10.00")),
        ("api.openai.com", "gpt-4o-2024-05-13", ("5.00", "15.00")),
        ("api.openai.com", "gpt-4.1-mini-2025-04-14", ("0.40", "1.60")),
        ("api.openai.com", "gpt-4.1-2025-04-14", ("2.00", "8.00")),
        ("api.anthropic.com", "claude-3-5-sonnet-20241022", ("3.00", "15.00")),
        ("api.deepseek.com", "deepseek-chat", ("0.28", "0.42")),
        ("api.openai.com", "gpt-6.1-sol", ("2.00", "10.00")),
        ("generativelanguage.googleapis.com", "gemini-3.8-flash", ("1.50", "7.50")),
    ],
)
def test_list_prices(host: str, model: str, expected: tuple[str, str]) -> None:
    found = price_of(host, model)
    assert found is not None
    assert (found.input, found.output) == tuple(map(Decimal, expected))


@pytest.mark.parametrize(
    ("host", "model"),
    [
        ("api.openai.com", "gpt-9"),
        ("api.openai.com", "gpt-4o-2031-01-01"),
        ("api.openai.com", "gpt-4o-audio-preview"),
        ("127.0.0.1", "gpt-4o"),
        ("api.openai.com.evil.example", "gpt-4o"),
        ("api.mistral.ai", "mistral-large-latest"),
    ],
)
def test_what_the_table_does_not_know_is_unknown(host: str, model: str) -> None:
    assert price_of(host, model) is None


@pytest.mark.parametrize("provider", table("prices"))
def test_every_line_of_the_table_is_a_price_with_date_and_source(provider: str) -> None:
    line = table("prices")[provider]
    assert date(2025, 1, 1) <= line["date"] <= date.today()  # noqa: DTZ011
    assert line["source"].startswith("https://")
    assert {*line.get("until", ()), *line.get("unchecked", ())} <= set(line["models"]), "names of lines that are there"
    assert len(line.get("checked", "")) < 200
    for model in line["models"]:
        found = list_price(line["hosts"][0], model.replace("*", "01-01"))
        assert found is not None, model
        assert 0 < found.price.input <= found.price.output
        assert found.provider == provider
