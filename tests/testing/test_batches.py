"""Batches of the fake teacher: submitted, worked on, collected, at half price, with rows that do not succeed."""

from __future__ import annotations

import http.client
import json
import time
from decimal import Decimal
from typing import Any

from imbik.testing import BatchPlan, FakeTeacher, checksum
from imbik.testing.told import plan_of


def call(teacher: FakeTeacher, method: str, path: str, body: Any = None, kind: str = "application/json") -> Any:
    """Status and body of one request; JSON where it is one document."""
    connection = http.client.HTTPConnection(teacher.host, teacher.port, timeout=5)
    data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    connection.request(method, path, data, {"Content-Type": kind})
    response = connection.getresponse()
    raw = response.read()
    connection.close()
    lines = [json.loads(line) for line in raw.splitlines()]
    return response.status, lines if raw.endswith(b"\n") else lines[0]


def asked(number: int) -> dict[str, Any]:
    """A request's body."""
    return {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": f"ş {number}"}]}


def upload(teacher: FakeTeacher, rows: int) -> str:
    """A file of questions, as a form."""
    lines = "\n".join(json.dumps({"custom_id": f"r{n}", "body": asked(n)}, ensure_ascii=False) for n in range(rows))
    head = '--x\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n'
    form = f'--x\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n{head}{lines}\r\n--x--\r\n'
    _, file = call(teacher, "POST", "/v1/files", form.encode(), "multipart/form-data; boundary=x")
    return str(file["id"])


def test_a_batch_as_openai_takes_it() -> None:
    plan = BatchPlan(seconds=0.2, errored=4, expired=5, missing=7, most=12)
    with FakeTeacher(checksum, batch=plan, price=("2", "10")) as teacher:
        body = {"input_file_id": upload(teacher, 12), "endpoint": "/v1/chat/completions", "metadata": {"imbik": "a"}}
        status, batch = call(teacher, "POST", "/v1/batches", body)
        assert (status, batch["status"], batch["output_file_id"]) == (200, "in_progress", None)
        assert teacher.books.usd == 0
        time.sleep(0.25)
        batch = call(teacher, "GET", f"/v1/batches/{batch['id']}")[1]
        assert (batch["status"], batch["metadata"]) == ("completed", {"imbik": "a"})
        good = call(teacher, "GET", f"/v1/files/{batch['output_file_id']}/content")[1]
        bad = call(teacher, "GET", f"/v1/files/{batch['error_file_id']}/content")[1]
        listed = call(teacher, "GET", "/v1/batches")[1]
        over = call(teacher, "POST", "/v1/batches", {"input_file_id": upload(teacher, 13)})
    assert {line["custom_id"] for line in good} == {f"r{n}" for n in (0, 1, 2, 5, 8, 10)}
    assert [line["custom_id"] for line in good] != sorted(line["custom_id"] for line in good)
    texts = {line["custom_id"]: line["response"]["body"]["choices"][0]["message"]["content"] for line in good}
    assert texts["r8"] == checksum([{"content": "ş 8"}])
    assert {line["custom_id"]: (line["error"] or {}).get("code") for line in bad} == {
        "r3": None, "r7": None, "r11": None, "r4": "batch_expired", "r9": "batch_expired",
    }  # fmt: skip
    assert teacher.books.usd == 6 * (2 * Decimal(2) + 2 * Decimal(10)) / 1_000_000 / 2
    assert [item["id"] for item in listed["data"]] == [batch["id"]]
    assert over[0] == 400
    assert dict(teacher.asked) == {f"ş {n}": 1 for n in range(12)}


def test_a_batch_as_anthropic_takes_it() -> None:
    with FakeTeacher(checksum, batch=BatchPlan(errored=2, expired=3)) as teacher:
        rows = [{"custom_id": f"r{n}", "params": asked(n)} for n in range(4)]
        batch = call(teacher, "POST", "/v1/messages/batches", {"requests": rows})[1]
        assert (batch["processing_status"], batch["request_counts"]["errored"]) == ("ended", 2)
        results = call(teacher, "GET", f"/v1/messages/batches/{batch['id']}/results")[1]
        assert call(teacher, "POST", "/v1/messages/batches", {"requests": rows + rows})[0] == 400
        assert call(teacher, "GET", "/v1/messages/batches/nichts")[0] == 404
    assert {line["custom_id"]: line["result"]["type"] for line in results} == {
        "r0": "succeeded", "r1": "errored", "r2": "expired", "r3": "errored",
    }  # fmt: skip


def test_a_cancelled_batch_ends_without_a_bill() -> None:
    with FakeTeacher(batch=BatchPlan(seconds=60), price=("2", "10")) as teacher:
        rows = [{"custom_id": "r", "params": asked(1)}]
        batch = call(teacher, "POST", "/v1/messages/batches", {"requests": rows})[1]
        assert batch["processing_status"] == "in_progress"
        assert call(teacher, "POST", f"/v1/messages/batches/{batch['id']}/cancel")[1]["request_counts"]["canceled"] == 1
    assert teacher.books.usd == 0


def test_a_lost_batch_is_unknown_from_when_it_would_have_ended() -> None:
    with FakeTeacher(batch=BatchPlan(seconds=60, lost=2)) as teacher:
        rows = [{"custom_id": "r", "params": asked(1)}]
        names = [call(teacher, "POST", "/v1/messages/batches", {"requests": rows})[1]["id"] for _ in range(3)]
        paths = [f"/v1/messages/batches/{name}" for name in names]
        assert [call(teacher, "GET", path)[0] for path in paths] == [200, 200, 200]
        for batch in teacher.batches.made.values():
            batch.made -= 60
        assert [call(teacher, "GET", path)[0] for path in paths] == [200, 404, 200]
        listed = call(teacher, "GET", "/v1/messages/batches")[1]
    assert [item["id"] for item in listed["data"]] == [names[2], names[0]]


def test_a_plan_as_it_is_typed() -> None:
    assert plan_of("") == BatchPlan()
    assert plan_of("seconds=0.5 expired=20 lost=2 kept=1") == BatchPlan(seconds=0.5, expired=20, lost=2, kept=True)
