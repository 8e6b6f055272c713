"""Logs, errors and progress repeat no row: whatever goes wrong, and however a server repeats what it was asked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import web

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


def answer(messages: Sequence[Mapping[str, Any]]) -> str | Mapping[str, Any]:
    """What the row's mode asks for; every kind of failure repeats the whole row."""
    text = str(messages[-1]["content"])
    said = json.dumps({"error": {"message": f"invalid prompt: {text}", "code": text}})
    if "sunucu" in text:
        raise web.HTTPInternalServerError(text=said, content_type="application/json")
    if "hata" in text:
        raise web.HTTPBadRequest(text=said, content_type="application/json")
    if "bozuk" in text:
        return {"content": "", "finish_reason": "error"}
    return {
        "reddet": {"content": None, "refusal": f"Bunu yapamam: {text}"},
        "uzun": f"{text} " * 9,
        "süzgeç": {"content": text, "finish_reason": "content_filter"},
        "boş": {"content": "", "reasoning_content": text},
        "yarım": f"<think>{text}",
        "okunmaz": f"okunmaz {text}",
    }.get(next((mode for mode in MODES if mode in text), ""), f"Düşündüm {MARK}.\nCevap: {text.split()[0]}")


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
    with FakeTeacher(answer) as teacher:
        (tmp_path / "recipe.yaml").write_text(RECIPE.format(url=teacher.base_url), encoding="utf-8")
        forecast = imbik("run", "recipe.yaml", "--dry-run")
        ended = imbik("run", "recipe.yaml", "--until", "refine")
    assert ended.code == ExitCode.BLOCKED
    outcomes = json.loads((tmp_path / "runs/sessiz/2_answers/manifest.json").read_text())["books"]["reasons"]
    assert set(outcomes) >= {"blocked", "failed", "malformed", "refused", "filtered", "truncated"}
    assert hits((tmp_path / "runs/sessiz/2_answers/part-00000.jsonl").read_text(encoding="utf-8"))  # the control
    assert not hits(searched(tmp_path / "runs", forecast, ended, imbik("privacy", "prove", "sessiz"), imbik("ls")))


@pytest.mark.parametrize("status", [307, 400, 401, 403, 404, 429])
def test_an_error_that_ends_the_run_repeats_nothing(imbik: Imbik, tmp_path: Path, status: int) -> None:
    def refuse(messages: Sequence[Mapping[str, Any]]) -> str:
        said = {"error": {"message": f"no: {messages[-1]['content']}", "code": "insufficient_quota"}}
        if status == 307:
            raise web.HTTPTemporaryRedirect(f"http://127.0.0.1:9/?q={quote(MARK)}-{quote(WORDS)}")
        raise {
            400: web.HTTPBadRequest, 401: web.HTTPUnauthorized, 403: web.HTTPForbidden, 404: web.HTTPNotFound,
            429: web.HTTPTooManyRequests,
        }[status](text=json.dumps(said), content_type="application/json")  # fmt: skip

    with FakeTeacher(refuse) as teacher:
        (tmp_path / "recipe.yaml").write_text(RECIPE.format(url=teacher.base_url), encoding="utf-8")
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
