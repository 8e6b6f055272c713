"""Whose row is it: by tag, by category, or nobody's but the rest's."""

from __future__ import annotations

import pytest

from imbik.core.errors import RecipeError
from imbik.core.types import Message, Task
from imbik.recipe.training import AdapterRows, TeacherShare, Train
from imbik.tasks.adapters import adapters_of, refuse_unclaimed

ROWS = {
    "law": AdapterRows(tags=["law", "tax"]),
    "iade": AdapterRows(categories=["İade"], tags=["refund"]),
    "rest": AdapterRows(),
}


@pytest.mark.parametrize(
    ("tags", "category", "wanted"),
    [
        (("tax",), "", ["law"]),
        (("refund", "law"), "", ["law", "iade"]),
        ((), "İade", ["iade"]),
        ((), "iade", ["rest"]),
        ((), "", ["rest"]),
        (("other",), "x", ["rest"]),
    ],
)
def test_names_go_before_the_rest(tags: tuple[str, ...], category: str, wanted: list[str]) -> None:
    task = Task(id="1", kind="qa", messages=(Message(role="user", content="a"),), tags=tags, category=category)
    assert adapters_of(ROWS, task) == wanted
    assert adapters_of({}, task) == []


def tasks(*about: tuple[tuple[str, ...], str]) -> list[Task]:
    said = (Message(role="user", content="a"),)
    return [Task(id=str(n), kind="qa", messages=said, tags=tags, category=of) for n, (tags, of) in enumerate(about)]


def test_adapters_and_teachers_without_rows_are_refused_with_what_there_is() -> None:
    given = tasks((("refund",), ""), ((), "Kargo"))
    refuse_unclaimed(Train(adapters={"iade": ROWS["iade"], "rest": ROWS["rest"]}), given)
    refuse_unclaimed(Train(teachers={"t": TeacherShare(), "u": TeacherShare(tags=["refund", "x"])}), given)
    with pytest.raises(RecipeError, match="no training row is for adapter 'law'") as error:
        refuse_unclaimed(Train(adapters=ROWS), given)
    assert error.value.where == "train.adapters.law"
    assert error.value.next.endswith("there are tags: refund; categories: Kargo")
    with pytest.raises(RecipeError, match="no training row is for teacher 'law'") as error:
        refuse_unclaimed(Train(teachers={"t": TeacherShare(), "law": TeacherShare(tags=["law"])}), given)
    assert error.value.where == "train.teachers.law"


def test_an_adapter_for_the_rest_needs_a_rest() -> None:
    with pytest.raises(RecipeError, match="adapter 'rest'"):
        refuse_unclaimed(Train(adapters={"a": AdapterRows(tags=["x"]), "rest": AdapterRows()}), tasks((("x",), "")))
