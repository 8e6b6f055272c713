"""What a user relies on: the same problem for the same index, right answers, and sets that are really apart."""

from __future__ import annotations

import re

import pytest

from imbik.tasks.problems import SETS, WITHHELD, Problem, generate, problems
from imbik.tasks.problems.themes import FAMILIES
from imbik.tasks.problems.words import NAMES, RESERVED_NAMES, RESERVED_THINGS, THINGS

PLOTS = {plot.name: plot for family in FAMILIES for plot in family.plots}


@pytest.fixture(scope="module")
def drawn() -> dict[str, list[Problem]]:
    return {name: list(problems(name, 1500, seed=3)) for name in SETS}


def numbers(text: str) -> list[int]:
    return [int(found) for found in re.findall(r"\d+", text)]


def test_there_are_enough_families_and_phrasings() -> None:
    assert len(FAMILIES) >= 8
    assert len(PLOTS) == sum(len(family.plots) for family in FAMILIES)
    for family in FAMILIES:
        assert sum(len(plot.seen) for plot in family.plots) >= 3
        assert sum(len(plot.unseen) for plot in family.plots) >= 1


def test_a_problem_depends_on_set_index_and_seed_alone() -> None:
    alone = generate("pool", 41, seed=5)
    assert [generate("pool", index, seed=5) for index in range(50)][41] == alone
    assert generate("pool", 41, seed=6) != alone
    assert generate("A", 41, seed=5) != alone


def test_texts_of_a_set_are_distinct_and_a_longer_list_only_adds(drawn: dict[str, list[Problem]]) -> None:
    for name in SETS:
        assert len({problem.text for problem in drawn[name]}) == 1500
        assert list(problems(name, 100, seed=3)) == drawn[name][:100]


def test_every_step_is_true_and_the_last_is_the_answer(drawn: dict[str, list[Problem]]) -> None:
    for problem in (problem for name in SETS for problem in drawn[name]):
        steps = re.findall(r"([^:.]+): ([0-9x+/ -]+) = (\d+)\.", problem.reasoning)
        assert 1 <= len(steps) == len(problem.operations) <= 4
        for _, expression, result in steps:
            assert eval(expression.replace("x", "*")) == int(result)
            assert int(result) >= 2
        assert int(steps[-1][2]) == problem.answer
        assert problem.solution.endswith(f"\nCevap: {problem.answer}")


def test_the_text_states_exactly_the_given_numbers(drawn: dict[str, list[Problem]]) -> None:
    for problem in (problem for name in SETS for problem in drawn[name]):
        assert sorted(numbers(problem.text)) == sorted(problem.given), problem.text
        assert min(problem.given) >= 2


def test_steps_use_given_numbers_earlier_results_or_units(drawn: dict[str, list[Problem]]) -> None:
    for problem in drawn["pool"]:
        known = {*problem.given, 60, 100}
        for expression, result in re.findall(r": ([0-9x+/ -]+) = (\d+)", problem.reasoning):
            assert set(numbers(expression)) <= known, problem
            known.add(int(result))


def test_withheld_numbers_are_stated_in_set_c_alone(drawn: dict[str, list[Problem]]) -> None:
    for name in ("pool", "A", "B"):
        assert not any(number in WITHHELD for problem in drawn[name] for number in numbers(problem.text))
    assert all(set(numbers(problem.text)) & set(WITHHELD) for problem in drawn["C"])
    tens = {number for problem in drawn["pool"] for number in problem.given}
    assert {40, 47, 48, 49} <= tens


def test_set_a_tells_of_people_things_and_numbers_never_trained(drawn: dict[str, list[Problem]]) -> None:
    kept = {str(word) for word in RESERVED_NAMES} | {str(word) for group in RESERVED_THINGS.values() for word in group}
    known = {str(word) for word in NAMES} | {str(word) for group in THINGS.values() for word in group}
    assert not kept & known
    stems = re.compile(r"\b(" + "|".join(sorted(map(re.escape, kept))) + r")", re.IGNORECASE)
    for name in ("pool", "B", "C"):
        names = {word for problem in drawn[name] for word in re.findall(r"\w+", problem.text)}
        assert not names & kept
    assert all(stems.search(problem.text) for problem in drawn["A"])
    combinations = {(problem.phrasing.split(".")[0], problem.given) for problem in drawn["pool"]}
    assert not combinations & {(problem.phrasing.split(".")[0], problem.given) for problem in drawn["A"]}


def test_set_b_uses_unseen_phrasings_of_every_family_and_no_other_set_does(drawn: dict[str, list[Problem]]) -> None:
    assert all(".unseen" in problem.phrasing for problem in drawn["B"])
    assert {problem.family for problem in drawn["B"]} == {family.name for family in FAMILIES}
    for name in ("pool", "A", "C"):
        assert all(".seen" in problem.phrasing for problem in drawn[name])
        assert {problem.family for problem in drawn[name]} == {family.name for family in FAMILIES}


def test_texts_are_short_and_clean(drawn: dict[str, list[Problem]]) -> None:
    for problem in (problem for name in SETS for problem in drawn[name]):
        assert problem.text[0].isupper() or problem.text[0].isdigit()
        assert problem.text.endswith("?")
        assert len(problem.text) <= 200
        assert not re.search(r"[{}]|  | [.,?]", problem.text)


def test_an_unknown_set_is_named() -> None:
    with pytest.raises(ValueError, match="unknown problem set 'D'; known: pool, A, B, C"):
        generate("D", 0)
