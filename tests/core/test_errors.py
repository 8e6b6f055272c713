"""Errors say what, where and what next, also across process borders, and each has a code of the one table."""

from __future__ import annotations

import pickle

import pytest

from imbik.core import errors
from imbik.core.errors import ExitCode, ImbikError, RecipeError

KINDS = [item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, ImbikError)]


def test_the_text_has_place_fact_and_advice() -> None:
    error = RecipeError("unknown key", where="recipe.yaml:3", next="imbik explain train")
    assert str(error) == "recipe.yaml:3: unknown key\n  -> imbik explain train"
    assert str(ImbikError("it failed")) == "it failed"


@pytest.mark.parametrize("kind", KINDS)
def test_errors_survive_pickling(kind: type[ImbikError]) -> None:
    error = kind("what", where="where", next="next")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert (copy.what, copy.where, copy.next) == ("what", "where", "next")


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_has_a_code_and_a_docstring(kind: type[ImbikError]) -> None:
    assert kind.exit_code in ExitCode
    assert kind.exit_code is not ExitCode.DONE
    assert kind.__doc__
