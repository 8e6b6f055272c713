"""A provider that nobody here knows: its teacher and the form of its batches are all that is added, in one file."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from asking import outcomes, questions
from batchkit import ask, batch_engine
from imbik.ask import parts
from imbik.core.questions import Question
from imbik.core.types import Completion, Outcome, Usage
from imbik.teachers import TeacherContext, WireRequest, WireResponse
from imbik.teachers._batch import BatchRow, BatchState, Parcel

_HEADERS = {"Content-Type": "application/json"}


class Form:
    """Batches of that provider: one POST of JSON lines between brackets; our token stands in the address."""

    carries_token = True
    most_rows, most_bytes, poll = 15, 1 << 20, 0.1

    def __init__(self, url: str) -> None:
        self.url = url

    def row(self, custom_id: str, request: WireRequest) -> bytes:
        return json.dumps({"ad": custom_id, "istek": json.loads(request.body)}).encode()

    def parcel(self, token: str) -> Parcel:
        return Parcel(WireRequest(f"{self.url}/toplu?im={token}", b"", _HEADERS, ""), b"[", b",\n", b"]")

    def begin(self, token: str, sent: bytes) -> WireRequest | None:
        return None

    def look(self, batch: str) -> WireRequest:
        return WireRequest(f"{self.url}/toplu/{batch}", b"", _HEADERS, "")

    def listing(self, after: str) -> WireRequest:
        return WireRequest(f"{self.url}/toplu?sonra={after}", b"", _HEADERS, "")

    def results(self, state: BatchState) -> list[WireRequest]:
        return [WireRequest(f"{self.url}/sonuc/{name}", b"", _HEADERS, "") for name in state.results]

    def discards(self, state: BatchState) -> list[WireRequest]:
        return []

    def state(self, told: Mapping[str, Any]) -> BatchState:
        name = str(told.get("no") or "")
        if not name.isalnum():
            raise ValueError("no batch")
        return BatchState(name, bool(told["bitti"]), (name,), str(told["im"]), begun=float(told["zaman"]))

    def page(self, told: Mapping[str, Any]) -> tuple[list[BatchState], bool]:
        return [self.state(item) for item in told["isler"]], False

    def ended(self, line: bytes) -> BatchRow:
        told = json.loads(line)
        return BatchRow(told["ad"], 200, json.dumps(told["yanit"]).encode())


class NewTeacher:
    """A served teacher with a form of its own."""

    identity, concurrency, timeout, price = "yeni sahte", 4, 10.0, None

    def __init__(self, url: str) -> None:
        self.url, self.batch = f"{url}/sor", Form(url)

    def request(self, question: Question) -> WireRequest:
        return WireRequest(self.url, json.dumps({"soru": question.messages[-1].content}).encode(), _HEADERS, "")

    def read(self, response: WireResponse) -> Completion:
        if response.status != 200:
            return Completion(outcome=Outcome.FAILED, reason=f"HTTP {response.status}")
        return Completion(answer=json.loads(response.body)["cevap"], usage=Usage(input_tokens=1, output_tokens=1))

    def cost_at_most(self, question: Question) -> None:
        return None


@contextmanager
def provider(*, hang_up: bool) -> Iterator[tuple[str, dict[str, dict[str, Any]]]]:
    """Its server, and the batches it was handed; with `hang_up` the first reply to a batch never comes."""
    made: dict[str, dict[str, Any]] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            rows = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = f"t{len(made)}"
            made[name] = {"no": name, "im": self.path.partition("im=")[2], "zaman": time.time(), "satir": rows}
            if hang_up and len(made) == 1:
                self.close_connection = True
            else:
                self.say(self.told(name))

        def do_GET(self) -> None:
            kind, _, name = self.path.removeprefix("/").partition("?")[0].partition("/")
            if kind == "sonuc":
                answers = [{"ad": row["ad"], "yanit": {"cevap": row["istek"]["soru"]}} for row in made[name]["satir"]]
                self.say("\n".join(map(json.dumps, reversed(answers))))
            else:
                self.say(self.told(name) if name else {"isler": [self.told(name) for name in reversed(made)]})

        def told(self, name: str) -> dict[str, Any]:
            batch = made[name]
            return {"no": name, "im": batch["im"], "zaman": batch["zaman"], "bitti": time.time() > batch["zaman"] + 0.2}

        def say(self, what: object) -> None:
            body = (what if isinstance(what, str) else json.dumps(what)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("hang_up", [False, True])
def test_a_new_provider_is_its_own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hang_up: bool) -> None:
    with provider(hang_up=hang_up) as (url, made):

        def load(group: str, use: str) -> Any:
            def make(settings: object, context: TeacherContext) -> NewTeacher:
                return NewTeacher(url)

            return make

        monkeypatch.setattr(parts, "load_plugin", load)
        with batch_engine(tmp_path, url) as engine:
            found = ask(engine, questions(40))
    assert outcomes(found) == [Outcome.ANSWERED] * 40
    assert [item.answer for item in found] == [f"soru {n}" for n in range(40)]
    assert sorted(len(batch["satir"]) for batch in made.values()) == [10, 15, 15]  # nothing was handed over twice
