"""YAML that would crash, never end or win silently is refused with its line and what to type."""

from __future__ import annotations

from contextlib import suppress

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from imbik.core.strict_yaml import DEEPEST, YamlError, read_yaml

BAD = [
    ("a: 1\nname: 2026-13-45", 2, "'2026-13-45' is written as a timestamp", "in quotes: '2026-13-45'"),
    ("a: 1\n2026-13-45: 1", 2, "written as a timestamp", "in quotes"),
    ("a: !!int abc", 1, "written as a int", "in quotes"),
    ("a: !!bool abc", 1, "written as a bool", "in quotes"),
    ("a: 0b_", 1, "written as a int", "in quotes"),
    ("a: 1\n? [a, b]\n: c", 2, "a key is a list or mapping", "a word before the colon"),
    ("a: 1\n{b: c}: d", 2, "a key is a list or mapping", "a word before the colon"),
    ("&a [*a]", 1, "'*a' stands inside '&a'", "write out"),
    ("name: x\ntasks: &a {source: {path: *a}}", 2, "'*a' stands inside '&a'", "write out"),
    ("a: 1\nb: " + "[" * 5000 + "]" * 5000, 2, f"more than {DEEPEST} levels", "brackets"),
    ('a: 1\nb: "x\\0y"', 2, "NUL", "take"),
    ("a: 1\na: 2", 2, "'a' is written twice", "keep one"),
    ("a: 1\nb: [", 2, "not valid YAML", "missing quote"),
]


@pytest.mark.parametrize(("text", "line", "words", "advice"), BAD)
def test_what_is_no_plain_data_is_refused_with_its_line(text: str, line: int, words: str, advice: str) -> None:
    with pytest.raises(YamlError) as refused:
        read_yaml(text)
    assert words in refused.value.what
    assert advice in refused.value.advice
    assert refused.value.line == line


def test_aliases_beside_one_another_are_used_as_often_as_wanted() -> None:
    data, _ = read_yaml("a: &x [1, 2]\nb: *x\nc: {d: *x, e: &y 3, f: *y}")
    assert data == {"a": [1, 2], "b": [1, 2], "c": {"d": [1, 2], "e": 3, "f": 3}}


def test_nesting_as_deep_as_allowed_is_read() -> None:
    data, _ = read_yaml("[" * DEEPEST + "]" * DEEPEST)
    assert str(data) == "[" * DEEPEST + "]" * DEEPEST


@given(st.text("ab01-:_.[]{}&*!? #'\"|>\n\t,eE~/\0İ", max_size=30))
def test_no_text_crashes_the_reader(text: str) -> None:
    with suppress(YamlError):
        read_yaml(text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text("aş1-: ", max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner),
    )
)
def test_plain_data_comes_back(value: object) -> None:
    assert read_yaml(yaml.safe_dump(value, allow_unicode=True))[0] == value
