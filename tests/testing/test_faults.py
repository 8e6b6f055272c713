"""Every fault of the fake teacher over real HTTP: it answers in both formats, keeps its books, and survives."""

from __future__ import annotations

import asyncio
import gc
import http.client
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from imbik.core.errors import UsageError
from imbik.testing import FAULTS, FakeTeacher, Rule, checksum, parse_rule, read_script
from imbik.testing.told import faults_told, price_of
from testing.test_fake_teacher import post

MESSAGE = {"model": "m", "max_tokens": 50, "messages": [{"role": "user", "content": "kaç?"}]}


def ask(teacher: FakeTeacher, path: str = "/v1/chat/completions", **headers: str) -> tuple[int, Any]:
    """One request by a client of the standard library."""
    connection = http.client.HTTPConnection(teacher.host, teacher.port, timeout=5)
    try:
        connection.request("POST", path, json.dumps(MESSAGE), headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read() or b"null")
    finally:
        connection.close()


def test_there_are_many_faults_each_with_one_line() -> None:
    assert len(FAULTS) >= 60
    assert all(fault.about and fault.ends for fault in FAULTS.values())
    told = faults_told()
    assert all(f"\n{name} " in f"\n{told}" for name in FAULTS)


def test_anthropic_messages_and_models() -> None:
    with FakeTeacher(lambda messages: f"{messages[0]['role']} {messages[-1]['content']}") as teacher:
        status, body = ask(teacher, "/v1/messages", **{"x-api-key": "gizli"})
        assert (status, body["type"], body["stop_reason"]) == (200, "message", "end_turn")
        assert body["content"] == [{"type": "text", "text": "user kaç?"}]
        assert body["usage"] == {"input_tokens": 1, "output_tokens": 2}
        assert ask(teacher, "/v1/nirgends")[0] == 404
    with FakeTeacher(key="gizli") as teacher:
        status, body = ask(teacher, "/v1/messages")
        assert (status, body["error"]["type"]) == (401, "authentication_error")


def test_the_books_bill_what_a_model_wrote_by_key_and_model() -> None:
    with FakeTeacher(lambda _: "bir iki üç", price=("2", "10"), rules=[Rule("500", times=1)]) as teacher:
        for _ in range(3):
            ask(teacher, Authorization="Bearer anahtar-1")
        ask(teacher, Authorization="Bearer anahtar-2")
        books = teacher.books.told()
    assert teacher.count == 4
    assert teacher.books.usd == 3 * (1 * Decimal(2) + 3 * Decimal(10)) / 1_000_000
    assert {name: (item.requests, item.written_tokens) for name, item in books["accounts"].items()} == {
        "…ar-1 m": (3, 6),
        "…ar-2 m": (1, 3),
    }


def test_whole_replies_stand_in_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    with FakeTeacher(log=log, rules=[Rule("429", times=1)]) as teacher:
        ask(teacher), ask(teacher)
    assert [json.loads(line)["fault"] for line in log.read_text().splitlines()] == ["429", "none"]


async def test_a_rule_may_meet_each_question_once() -> None:
    with FakeTeacher(rules=[Rule("500", each=1)]) as teacher:
        assert [(await post(teacher, text))[0] for text in ("a", "b", "a", "b", "a")] == [500, 500, 200, 200, 200]


async def test_rules_and_books_from_another_process() -> None:
    with FakeTeacher() as teacher:
        here = f"http://{teacher.host}:{teacher.port}"
        async with aiohttp.ClientSession() as session:
            async with session.post(f"{here}/rules", json=["503 times=1", {"do": "500"}]) as response:
                assert response.status == 200
            assert [(await post(teacher))[0] for _ in range(2)] == [503, 500]
            async with session.post(f"{here}/rules", json=["5030"]) as response:
                assert "is no fault" in (await response.json())["error"]["message"]
            async with session.get(f"{here}/books") as response:
                assert (await response.json())["count"] == 2


def test_a_script_holds_rules(tmp_path: Path) -> None:
    file = tmp_path / "kurallar.yaml"
    file.write_text("rules:\n- {do: 429, times: 3, retry_after: 1}\n- hang when=şikâyet\n", encoding="utf-8")
    assert read_script(file) == [Rule("429", times=3, retry_after=1), Rule("hang", when="şikâyet")]
    file.write_text('[{"do": "gzip_bomb", "bytes": 5}]', encoding="utf-8")
    assert read_script(file) == [Rule("gzip_bomb", bytes=5)]
    for wrong in ("rules: 3", "- {do: 429, tims: 3}", "- {do: 429, times: x}", "- 4290", "{", "- {times: 1}"):
        file.write_text(wrong, encoding="utf-8")
        with pytest.raises(UsageError, match=r"kurallar\.yaml"):
            read_script(file)


def test_prices_as_text() -> None:
    assert price_of("2.50,10") == (Decimal("2.50"), Decimal(10))
    for wrong in ("2", "a,b", "-1,2", "NaN,1", "1,2,3"):
        with pytest.raises(UsageError):
            price_of(wrong)
    assert parse_rule("reset each=2").each == 2


async def test_thousands_of_connections_that_hang_and_go_leave_nothing() -> None:
    process = psutil.Process()
    with FakeTeacher(rules=[Rule("hang", when="kal")], answer=checksum) as teacher:

        async def leave(session: aiohttp.ClientSession) -> None:
            with pytest.raises((TimeoutError, aiohttp.ClientError)):
                async with session.post(teacher.base_url + "/chat/completions", json=body):
                    pass

        body = {"model": "m", "messages": [{"role": "user", "content": "kal"}]}
        timeout = aiohttp.ClientTimeout(total=0.3)
        for number in range(4):
            async with aiohttp.ClientSession(
                timeout=timeout, connector=aiohttp.TCPConnector(limit=0, force_close=True)
            ) as session:
                await asyncio.gather(*(leave(session) for _ in range(250)))
            if number == 0:
                gc.collect()
                before = process.memory_info().rss, process.num_fds()
        for _ in range(100):
            if not teacher.books.under_way:
                break
            await asyncio.sleep(0.02)
        assert teacher.books.under_way == 0
        assert (await post(teacher, "git"))[0] == 200
        gc.collect()
        assert process.num_fds() <= before[1] + 5
        assert process.memory_info().rss - before[0] < 20 << 20
