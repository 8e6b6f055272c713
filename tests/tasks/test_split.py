"""Sets that never change: the laws of the split, tried on rows that hypothesis invents."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from imbik.core.errors import InputError
from imbik.core.files import write_lines
from imbik.core.runfolder import RunFolder
from imbik.core.types import LabelReference, Message, Task
from imbik.recipe.tasks import Split
from imbik.tasks.normal import same_text_key
from imbik.tasks.split import Assignment, Division, divide, earlier_assignments, shares_for, size_notes

NAMES = ("train", "validation", "test")
ROWS = st.lists(
    st.tuples(
        st.sampled_from([f"soru {n}" for n in range(60)]),
        st.sampled_from(["", "", "g1", "g2", "g3"]),
        st.sampled_from("abc"),
    ),
    min_size=12,
    max_size=80,
)
NEW = st.lists(st.tuples(st.sampled_from([f"yeni {n}" for n in range(40)]), st.just(""), st.just("a")), max_size=60)
ANY = st.lists(
    st.tuples(
        st.sampled_from([*(f"soru {n}" for n in range(60)), *(f"yeni {n}" for n in range(40))]),
        st.sampled_from(["", "", "g1", "g2", "g9"]),
        st.sampled_from("abcd"),
        st.sampled_from(["", "test", "validation", "B"]),
    ),
    min_size=1,
    max_size=60,
)


def make(rows: Sequence[tuple[str, str, str]]) -> list[Task]:
    """Tasks of (text, group, label)."""
    return [
        Task(
            id=f"{number}-{text}-{group}",
            kind="classification",
            messages=(Message(role="user", content=text),),
            group=group,
            reference=LabelReference(text=label) if label else None,
        )
        for number, (text, group, label) in enumerate(rows)
    ]


def prescribed(rows: Sequence[tuple[str, str, str, str]]) -> list[Task]:
    """Tasks of (text, group, label, set)."""
    return [replace(task, set=row[3]) for task, row in zip(make([row[:3] for row in rows]), rows, strict=True)]


def plain(count: int, label: str = "", start: int = 0) -> list[Task]:
    """Tasks without groups, all different."""
    return make([(f"{label}{number + start} kart", "", label) for number in range(count)])


def sets(division: Division) -> dict[str, str]:
    return {item.id: item.set for item in division.assignments}


def usable(rows: Sequence[tuple[str, str, str]]) -> bool:
    return len({text for text, _, _ in rows}) >= 8


@settings(max_examples=60, deadline=None)
@given(ROWS.filter(usable), st.integers(0, 3))
def test_same_texts_and_groups_share_a_set(rows: list[tuple[str, str, str]], seed: int) -> None:
    tasks = make(rows)
    try:
        found = sets(divide(tasks, Split(validation=0.2, test=0.2, seed=seed)))
    except InputError:
        reject()  # texts and groups chain all rows into fewer clusters than sets
    by_text: dict[str, set[str]] = defaultdict(set)
    by_group: dict[str, set[str]] = defaultdict(set)
    for task in tasks:
        by_text[same_text_key(task.text)].add(found[task.id])
        by_group[task.group].add(found[task.id])
    assert all(len(names) == 1 for names in by_text.values())
    assert all(len(names) == 1 for group, names in by_group.items() if group)
    assert set(found.values()) <= set(NAMES)


@settings(max_examples=60, deadline=None)
@given(ROWS.filter(usable), NEW, st.randoms())
def test_more_rows_move_no_old_row(
    rows: list[tuple[str, str, str]], new: list[tuple[str, str, str]], order: random.Random
) -> None:
    tasks = make([(text, "", label) for text, _, label in rows])
    first = divide(tasks, Split(validation=0.2, test=0.2))
    more = [*tasks, *(task for task in make(new) if task.id not in sets(first))]
    order.shuffle(more)
    second = sets(divide(more, Split(validation=0.2, test=0.2), first.assignments))
    assert {name: second[name] for name in sets(first)} == sets(first)


@settings(max_examples=100, deadline=None)
@given(ROWS.filter(usable), ANY, st.sampled_from([0.0, 0.2]), st.randoms())
def test_rows_of_any_kind_move_no_old_row(
    rows: list[tuple[str, str, str]], new: list[tuple[str, str, str, str]], share: float, order: random.Random
) -> None:
    """Also rows that prescribe sets, join groups, repeat texts, or bring classes."""
    split = Split(validation=0.2, test=share)
    old, added = make(rows), [replace(task, id=f"new-{task.id}") for task in prescribed(new)]
    try:
        first = divide(old, split)
        more = [*old, *added]
        order.shuffle(more)
        second = sets(divide(more, split, first.assignments))
    except InputError:
        reject()  # texts and groups chain all rows into fewer clusters than sets
    assert {name: second[name] for name in sets(first)} == sets(first)


@pytest.mark.parametrize("name", ["test", "validation", "B"])
def test_one_prescribed_row_leaves_all_others_where_they_are(name: str) -> None:
    first = divide(plain(300), Split())
    one = Task(id="one", kind="qa", messages=(Message(role="user", content="yeni"),), set=name)
    division = divide([*plain(300), one], Split(), first.assignments)
    assert sets(division) == {**sets(first), "one": name}
    assert not any("anew" in note for note in division.notes)
    third = divide([*plain(400), one], Split(), division.assignments)
    new = Counter(item.set for item in third.assignments[300:400])
    assert not new[name], "a prescribed set is not added to by new rows"
    assert {item.set for item in third.assignments} >= {"train", "validation", "test"}


@settings(max_examples=40, deadline=None)
@given(st.randoms(), st.integers(20, 200))
def test_the_order_of_rows_does_not_matter(order: random.Random, count: int) -> None:
    tasks = [*plain(count, "a"), *plain(count // 3, "b", 1000)]
    tasks = [Task(id=task.text, kind="qa", messages=task.messages, category=task.text[:1]) for task in tasks]
    shuffled = list(tasks)
    order.shuffle(shuffled)
    assert sets(divide(tasks, Split())) == sets(divide(shuffled, Split()))


@pytest.mark.parametrize("share", [0.05, 0.1, 0.25])
def test_shares_hold_overall_and_in_each_class(share: float) -> None:
    sizes = {"a": 1000, "b": 100, "c": 31, "d": 7}
    tasks = [task for label, count in sizes.items() for task in plain(count, label)]
    found = divide(tasks, Split(validation=share, test=share)).assignments
    counts = Counter(item.set for item in found)
    assert abs(counts["test"] - share * len(tasks)) <= 1
    assert abs(counts["validation"] - share * len(tasks)) <= 1
    for label, size in sizes.items():
        inside = Counter(item.set for item, task in zip(found, tasks, strict=True) if task.reference.text == label)
        assert abs(inside["test"] - share * size) <= 1


def test_new_rows_restore_the_balance() -> None:
    old = [Assignment(id=task.id, set="train", key="k", rule=shares_for(Split(), []).rule) for task in plain(100)]
    found = divide(plain(200), Split(), old).assignments
    counts = Counter(item.set for item in found)
    assert (counts["test"], counts["validation"]) == (20, 20)
    assert {item.set for item in found[:100]} == {"train"}


def test_another_seed_is_another_split_and_says_so() -> None:
    tasks = plain(300)
    first = divide(tasks, Split(seed=1))
    second = divide(tasks, Split(seed=2), first.assignments)
    assert sets(first) != sets(second)
    assert "divided anew" in second.notes[0]
    assert sets(divide(tasks, Split(seed=2))) == sets(second)
    assert not any("anew" in note for note in divide(tasks, Split(seed=1), first.assignments).notes)


def test_keys_hold_no_content() -> None:
    found = divide(plain(50), Split()).assignments
    assert all("kart" not in item.key and len(item.key) == 24 for item in found)


def test_prescribed_sets_are_kept_and_never_added_to() -> None:
    twins = [Task(id=f"t{n}", kind="qa", messages=task.messages, set="test") for n, task in enumerate(plain(20))]
    other = Task(id="b", kind="qa", messages=twins[0].messages, set="B")
    division = divide([*plain(200), *twins, other], Split(validation=0.1, test=0.1))
    found = sets(division)
    assert Counter(found.values()) == {"train": 180, "validation": 20, "test": 20, "B": 1}
    assert found["b"] == "B"
    assert all(item.key == "" for item in division.assignments[200:])


@pytest.mark.parametrize(("count", "expected"), [(3, (1, 1, 1)), (4, (2, 1, 1)), (10, (8, 1, 1)), (19, (15, 2, 2))])
def test_small_data_has_every_set(count: int, expected: tuple[int, int, int]) -> None:
    division = divide(plain(count), Split())
    counts = Counter(item.set for item in division.assignments)
    assert tuple(counts[name] for name in NAMES) == expected
    assert any("only" in note for note in size_notes(division.assignments, shares_for(Split(), plain(count))))


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(InputError, match="2 different rows cannot fill 3 sets"):
        divide(plain(2), Split())
    with pytest.raises(InputError, match="1 groups of 'aile'"):
        divide(make([(f"soru {n}", "g", "") for n in range(9)]), Split(by="aile"))
    assert sets(divide(plain(1), Split(validation=0, test=0))) == {"0-0 kart-": "train"}


def test_old_rows_stay_even_where_a_set_is_empty() -> None:
    rule = shares_for(Split(), []).rule
    old = [Assignment(id=task.id, set="train", key="k", rule=rule) for task in plain(5)]
    division = divide(plain(5), Split(), old)
    assert set(sets(division).values()) == {"train"}
    notes = size_notes(division.assignments, shares_for(Split(), []))
    assert "there are no validation rows" in notes[0]
    grown = [Assignment(id=f"g{n}", set=name) for n in range(99) for name in ("validation", "test", "test")]
    assert size_notes([*division.assignments, *grown], shares_for(Split(), [])) == [
        "only 99 validation rows: a figure on so few is uncertain (100 or more are useful)"
    ]


def test_a_giant_group_is_noticed() -> None:
    rows = [(f"soru {n}", "g" if n < 50 else "", "") for n in range(100)]
    division = divide(make(rows), Split())
    assert Counter(sets(division).values())["test"] == 10
    assert any("50 of 100 rows share" in note for note in division.notes)


def test_earlier_assignments_come_from_old_with_the_newest_winning(tmp_path: Path) -> None:
    for name, place in [
        ("1_tasks-20260101-000000", "train"),
        ("1_tasks-20260101-000000-10", "test"),
        ("1_tasks-20260101-000000-2", "validation"),
    ]:
        write_lines(tmp_path / "old" / name / "splits.jsonl", [Assignment(id="a", set=place, key="k")])
    write_lines(
        tmp_path / "old" / "1_tasks-20250101-000000" / "splits.jsonl",
        [Assignment(id="b", set="train", key="k")],
    )
    (tmp_path / "old" / "1_tasks-20270101-000000").mkdir()
    found = {item.id: item.set for item in earlier_assignments(RunFolder(tmp_path))}
    assert found == {"a": "test", "b": "train"}
