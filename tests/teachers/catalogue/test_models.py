"""The catalogues are consistent: every place can be asked, terms and prices resolve, what is promised is there."""

from __future__ import annotations

from datetime import date

import pytest

from imbik.advise.models import teacher_at
from imbik.teachers.catalogue.models import known_students, known_teachers
from imbik.teachers.catalogue.tables import best, table
from imbik.teachers.catalogue.terms import all_terms, terms_of, terms_of_teacher

TEACHERS, STUDENTS = known_teachers(), known_students()


def test_the_models_that_people_ask_for_are_there() -> None:
    assert {"gpt-4", "gpt-4o", "claude-3.5-sonnet", "deepseek-v3", "llama-3.1-405b", "llama-3-70b"} <= set(TEACHERS)
    families = (
        "Llama-3.2-1B",
        "Llama-3.2-3B",
        "Llama-3.1-8B",
        "Mistral-7B",
        "Phi-3-mini",
        "Phi-3.5",
        "Phi-4",
        "gemma-2",
    )
    for family in (*families, "gemma-3", "Qwen2.5", "Qwen3", "SmolLM3", "DialoGPT", "gpt2"):
        assert any(family in name for name in STUDENTS), family


@pytest.mark.parametrize("name", TEACHERS)
def test_a_teacher_can_be_asked_where_the_catalogue_says(name: str) -> None:
    known = TEACHERS[name]
    assert known.at
    assert known.context >= 1024
    assert date(2025, 1, 1) <= known.date <= date.today()  # noqa: DTZ011
    assert not known.successor or known.successor in TEACHERS or known.note
    for use, model in known.at.items():
        found = terms_of_teacher(teacher_at(use, model))
        definite = {item.name for item in found.terms if item.use != "unclear"}
        assert set(known.terms) <= definite, f"{use}: {model} comes under {definite}"


def test_successors_are_entries_too() -> None:
    missing = {known.successor for known in TEACHERS.values() if known.successor} - set(TEACHERS)
    assert not missing


@pytest.mark.parametrize("name", ["gpt-4", "gpt-4o", "claude-3.5-sonnet", "deepseek-v3", "llama-3.1-405b"])
def test_the_best_known_teachers_have_a_list_price_somewhere(name: str) -> None:
    prices = [teacher_at(use, model).price for use, model in TEACHERS[name].at.items()]
    assert any(price is not None and price.output > 0 for price in prices)


@pytest.mark.parametrize("name", STUDENTS)
def test_a_students_licence_is_one_that_is_known(name: str) -> None:
    known = STUDENTS[name]
    terms = all_terms()[known.terms]
    assert known.terms in {item.name for item in terms_of("", name).terms}
    assert (known.commercial == "yes") == (terms.use == "allowed")
    assert 0 < known.parameters < 20
    assert known.context >= 1024
    assert known.date <= date.today()  # noqa: DTZ011


def test_no_name_stands_twice_however_it_is_cased() -> None:
    for names in (TEACHERS, STUDENTS, all_terms(), table("prices")):
        assert len({name.lower() for name in names}) == len(names)


def test_a_name_fits_its_own_line_before_a_pattern() -> None:
    assert best("gpt-4o-2024-05-13", ["gpt-4o*", "gpt-4o-2024-05-13", "gpt-*"]) == "gpt-4o-2024-05-13"
    assert best("gpt-4o-x", ["gpt-*", "gpt-4o*"]) == "gpt-4o*"
    assert best("claude", ["gpt-*"]) is None
