"""Conversations of every spelling become the same messages; cuts of one conversation share a key."""

from __future__ import annotations

import json

import pytest

from imbik.core.types import Message
from imbik.tasks.conversation import conversation_key, cut_last, earlier_turns, parse_messages
from imbik.tasks.rows import BadRowError

TALK = (
    Message(role="system", content="Kısa yaz."),
    Message(role="user", content="Merhaba"),
    Message(role="assistant", content="Buyurun"),
)


@pytest.mark.parametrize(
    "value",
    [
        [{"role": "system", "content": "Kısa yaz."}, {"role": "user", "content": "Merhaba"},
         {"role": "assistant", "content": "Buyurun"}],
        [{"from": "system", "value": "Kısa yaz."}, {"from": "human", "value": "Merhaba"},
         {"from": "gpt", "value": "Buyurun"}],
        '[{"role":"developer","content":"Kısa yaz."},{"role":"User","content":"Merhaba"},'
        '{"role":"model","content":"Buyurun"}]',
        [{"role": "system", "content": [{"type": "text", "text": "Kısa "}, {"type": "text", "text": "yaz."}]},
         {"role": "user", "content": ["Merhaba"]}, {"role": "bot", "content": "Buyurun"}],
    ],
)  # fmt: skip
def test_spellings_are_one(value: object) -> None:
    assert parse_messages(value) == TALK


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([], "no conversation"),
        ("hello", "no conversation"),
        (None, "no conversation"),
        (["hello"], "no conversation"),
        ([{"role": "system", "content": "x"}], "no conversation"),
        ([{"role": "tool", "content": "x"}], "unknown role"),
        ([{"role": "user", "content": " "}], "empty turn"),
        ([{"role": "user", "content": [{"type": "image_url"}]}], "not text"),
        ([{"role": "assistant", "content": "x", "tool_calls": [1]}], "not text"),
    ],
)
def test_what_is_no_conversation_says_why(value: object, reason: str) -> None:
    with pytest.raises(BadRowError) as caught:
        parse_messages(value)
    assert caught.value.reason == reason


def test_the_last_assistant_turn_is_cut() -> None:
    assert cut_last(TALK) == (TALK[:2], "Buyurun")
    assert cut_last(TALK[:2]) == (TALK[:2], "")
    with pytest.raises(BadRowError):
        cut_last((TALK[0], TALK[2]))


def test_cuts_of_one_conversation_share_a_key() -> None:
    longer = (*TALK, Message(role="user", content="Kartım nerede?"))
    assert conversation_key(longer, "Yolda") == conversation_key(TALK[:2], "Buyurun") != ""
    assert conversation_key(TALK[:2], "Nasıl yardımcı olabilirim?") != conversation_key(TALK[:2], "Buyurun")
    assert conversation_key(TALK[:2], "") == ""


PAIRS = [["İade süresi?", "14 gün."], ["Işık için?", "Evet."]]


@pytest.mark.parametrize("written", [PAIRS, json.dumps(PAIRS), [tuple(pair) for pair in PAIRS]])
def test_pairs_of_a_history_are_earlier_turns(written: object) -> None:
    found = [(turn.role, turn.content) for turn in earlier_turns(written)]
    assert found == [
        ("user", "İade süresi?"), ("assistant", "14 gün."), ("user", "Işık için?"), ("assistant", "Evet.")
    ]  # fmt: skip


def test_turns_of_a_history_are_read_too_and_what_is_none_is_said() -> None:
    assert [turn.role for turn in earlier_turns([{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}])] == [
        "user", "assistant"
    ]  # fmt: skip
    assert earlier_turns("Osmanlı tarihi") == earlier_turns([]) == earlier_turns(None) == ()
    for wrong in (["a"], [["a"]], [["a", "b", "c"]], [["a", ["b"]]]):
        with pytest.raises(BadRowError):
            earlier_turns(wrong)
