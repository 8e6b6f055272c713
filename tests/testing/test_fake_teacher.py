"""The fake teacher does what its rules say, over real HTTP, and counts."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import aiohttp
import pytest

from imbik.core.errors import UsageError
from imbik.testing import FakeTeacher, Rule, parse_rule


async def post(teacher: FakeTeacher, text: str = "merhaba", **more: Any) -> tuple[int, Any, Any]:
    """Status, headers and body of one question, by a client that follows nothing."""
    body = {"model": "m", "messages": [{"role": "user", "content": text}], **more}
    url = teacher.base_url + "/chat/completions"
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=0.5)) as session,
        session.post(url, json=body, allow_redirects=False) as response,
    ):
        kind = response.content_type
        return response.status, response.headers, await (response.json() if "json" in kind else response.read())


async def test_it_answers_and_counts() -> None:
    with FakeTeacher(lambda messages: messages[-1]["content"].upper()) as teacher:
        for text in ("a", "a", "b"):
            status, _, body = await post(teacher, text)
            assert (status, body["choices"][0]["message"]["content"]) == (200, text.upper())
    assert (teacher.count, dict(teacher.asked)) == (3, {"a": 2, "b": 1})
    assert teacher.bodies[0]["model"] == "m"


async def test_it_cuts_at_the_length_limit_and_passes_fields_through() -> None:
    with FakeTeacher(lambda _: {"content": "bir iki üç", "reasoning_content": "r"}) as teacher:
        _, _, body = await post(teacher, max_tokens=2)
    choice = body["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("bir iki", "length")
    assert choice["message"]["reasoning_content"] == "r"


@pytest.mark.parametrize(("fault", "status"), [("429", 429), ("500", 500), ("503", 503), ("401", 401), ("404", 404)])
async def test_statuses(fault: Any, status: int) -> None:
    with FakeTeacher(rules=[Rule(fault, retry_after=2)]) as teacher:
        found, headers, body = await post(teacher)
    assert found == status
    assert body["error"]["message"]
    assert headers.get("Retry-After") == ("2" if fault in {"429", "500", "503", "404"} else None)


@pytest.mark.parametrize("fault", ["reset", "wrong_length", "hang"])
async def test_replies_that_break_off(fault: Any) -> None:
    with FakeTeacher(rules=[Rule(fault)]) as teacher, pytest.raises((aiohttp.ClientError, TimeoutError)):
        await post(teacher)
    assert teacher.count == 1


async def test_a_redirect_names_its_target() -> None:
    with FakeTeacher(rules=[Rule("redirect", target="http://192.0.2.1/x")]) as teacher:
        status, headers, _ = await post(teacher)
    assert (status, headers["Location"]) == (307, "http://192.0.2.1/x")


async def test_rules_choose_their_requests() -> None:
    rules = [Rule("500", when="fatura", after=1, times=2), Rule("429", when="kargo")]
    with FakeTeacher(rules=rules) as teacher:
        found = [(await post(teacher, "fatura?"))[0] for _ in range(4)]
        assert found == [200, 500, 500, 200]
        assert (await post(teacher, "kargo?"))[0] == 429
        assert (await post(teacher, "selam"))[0] == 200


async def test_it_knows_its_key() -> None:
    with FakeTeacher(key="anahtar") as teacher:
        assert (await post(teacher))[0] == 401


def test_a_taken_port_is_an_error_not_a_hang() -> None:
    with FakeTeacher() as teacher, pytest.raises(OSError, match="address already in use"):
        FakeTeacher(port=teacher.port).__enter__()


def test_rules_as_text() -> None:
    assert parse_rule("429 times=3 retry_after=1.5 when=fatura") == Rule("429", "fatura", times=3, retry_after=1.5)
    for wrong in ("430", "429 time=3", "429 times=x", "429 times"):
        with pytest.raises(UsageError):
            parse_rule(wrong)


def test_words_with_spaces_stand_in_quotes_and_numbers_are_not_negative() -> None:
    assert parse_rule("hang when='7 numaralı İĞNE' times=2") == Rule("hang", "7 numaralı İĞNE", times=2)
    for wrong in ("hang when='7", "hang 7 numaralı", "429 times=-1", "429 latency=-2", "429 times=x"):
        with pytest.raises(UsageError) as caught:
            parse_rule(wrong)
        assert caught.value.next, wrong


def test_it_answers_at_its_own_addresses_alone() -> None:
    with FakeTeacher() as teacher:
        home = teacher.base_url.removesuffix("/v1")
        body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "a"}], "max_tokens": 5}).encode()

        def status(path: str) -> int:
            request = urllib.request.Request(home + path, body, {"Content-Type": "application/json"})
            try:
                with urllib.request.urlopen(request) as reply:
                    return int(reply.status)
            except urllib.error.HTTPError as error:
                with error:
                    return error.code

        for path in ("/v1/chat/completions", "/openai/v1/chat/completions", "/v1/messages"):
            assert status(path) == 200
        assert status("/openai/deployments/d/chat/completions?api-version=2024-10-21") == 200
        for path in ("/nonsense/chat/completions", "/chat/completions", "/v1/chat/completions/chat/completions"):
            assert status(path) == 404
