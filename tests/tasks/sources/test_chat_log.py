"""Logs of a chat API: each pair is a task with a recorded answer; what failed is put aside with its reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from imbik.tasks.sources.chat_log import is_log

ASKED = {"model": "gpt-4o", "messages": [{"role": "user", "content": "İade süresi kaç gün?"}]}


def answered(content: Any = "14 gün.", **more: Any) -> dict[str, Any]:
    """A response with one choice."""
    return {"choices": [{"message": {"role": "assistant", "content": content, **more}, "finish_reason": "stop"}]}


def write(path: Path, *pairs: dict[str, Any]) -> None:
    path.write_text("\n".join(json.dumps(pair, ensure_ascii=False) for pair in pairs))


@pytest.mark.parametrize(
    ("pair", "messages", "recorded"),
    [
        ({"request": ASKED, "response": answered()}, 1, ("gpt-4o", "14 gün.")),
        ({"custom_id": "k7", "request": {"body": ASKED}, "response": {"status_code": 200, "body": answered()}}, 1,
         ("gpt-4o", "14 gün.")),
        ({**ASKED, **answered()}, 1, ("gpt-4o", "14 gün.")),
        ({**ASKED, "response": "14 gün."}, 1, ("gpt-4o", "14 gün.")),
        ({"request": {"prompt": "Kaç gün?"}, "response": {"choices": [{"text": "14"}]}}, 1, ("log", "14")),
        ({"request": {**ASKED, "system": "Kısa yaz."}, "response": {"content": [{"type": "text", "text": "14"}]}}, 2,
         ("gpt-4o", "14")),
        ({"request": ASKED, "response": answered("14", reasoning_content="Yasa 14 der.")}, 1,
         ("gpt-4o", "<think>\nYasa 14 der.\n</think>\n\n14")),
    ],
)  # fmt: skip
def test_pairs_become_recorded_answers(
    tmp_path: Path, read: Any, pair: dict[str, Any], messages: int, recorded: tuple[str, str]
) -> None:
    write(tmp_path / "log.jsonl", pair)
    found, bad, _ = read("chat_log", path="log.jsonl")
    assert not bad
    assert len(found[0].values["messages"]) == messages
    assert [(answer.name, answer.text) for answer in found[0].recorded] == [recorded]
    assert found[0].values.get("id") == pair.get("custom_id")


def test_several_choices_and_a_name(tmp_path: Path, read: Any) -> None:
    response = {"choices": [answered("bir")["choices"][0], answered("iki")["choices"][0]]}
    write(tmp_path / "log.jsonl", {"request": ASKED, "response": response, "team": "destek"})
    found, _, _ = read("chat_log", path="log.jsonl", name="eski")
    assert [(answer.name, answer.text) for answer in found[0].recorded] == [
        ("eski", "bir"),
        ("eski-2", "iki"),
    ]
    assert found[0].values["team"] == "destek"


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        ({"error": {"message": "rate limit"}}, "the request failed"),
        ({"status_code": 500, "body": {}}, "the request failed"),
        ({"choices": [{"message": {"content": "14"}, "finish_reason": "length"}]}, "the answer was cut off"),
        ({"content": [{"type": "text", "text": "1"}], "stop_reason": "max_tokens"}, "the answer was cut off"),
        (answered(None, refusal="no"), "the request was refused"),
        (answered(None, tool_calls=[{}]), "not text"),
        (answered(" "), "the answer is empty"),
        ({"id": "x"}, "no answer in the response"),
        ({"choices": ["x"]}, "no answer in the response"),
        (7, "no request with a response"),
    ],
)
def test_what_failed_is_put_aside(tmp_path: Path, read: Any, response: Any, reason: str) -> None:
    write(tmp_path / "log.jsonl", {"request": ASKED, "response": response})
    found, bad, _ = read("chat_log", path="log.jsonl")
    assert not found
    assert (bad[0].line, bad[0].reason) == (1, reason)


def test_what_is_a_log() -> None:
    assert is_log({"request": ASKED, "response": answered()})
    assert is_log({**ASKED, **answered()})
    assert not is_log({"messages": ASKED["messages"], "response": "text"})
    assert not is_log({"prompt": "a", "response": {"text": "b"}})


def test_a_growing_conversation_stays_in_one_set(tmp_path: Path, load: Any) -> None:
    talk = [{"role": "user", "content": "Merhaba"}]
    pairs = []
    for number in range(4):
        pairs.append({"request": {"messages": list(talk)}, "response": answered(f"Cevap {number}")})
        talk += [
            {"role": "assistant", "content": f"Cevap {number}"},
            {"role": "user", "content": f"Soru {number}"},
        ]
    write(tmp_path / "log.jsonl", *pairs, {"request": ASKED, "response": answered()})
    tasks = load("log.jsonl", kind="conversation").tasks
    assert len({task.group for task in tasks[:4]}) == 1
    assert tasks[4].group != tasks[0].group
    assert tasks[3].recorded[0].text == "Cevap 3"
    assert tasks[0].reference is None
