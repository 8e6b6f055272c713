"""What was meant is said in one sentence: of the type that was meant, by the path that stands in the file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec
import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from imbik.core.misspelt import closest, explain_decoding, explain_validation, misspelt


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")

    html: bool = True
    share: float = 0.0


class Whole(BaseModel):
    model_config = ConfigDict(extra="forbid")
    elsewhere: ClassVar[Mapping[str, str]] = {"temperature": "generate.temperature"}

    source: str = Field("", alias="from")
    clean: Part | bool = False
    listed: list[Part] | None = None
    named: str | dict[str, Part] = ""


def said(data: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as raised:
        Whole.model_validate(data)
    return explain_validation(raised.value, Whole)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"clean": {"htlm": True}}, "unknown key 'clean.htlm'; did you mean 'html'?"),
        ({"listed": [{}, {"shaer": 1}]}, "unknown key 'listed.1.shaer'; did you mean 'share'?"),
        ({"named": {"İğne": {"hmtl": 1}}}, "unknown key 'named.İğne.hmtl'; did you mean 'html'?"),
        ({"form": ""}, "unknown key 'form'; did you mean 'from'?"),
        ({"zzz": 1}, "unknown key 'zzz'; known names: clean, from, listed, named"),
        (
            {"temprature": 1},
            "unknown key 'temprature'; did you mean 'temperature'? It is not said here: write generate.temperature",
        ),
        ({"clean": {"share": "x", "htlm": 1}}, "'clean.share': "),
    ],
)
def test_only_the_type_that_was_meant_is_spoken_of(data: dict[str, Any], words: str) -> None:
    found = said(data)
    assert found.startswith(words)
    assert "bool" not in found or "clean.share" in found


def test_what_fits_none_of_several_types_is_told_once_for_each() -> None:
    found = said({"clean": "belki"})
    assert found.count("'clean': ") == 2
    assert found.count("got 'belki'") == 2


def test_closest_takes_nothing_for_near_that_is_not() -> None:
    assert closest("trian", ["train", "test"]) == "did you mean 'train'?"
    assert closest("temprature", ["structured", "model"]) == "known names: structured, model"
    assert closest("x", []) == "known names: none"


def test_misspelt_is_sure_or_silent() -> None:
    assert misspelt("requierd", ["required", "type"]) == "required"
    assert misspelt("required", ["required"]) == ""
    assert misspelt("x-hint", ["minimum", "type"]) == ""


def test_a_record_names_the_key_that_was_meant() -> None:
    class Line(msgspec.Struct, forbid_unknown_fields=True, rename={"by": "who"}):
        by: str = ""
        keep: bool = False

    for text, words in (
        (b'{"kep": true}', "unknown key 'kep'; did you mean 'keep'?"),
        (b'{"by": "a"}', "unknown key 'by'; known names: who, keep"),
        (b'{"keep": 3}', "Expected `bool`, got `int` - at `$.keep`"),
    ):
        with pytest.raises(msgspec.ValidationError) as raised:
            msgspec.json.decode(text, type=Line)
        assert explain_decoding(raised.value, Line) == words
