"""Logs, errors and progress repeat no row: whatever goes wrong, and however a server repeats what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from cli.conftest import Ended, Imbik
from imbik.ask.retry import RetryPolicy
from imbik.core.errors import ExitCode
from imbik.tasks.kinds.qa import Qa
from imbik.testing import FakeTeacher

MARK, WORDS = "gizliağaç4711", "Sırma Yüksekdağ"
RECIPE = """
name: sessiz
tasks: {{source: rows.jsonl, kind: qa, sensitivity: gizlilik, split: {{validation: 0.05, test: 0.05}}}}
teachers: {{uzak: {{use: openai, model: m, base_url: {url}, concurrency: 1}}}}
generate: {{max_tokens: 12}}
refine: [shape, agreement]
student: {{architecture: llama, hidden_size: 16, layers: 1, heads: 2, context: 128, vocabulary: 300}}
"""
MODES = ("tamam", "hata", "reddet", "bozuk", "uzun", "süzgeç", "boş", "sunucu", "yarım", "okunmaz")


Reply = tuple[int, dict[str, str], Any]


def answer(text: str) -> Reply:
    """What the row's mode asks for; every kind of failure repeats the whole row."""
    error = {"error": {"message": f"invalid prompt: {text}", "code": text}}
    mode = next((mode for mode in MODES if mode in text), "")
    if mode in {"sunucu", "hata"}:
        return 500 if mode == "sunucu" else 400, {}, error
    message: dict[str, Any] = {
        "reddet": {"content": None, "refusal": f"Bunu yapamam: {text}"},
        "bozuk": {"content": ""},
        "uzun": {"content": text},
        "süzgeç": {"content": text},
        "boş": {"content": "", "reasoning_content": text},
        "yarım": {"content": f"<think>{text}"},
        "okunmaz": {"content": f"okunmaz {text}"},
    }.get(mode, {"content": f"Düşündüm {MARK}.\nCevap: {text.split()[0]}"})
    finish = {"bozuk": "error", "uzun": "length", "süzgeç": "content_filter"}.get(mode, "stop")
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return 200, {}, {"choices": [choice | (error if mode == "bozuk" else {})]}


@contextmanager
def server(answers: Callable[[str], Reply]) -> Iterator[str]:
    """A server that answers the last message so; its base_url."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, headers, body = answers(asked["messages"][-1]["content"])
            data = json.dumps(body, ensure_ascii=status == 400).encode()
            self.send_response(status)
            for name, value in {
                **headers,
                "Content-Type": "application/json",
                "Content-Length": str(len(data)),
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    found = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{found.server_address[1]}/v1"
    finally:
        found.shutdown()
        thread.join()
        found.server_close()


@pytest.fixture(autouse=True)
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of every mode, a tenth of them confidential; retries do not wait."""
    monkeypatch.setattr(RetryPolicy, "wait", lambda *_: 0.0)
    with (tmp_path / "rows.jsonl").open("w", encoding="utf-8") as stream:
        for n in range(80):
            text = f"{n} {MODES[n % len(MODES)]} {MARK} {WORDS} nerede?"
            level = "confidential" if n % 10 == 3 else "public"
            stream.write(json.dumps({"question": text, "answer": MARK, "gizlilik": level}) + "\n")


def searched(folder: Path, *ended: Ended) -> str:
    """Everything that a person or a log collector sees of a run; its stage files hold rows lawfully."""
    files = [*folder.rglob("events.jsonl"), *folder.rglob("audit.jsonl"), *folder.rglob("imbik-crash-*.log")]
    files += [*folder.rglob("manifest.json")]
    return "\n".join([*(path.read_text(encoding="utf-8") for path in files), *(item.out + item.err for item in ended)])


def hits(text: str) -> list[str]:
    """Where the row's words stand, in any usual spelling."""
    spelt = [MARK, *WORDS.split()]
    wanted = {form for word in spelt for form in (word, word.upper(), json.dumps(word)[1:-1], quote(word))}
    return [line[:300] for line in text.splitlines() if any(form in line for form in wanted)]


def test_nothing_of_a_row_is_said_whatever_becomes_of_it(
    imbik: Imbik, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Qa.read

    def fails(self: Qa, completion: Any, task: Any) -> Any:
        if completion.answer.startswith("okunmaz"):
            raise ValueError(f"cannot read {completion.answer}")
        return read(self, completion, task)

    monkeypatch.setattr(Qa, "read", fails)
    with server(answer) as url:
        (tmp_path / "recipe.yaml").write_text(RECIPE.format(url=url), encoding="utf-8")
        forecast = imbik("run", "recipe.yaml", "--dry-run")
        ended = imbik("run", "recipe.yaml", "--until", "refine")
    assert ended.code == ExitCode.BLOCKED
    outcomes = json.loads((tmp_path / "runs/sessiz/2_answers/manifest.json").read_text())["books"]["reasons"]
    assert set(outcomes) >= {"blocked", "failed", "malformed", "refused", "filtered", "truncated"}
    assert hits((tmp_path / "runs/sessiz/2_answers/part-00000.jsonl").read_text(encoding="utf-8"))  # the control
    assert not hits(searched(tmp_path / "runs", forecast, ended, imbik("privacy", "prove", "sessiz"), imbik("ls")))


@pytest.mark.parametrize("status", [307, 400, 401, 403, 404, 429])
def test_an_error_that_ends_the_run_repeats_nothing(imbik: Imbik, tmp_path: Path, status: int) -> None:
    def refuse(text: str) -> Reply:
        target = {"Location": f"http://127.0.0.1:9/?q={quote(MARK)}-{quote(WORDS)}"} if status == 307 else {}
        return status, target, {"error": {"message": f"no: {text}", "code": "insufficient_quota"}}

    with server(refuse) as url:
        (tmp_path / "recipe.yaml").write_text(RECIPE.format(url=url), encoding="utf-8")
        ended = imbik("run", "recipe.yaml", "--until", "refine")
    assert ended.code not in {ExitCode.DONE, ExitCode.USAGE}
    assert f"HTTP {status}" in ended.err or "redirects to http://127" in ended.err
    assert not hits(searched(tmp_path / "runs", ended))


def test_a_crash_and_a_crashing_check_repeat_nothing(
    imbik: Imbik, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: Any) -> Any:
        raise ValueError(f"{MARK} {WORDS}")

    with FakeTeacher(lambda _: "Düşündüm taşındım.\nCevap: 1") as teacher:
        (tmp_path / "recipe.yaml").write_text(RECIPE.format(url=teacher.base_url), encoding="utf-8")
        with monkeypatch.context() as patch:
            patch.setattr("imbik.refine.checks.shape.Shape.judge", broken)
            check = imbik("run", "recipe.yaml", "--until", "refine")
        assert "crashed" in check.err
        monkeypatch.setattr("imbik.refine.stage.RefineStage.run", broken)
        crash = imbik("run", "recipe.yaml", "--until", "refine")
    assert "this is an error of imbik (ValueError" in crash.err
    assert list((tmp_path / "runs").glob("imbik-crash-*.log"))
    assert not hits(searched(tmp_path / "runs", check, crash))
    assert hits(imbik("--debug", "run", "recipe.yaml", "--until", "refine").err)  # the control: asked for, it is shown
