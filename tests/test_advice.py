"""Advice can be pasted: what imbik tells a person to type names the run itself, not the word RUN.

Help texts are docstrings and `help=`, and may speak of RUN and RECIPE in general.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

# `RunFolder.typed` is what a person types: the name alone is found under `runs/` only, not where `--runs` says.
NAME_ALONE = re.compile(r"imbik (?:run|show|gc|review|chat|predict|batches|push|judge|privacy \w+) \{[^{}]*\.name\}")
NAMED_BY_NAME = {
    "advise/forget/made.py": "a receipt is handed on, and says nothing of this machine's folders",
    "evaluate/words.py": "a report is read elsewhere, where no path of this machine leads",
}
PLACEHOLDER = re.compile(r"imbik [a-z][a-z -]*\b(RUN|RECIPE)\b")
# Where no run or recipe is known yet.
NOT_KNOWN = {
    "recipe/asking.py": "a recipe that is being read does not know its file",
    "advise/runs.py": "there is no run of that name",
}


def advice(source: str) -> Iterator[str]:
    """Words of a module that may be printed as advice: no docstrings and no help of options."""
    tree = ast.parse(source)
    documents = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    documents |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "help"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
            yield node.value


def test_no_advice_names_a_placeholder_where_the_run_is_known(root: Path) -> None:
    package = root / "src" / "imbik"
    found = {
        str(path.relative_to(package)): text
        for path in sorted(package.rglob("*.py"))
        for text in advice(path.read_text(encoding="utf-8"))
        if PLACEHOLDER.search(text)
    }
    assert found.keys() == NOT_KNOWN.keys(), found


def test_no_advice_names_a_run_by_its_name_where_its_path_is_known(root: Path) -> None:
    package = root / "src" / "imbik"
    found = {
        str(path.relative_to(package))
        for path in sorted(package.rglob("*.py"))
        if NAME_ALONE.search(path.read_text(encoding="utf-8"))
    }
    assert found == set(NAMED_BY_NAME)


@pytest.mark.parametrize(
    ("source", "caught"),
    [
        ("next = 'look at them: imbik show RUN refine'", True),
        ("next = f'{count} rows: imbik privacy head RUN > FILE'", True),
        ("next = f'imbik show {run} refine'", False),
        ('"""imbik show RUN"""', False),
    ],
)
def test_the_same_search_finds_a_placeholder(source: str, caught: bool) -> None:
    assert any(PLACEHOLDER.search(text) for text in advice(source)) is caught
