"""`imbik models` and what `imbik explain` says of a teacher: dated facts, and nothing where nothing is known."""

from __future__ import annotations

import json

import pytest

from imbik.advise.explain import explain
from imbik.advise.models import LISTS, listing
from imbik.core.errors import UsageError
from imbik.core.plugins import available
from imbik.teachers.catalogue.models import known_teachers


@pytest.mark.parametrize("what", LISTS)
def test_a_list_has_one_row_and_one_record_an_entry(what: str) -> None:
    found = listing(what)
    assert len(found.rows) == len(found.records) > 5
    assert {len(row) for row in found.rows} == {len(found.head)}
    assert json.loads(json.dumps(found.records)) == found.records
    assert found.note


def test_a_record_says_where_a_teacher_is_asked_at_which_price_and_under_which_terms() -> None:
    records = {record["name"]: record for record in listing("teachers").records}
    assert set(records) == set(known_teachers())
    (home, _) = records["gpt-4o"]["at"]
    assert (home["use"], home["model"], home["terms"]) == ("openai", "gpt-4o", ["openai"])
    assert (home["price"]["input"], home["price"]["output"]) == ("2.50", "10.00")
    assert records["llama-3-70b"]["at"][0]["price"] is None, "one's own server has no list price"


@pytest.mark.parametrize("what", LISTS)
def test_what_was_compared_with_nothing_has_a_star_and_the_note_says_so(what: str) -> None:
    found = listing(what)
    column = list(found.head).index("as of")
    for row, record in zip(found.rows, found.records, strict=True):
        assert row[column].endswith("*") == (not record["checked"]), row
    assert ("\n* remembered" in found.note) == any(row[column].endswith("*") for row in found.rows)


def test_a_model_that_is_offered_no_longer_says_so() -> None:
    (row,) = (row for row in listing("teachers").rows if row[0] == "deepseek-v3.2")
    assert "ENDED 2026-07-24" in row[-1]


def test_a_price_that_ends_says_when() -> None:
    until = {record["model"]: record["until"] for record in listing("prices").records}
    assert until["deepseek-chat"] == "2026-07-24"
    assert until["deepseek-flash"] is None


def test_a_list_that_is_none_is_answered_with_the_one_meant() -> None:
    with pytest.raises(UsageError, match="did you mean 'students'"):
        listing("student")


@pytest.mark.parametrize("name", available("teachers"))
def test_every_teacher_is_explained(name: str) -> None:
    assert explain(name).startswith(f"{name} (teachers): ")


def test_explaining_a_preset_says_when_it_was_true_its_terms_and_prices() -> None:
    said = explain("deepseek")
    assert "as of 20" in said
    assert "https://api-docs.deepseek.com" in said
    assert "compared with: the fields as described by public clients" in said
    assert "not compared with a source: structured, logprobs, seed" in explain("ollama")
    assert "terms 'deepseek' (allowed)" in said
    assert "list prices of 5 models" in said
    assert "terms 'anthropic' (restricted)" in explain("anthropic")
    assert "a server of one's own" in explain("ollama")
    assert "no list prices are known" in explain("azure")


@pytest.mark.parametrize("key", ["openai", "anthropic", "deepseek", "teachers.a.price", "teachers.a.key"])
def test_a_setting_is_explained_with_one_default(key: str) -> None:
    for line in explain(key).splitlines():
        assert line.count("(default:") + line.count("default: None") <= 1, line
    assert "(default: None)" not in next(line for line in explain("openai").splitlines() if line.startswith("  price:"))
    structured = next(line for line in explain("deepseek").splitlines() if line.startswith("  structured:"))
    assert structured.endswith("(default: 'json_object')"), "a preset's own default is said"
