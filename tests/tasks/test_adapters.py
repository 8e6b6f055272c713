"""Whose row is it: by tag, by category, or nobody's but the rest's."""

from __future__ import annotations

import pytest

from imbik.core.types import Message, Task
from imbik.recipe.training import AdapterRows
from imbik.tasks.adapters import adapters_of

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
