"""Every text of a request is read from the bytes that leave, and what cannot be read is said to be unreadable."""

from __future__ import annotations

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbik.privacy.contents import texts_around, texts_in

MARK = "Ayşe İpekçi 12345678950"
FORM = "multipart/form-data; boundary=sinir"


def says(body: object, kind: str = "application/json") -> str:
    """All texts of a body, joined; fails where it is unreadable."""
    found = texts_in(json.dumps(body).encode() if not isinstance(body, bytes) else body, kind)
    assert found is not None
    return "\n".join(found)


def part(name: str, content: bytes, *, file: str = "", kind: str = "") -> bytes:
    """One part of a form."""
    head = f'--sinir\r\nContent-Disposition: form-data; name="{name}"' + (f'; filename="{file}"' if file else "")
    return (head + (f"\r\nContent-Type: {kind}" if kind else "") + "\r\n\r\n").encode() + content + b"\r\n"


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [{"role": "user", "content": MARK}]},
        {"messages": [{"role": "system", "content": MARK}, {"role": "user", "content": "soru"}]},
        {"system": [{"type": "text", "text": MARK}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": MARK}]}]},
        {"metadata": {"not": MARK}},
        {"metadata": {MARK: 1}},
        {"stop": ["x", MARK]},
        {"response_format": {"json_schema": {"schema": {"description": MARK}}}},
        {"messages": [{"role": "assistant", "tool_calls": [{"function": {"arguments": json.dumps({"kim": MARK})}}]}]},
        {"user": MARK},
    ],
)
def test_a_text_is_found_wherever_it_stands(body: object) -> None:
    assert MARK in says(body)


def test_a_key_that_is_written_twice_is_read_twice() -> None:
    assert "12345678950" in says(b'{"content": "12345678950", "content": "merhaba"}')


def test_numbers_are_texts_with_their_key() -> None:
    assert "vkn 1234567890" in says({"vkn": 1234567890})
    assert "tckn 1.2345678950" in says(b'{"tckn": 1.2345678950}')


def test_escaped_text_is_read_as_what_it_means() -> None:
    assert "12345678950" in says(rb'{"content": "\u0031\u0032345678950"}')


def test_a_batch_file_is_read_line_by_line_with_its_name() -> None:
    lines = b"\n".join(json.dumps({"custom_id": str(n), "body": {"content": f"{MARK}{n}"}}).encode() for n in range(3))
    body = part("purpose", b"batch") + part("file", lines, file=f"{MARK}.jsonl", kind="application/octet-stream")
    text = says(body + b"--sinir--\r\n", FORM)
    assert all(f"{MARK}{n}" in text for n in range(3))
    assert "Ayşe" in text.partition("custom_id")[0]  # the file's own name
    assert "purpose" in text


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"content": "cut', "application/json"),
        (b"\xff\xfe", "application/json"),
        (b"\x89PNG\r\n", "image/png"),
        (b'{"image_url": {"url": "data:image/png;base64,AAAA"}}', "application/json"),
        (part("file", b"\x00\x01\xff", file="a.jsonl") + b"--sinir--\r\n", FORM),
        (part("file", b"PK\x03\x04", file="a.zip", kind="application/zip") + b"--sinir--\r\n", FORM),
        (part("file", b"{}", file="a.json"), FORM),
        (b"hidden before it\r\n" + part("purpose", b"batch") + b"--sinir--\r\n", FORM),
        (b"no boundary at all", FORM),
        (b"[" * 100_000 + b"]" * 100_000, "application/json"),
    ],
)
def test_what_cannot_be_read_is_said_to_be_unreadable(body: bytes, kind: str) -> None:
    assert texts_in(body, kind) is None


def test_a_compressed_body_cannot_be_read() -> None:
    assert texts_in(gzip.compress(b"{}"), "application/json", "gzip") is None


def test_nothing_holds_nothing() -> None:
    assert texts_in(b"") == []


def test_urls_and_headers_are_read_too() -> None:
    found = "\n".join(texts_around("https://a.com/v1/Ay%C5%9Fe?tckn=12345678950&q=a+b", {"X-Kim": "%C4%B0pek"}))
    assert all(item in found for item in ("Ayşe", "tckn 12345678950", "a b", "X-Kim İpek"))


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20))
def test_no_string_of_any_document_is_missed(value: object) -> None:
    try:
        body = json.dumps(value).encode()
    except UnicodeEncodeError:
        return
    found = texts_in(body)
    if found is None:
        assert "base64," in body.decode()
        return
    joined = "\n".join(found)
    for item in _strings(value):
        assert item in joined


def _strings(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [item for pair in value.items() for part in pair for item in _strings(part)]
    return [text for item in value for text in _strings(item)] if isinstance(value, list) else []
