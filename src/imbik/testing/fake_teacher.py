"""A teacher that speaks real HTTP on this machine, answers what it is told to, fails on demand and counts.

Enters: an answering function and rules. Leaves: an OpenAI-compatible endpoint (`/v1/chat/completions`, `/v1/models`)
and what it was asked. For example:

    with FakeTeacher(lambda messages: "4", rules=[Rule("429", times=3)]) as teacher:
        ask(base_url=teacher.base_url)
        assert teacher.count == 8
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

import msgspec
from aiohttp import web

from imbik.testing.answers import Messages, echo
from imbik.testing.rules import Rule, RuleBook

Answer = Callable[[Messages], str | Mapping[str, Any]]
_STATUSES = {"429": "slow down", "500": "the server failed", "503": "overloaded", "404": "no such model"}


class FakeTeacher:
    """The server, running on a thread of its own while the `with` block lasts.

    `answer` gives the text, or a mapping merged into the message (`reasoning_content`, `refusal` …; a `finish_reason`
    in it is the choice's). `key` is the key it accepts (empty: any). Text beyond the request's `max_tokens` words is
    cut off.
    """

    def __init__(
        self,
        answer: Answer = echo,
        *,
        rules: Sequence[Rule] = (),
        latency: float = 0.0,
        key: str = "",
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.answer, self.latency, self.key, self.host, self.port = answer, latency, key, host, port
        self.count = 0
        self.asked: Counter[str] = Counter()
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.under_way = self.most_under_way = 0
        self._book = RuleBook(rules)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="fake-teacher", daemon=True)

    @property
    def base_url(self) -> str:
        """What a recipe writes as `base_url`."""
        return f"http://{self.host}:{self.port}/v1"

    def __enter__(self) -> FakeTeacher:
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def set_rules(self, *rules: Rule) -> None:
        """Replace the rules while it runs."""
        self._book = RuleBook(rules)

    def reset(self) -> None:
        """Forget what was asked."""
        self.count, self.most_under_way = 0, 0
        self.asked.clear()
        self.bodies.clear()
        self.headers.clear()

    def _run(self) -> None:
        try:
            asyncio.run(self.serve())
        except BaseException as error:
            self._failure = error
            self._ready.set()

    async def serve(self) -> None:
        """Serve until told to stop."""
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        application = web.Application(client_max_size=64 << 20)
        application.router.add_post("/v1/chat/completions", self._chat)
        application.router.add_get("/v1/models", self._models)
        application.router.add_get("/count", self._count)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        site = web.TCPSite(runner, self.host, self.port, backlog=4096)
        await site.start()
        self.port = runner.addresses[0][1]
        self._ready.set()
        try:
            await self._stop.wait()
        finally:
            await runner.cleanup()

    async def _models(self, _: web.Request) -> web.Response:
        return _json({"object": "list", "data": [{"id": "sahte", "object": "model"}]})

    async def _count(self, _: web.Request) -> web.Response:
        """What was asked so far, for benchmarks that run it in a process of its own."""
        return _json({"count": self.count, "different": len(self.asked), "most_under_way": self.most_under_way})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = msgspec.json.decode(await request.read(), type=dict[str, Any])
        text = str(body["messages"][-1]["content"])
        self.count += 1
        self.asked[text] += 1
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            if self.key and request.headers.get("Authorization") != f"Bearer {self.key}":
                return _error(401, "Incorrect API key provided", "invalid_api_key")
            return await self._reply(request, body, self._book.find(text))
        finally:
            self.under_way -= 1

    async def _reply(self, request: web.Request, body: dict[str, Any], rule: Rule | None) -> web.StreamResponse:
        """A good answer, or what the rule says."""
        if wait := (rule.latency if rule and rule.latency else self.latency):
            await asyncio.sleep(wait)
        if rule is None or rule.do == "none":
            return _json(self._completion(body, self.answer(body["messages"])))
        if rule.do in _STATUSES:
            headers = {"Retry-After": f"{rule.retry_after:g}"} if rule.retry_after >= 0 else {}
            return _error(int(rule.do), _STATUSES[rule.do], "fault", headers)
        if rule.do in {"hang", "reset", "wrong_length", "cut_json"}:
            return await self._broken(request, rule, _encode(self._completion(body, self.answer(body["messages"]))))
        return self._odd(body, rule)

    def _odd(self, body: dict[str, Any], rule: Rule) -> web.StreamResponse:
        """Whole replies that are no answers."""
        if rule.do == "401":
            return _error(401, "Incorrect API key provided: sk-gizli", "invalid_api_key")
        if rule.do == "redirect":
            return web.Response(status=307, headers={"Location": rule.target or f"{self.base_url}/elsewhere"})
        if rule.do == "huge":
            return _json(self._completion(body, "a" * rule.bytes))
        answers: dict[str, Mapping[str, Any]] = {
            "empty": {"content": ""},
            "refusal": {"content": None, "refusal": "Bunu yapamam."},
            "filtered": {"content": "", "finish_reason": "content_filter"},
        }
        return _json(self._completion(body, answers[rule.do]))

    async def _broken(self, request: web.Request, rule: Rule, whole: bytes) -> web.StreamResponse:
        """Replies that break off on the wire."""
        if rule.do == "hang":
            await asyncio.sleep(3600)
        if rule.do == "cut_json":
            return web.Response(body=whole[: len(whole) // 2], content_type="application/json")
        if rule.do == "wrong_length":
            response = web.StreamResponse(headers={"Content-Type": "application/json"})
            response.content_length = len(whole)
            await response.prepare(request)
            await response.write(whole[: len(whole) // 2])
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    def _completion(self, body: dict[str, Any], answer: str | Mapping[str, Any]) -> dict[str, Any]:
        """A chat completion; what is longer than the limit is cut off, a word counting as a token."""
        message = (
            {"role": "assistant", "content": answer} if isinstance(answer, str) else {"role": "assistant", **answer}
        )
        finish = message.pop("finish_reason", "stop")
        content = str(message.get("content") or "")
        words = content.split(" ")
        limit = int(body.get("max_tokens") or body.get("max_completion_tokens") or 1 << 30)
        if len(words) > limit:
            message["content"], finish = " ".join(words[:limit]), "length"
        read = sum(len(str(item["content"]).split()) for item in body["messages"])
        written = min(len(words), limit)
        return {
            "id": f"chatcmpl-{self.count}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": body.get("model", ""),
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written},
        }


def run(
    port: int,
    *,
    host: str = "127.0.0.1",
    answer: Answer = echo,
    rules: Sequence[Rule] = (),
    latency: float = 0.0,
    key: str = "",
) -> None:
    """Serve in the foreground until Ctrl-C: for the command line and for benchmarks."""
    teacher = FakeTeacher(answer, rules=rules, latency=latency, key=key, host=host, port=port)
    asyncio.run(teacher.serve())


def _encode(value: object) -> bytes:
    return msgspec.json.encode(value)


def _json(value: object) -> web.Response:
    return web.Response(body=_encode(value), content_type="application/json")


def _error(status: int, message: str, code: str, headers: Mapping[str, str] | None = None) -> web.Response:
    body = {"error": {"message": message, "type": code, "code": code}}
    return web.Response(status=status, body=_encode(body), content_type="application/json", headers=headers)
