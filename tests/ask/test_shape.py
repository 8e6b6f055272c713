"""Answers by schema: checked here whatever the endpoint promised, told with the path, never with the value."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asking import ask, make_engine, question
from imbik.ask.shape import shaped
from imbik.core.types import Completion, Outcome
from imbik.testing import FakeTeacher

SCHEMA = (
    '{"type":"object","properties":{"ad":{"type":"string"},"kalemler":{"type":"array","items":{"type":"integer"}}},'
    '"required":["ad"]}'
)


def read(answer: str, schema: str = SCHEMA) -> Completion:
    """An answer, checked."""
    return shaped(Completion(answer=answer), schema)


@pytest.mark.parametrize(
    "answer",
    ['{"ad": "Işık"}', ' {"ad":"İ","kalemler":[1,2]}\n', '```json\n{"ad": "Işık"}\n```', '```\n{"ad": "Işık"}\n```\n'],
)
def test_what_fits_is_kept_as_bare_json(answer: str) -> None:
    found = read(answer)
    assert found.outcome is Outcome.ANSWERED
    assert msgspec.json.decode(found.answer)["ad"] in {"Işık", "İ"}


@pytest.mark.parametrize(
    ("answer", "where"),
    [
        ('{"kalemler": []}', r"at \$ \(required\)"),
        ('{"ad": 12345678901}', r"at \$\.ad \(type\)"),
        ('{"ad": "x", "kalemler": [1, "gizli", "y"]}', r"at \$\.kalemler\[1\] \(type\)"),
        ("[]", r"at \$ \(type\)"),
        ("Adı Işık.", "is not the JSON"),
        ('{"ad": "x"', "is not the JSON"),
        ("", "is not the JSON"),
    ],
)
def test_what_does_not_fit_is_malformed_and_says_where_without_the_value(answer: str, where: str) -> None:
    found = read(answer)
    assert found.outcome is Outcome.MALFORMED
    assert re.search(where, found.reason)
    assert "gizli" not in found.reason
    assert "12345678901" not in found.reason
    assert found.answer == answer, "what came stays as evidence"


def test_without_a_schema_or_an_answer_nothing_is_checked() -> None:
    plain = Completion(answer="Adı Işık.")
    cut = Completion(answer='{"ad"', outcome=Outcome.TRUNCATED, reason="the length limit ended the answer")
    assert shaped(plain, "") is plain
    assert shaped(cut, SCHEMA) is cut


def test_a_schema_that_leads_elsewhere_opens_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket, "create_connection", refuse)
    found = read("{}", '{"$ref": "http://127.0.0.1:9/x.json"}')
    assert (found.outcome, found.reason) == (
        Outcome.MALFORMED,
        "the answer could not be checked against the schema (ValueError)",
    )


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_any_json_fits_the_empty_schema(value: object) -> None:
    assert read(msgspec.json.encode(value).decode(), "{}").outcome is Outcome.ANSWERED


def test_an_endpoint_that_breaks_its_promise_is_asked_again_and_never_believed(tmp_path: Path) -> None:
    asked = msgspec.structs.replace(question("Kim?"), schema=SCHEMA)
    with FakeTeacher(lambda _: '{"ad": 5}') as wrong, make_engine(tmp_path, wrong.base_url) as engine:
        (found,) = ask(engine, [asked])
        assert (found.outcome, wrong.count) == (Outcome.MALFORMED, 3)
        assert "at $.ad (type)" in found.reason
    with FakeTeacher(lambda _: '{"ad": "Işık"}') as right:
        with make_engine(tmp_path, right.base_url, structured="response_format") as engine:
            (found,) = ask(engine, [asked])
            (again,) = ask(engine, [asked])
        assert (found.answer, again.answer, right.count) == ('{"ad": "Işık"}', '{"ad": "Işık"}', 1)
        assert right.bodies[0]["response_format"]["json_schema"]["schema"] == msgspec.json.decode(SCHEMA)
