"""Anthropic's format through the real engine over real HTTP: its key header, its overload status, its thinking."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from asking import ask, make_engine, outcomes, questions
from imbik.core.errors import TeacherUnreachableError
from imbik.core.types import Outcome

Headers = dict[str, str]


class _Messages(BaseHTTPRequestHandler):
    """Answers POST /v1/messages; the first request is told that the service is overloaded."""

    protocol_version = "HTTP/1.1"
    seen: ClassVar[list[tuple[str, Headers, dict[str, Any]]]] = []

    def do_POST(self) -> None:
        """One message, or one error."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.seen.append((self.path, dict(self.headers.items()), body))
        if self.headers.get("x-api-key") != "gizli":
            self._send(
                401, {"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}}
            )
        elif len(self.seen) == 1:
            self._send(529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
        else:
            said = body["messages"][-1]["content"]
            content = [{"type": "thinking", "thinking": "Düşündüm"}, {"type": "text", "text": f"Cevap: {said}"}]
            usage = {"input_tokens": 9, "output_tokens": 4}
            self._send(200, {"type": "message", "content": content, "stop_reason": "end_turn", "usage": usage})

    def _send(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Its address."""
    monkeypatch.setenv("IMBIK_CLAUDE", "gizli")
    _Messages.seen.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), _Messages) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


def test_it_is_asked_past_an_overload_and_its_answers_are_stored(server: str, tmp_path: Path) -> None:
    teacher = {"use": "anthropic", "model": "claude-x", "base_url": server, "key": "IMBIK_CLAUDE", "thinking": 1024}
    with make_engine(tmp_path, teacher=teacher) as engine:
        found = ask(engine, questions(5))
        again = ask(engine, questions(5))
    assert outcomes(found) == [Outcome.ANSWERED] * 5
    assert [one.answer for one in found] == [f"Cevap: soru {number}" for number in range(5)]
    assert {one.reasoning for one in found} == {"Düşündüm"}
    assert [one.answer for one in again] == [one.answer for one in found]
    assert len(_Messages.seen) == 6
    path, headers, body = _Messages.seen[-1]
    assert path == "/v1/messages"
    assert (headers["x-api-key"], headers["anthropic-version"]) == ("gizli", "2023-06-01")
    assert "Authorization" not in headers
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 1024}


def test_a_wrong_key_ends_the_asking_and_is_not_repeated(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMBIK_CLAUDE", "yanlisanahtar")
    teacher = {"use": "anthropic", "model": "claude-x", "base_url": server, "key": "IMBIK_CLAUDE"}
    with make_engine(tmp_path, teacher=teacher) as engine, pytest.raises(TeacherUnreachableError) as error:
        ask(engine, questions(1))
    assert "invalid x-api-key" in str(error.value)
    assert "yanlisanahtar" not in str(error.value)
