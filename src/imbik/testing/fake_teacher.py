"""A teacher that speaks real HTTP on this machine, answers what it is told to, fails on demand and keeps books.

Enters: an answering function and rules. Leaves: an endpoint that speaks OpenAI's chat completions
(`/v1/chat/completions`) and Anthropic's messages (`/v1/messages`), with `/v1/models`, and what it was asked and would
have billed. For example:

    with FakeTeacher(lambda messages: "4", rules=[Rule("429", times=3)]) as teacher:
        ask(base_url=teacher.base_url)
        assert teacher.count == 8

From another process: GET `/books` tells the books, GET `/count` the short of it, POST `/rules` replaces the rules, POST
`/reset` empties the books.
"""

from __future__ import annotations

import asyncio
import random
import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from errno import EADDRINUSE
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from imbik.core.errors import UsageError
from imbik.testing.answers import Messages, echo
from imbik.testing.anthropic_messages import AnthropicMessages
from imbik.testing.batches import Batches, BatchPlan
from imbik.testing.books import Bill, Books
from imbik.testing.chat import Chat
from imbik.testing.completions import Completions, Score
from imbik.testing.connection import Connection, Request
from imbik.testing.faults import FAULTS, Call
from imbik.testing.faults.table import JSON, encode
from imbik.testing.formats import Format, Said, read_tokens, said
from imbik.testing.rules import Rule, RuleBook, rules_of

Answer = Callable[[Messages], str | Mapping[str, Any]]
# As real servers do, it answers at its own addresses alone (Azure's among them): a wrong base_url is found out here.
_COMPLETIONS = re.compile(r"/v1/completions")
_FORMATS: tuple[tuple[re.Pattern[str], Format], ...] = (
    (re.compile(r"(/[\w.-]+)?/v1/chat/completions|/openai/deployments/[^/]+/chat/completions"), Chat()),
    (re.compile(r"/models/chat/completions"), Chat()),
    (re.compile(r"/v1/messages"), AnthropicMessages()),
)


class FakeTeacher:
    """The server, running on a thread of its own while the `with` block lasts.

    `answer` gives the text, or a mapping merged into the message (`reasoning_content`, `refusal` …; a `finish_reason`
    in it is the choice's). `key` is the key it accepts (empty: any). Text beyond the request's `max_tokens` words is
    cut off. `score` lets it say how likely given token ids are, as vLLM does (`/v1/completions`). `price` is USD for a
    million tokens read and written; `log` a file that gets a line for every whole reply.
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
        price: tuple[Decimal | str, Decimal | str] = ("0", "0"),
        log: Path | None = None,
        batch: BatchPlan = BatchPlan(),  # noqa: B008 - frozen
        score: Score | None = None,
    ) -> None:
        self.answer, self.latency, self.key, self.host, self.port = answer, latency, key, host, port
        self.books = Books((Decimal(price[0]), Decimal(price[1])), log)
        self.batches = Batches(batch, self.books, self._say)
        self._formats = (*_FORMATS, *([(_COMPLETIONS, Completions(score))] if score else []))
        self._book = RuleBook(rules)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="fake-teacher", daemon=True)
        self._open: set[Connection] = set()

    @property
    def base_url(self) -> str:
        """What a recipe writes as `base_url`."""
        return f"http://{self.host}:{self.port}/v1"

    @property
    def count(self) -> int:
        """Requests for an answer so far."""
        return self.books.count

    @property
    def asked(self) -> Counter[str]:
        """How often each last message was asked."""
        return self.books.asked

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """Bodies of the first requests, decoded."""
        return self.books.bodies

    @property
    def headers(self) -> list[dict[str, str]]:
        """Headers of the first requests, as `Title-Case` names."""
        return self.books.headers

    @property
    def most_under_way(self) -> int:
        """The most requests that were being answered at once."""
        return self.books.most_under_way

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
        self.books.reset()

    def _run(self) -> None:
        try:
            asyncio.run(self.serve())
        except BaseException as error:
            self._failure = error
            self._ready.set()

    async def serve(self) -> None:
        """Serve until told to stop."""
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await self._loop.create_server(self._connection, self.host, self.port, backlog=4096)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        try:
            await self._stop.wait()
        finally:
            server.close()
            for connection in list(self._open):
                connection.transport.abort()
            await asyncio.sleep(0)  # every connection hears that it is lost, and cancels what it was answering
            self.books.close()

    def _connection(self) -> Connection:
        return Connection(self._answer, self._open)

    async def _answer(self, request: Request, line: Connection) -> bool:
        """Route one request; whether the connection stays open."""
        route = (request.method, request.path)
        if request.method == "POST":
            for route_of, form in self._formats:
                if route_of.fullmatch(request.path):
                    return await self._asked(request, line, form)
        if route == ("GET", "/v1/models"):
            model = {"id": "sahte", "object": "model", "type": "model", "display_name": "sahte"}
            return await _send(line, {"object": "list", "data": [model], "has_more": False})
        if route in {("GET", "/count"), ("GET", "/books")}:
            return await _send(line, self.books.told())
        if route == ("POST", "/reset"):
            self.reset()
            return await _send(line, {})
        if route == ("POST", "/rules"):
            return await self._new_rules(request, line)
        return await self._batched(request, line)

    async def _batched(self, request: Request, line: Connection) -> bool:
        """Files and batches; nothing else is here."""
        form = AnthropicMessages() if request.path.startswith("/v1/messages/") else Chat()
        if self.key and form.key(request.headers) != self.key:
            return await _send(line, form.error(401, "Incorrect API key provided", "invalid_api_key"), 401)
        try:
            found = self.batches.answer(request)
        except (msgspec.MsgspecError, UnicodeDecodeError, AttributeError, LookupError, TypeError, ValueError):
            return await _send(line, form.error(400, "this is no batch", "invalid_request_error"), 400)
        if found is not None:
            await line.reply(found.status, found.body, {**JSON, **found.headers})
            return True
        return await _send(line, {"error": {"message": f"nothing at {request.path}", "code": "not_found"}}, 404)

    def _say(self, form: Format, body: Mapping[str, Any]) -> Said:
        answer = echo if isinstance(form, Completions) else self.answer
        return said(answer(form.messages(body))).within(form.limit(body))

    async def _new_rules(self, request: Request, line: Connection) -> bool:
        try:
            self.set_rules(*rules_of(msgspec.json.decode(request.body, type=list[Any]), "POST /rules"))
        except (UsageError, msgspec.MsgspecError) as error:
            return await _send(line, {"error": {"message": str(error)}}, 400)
        return await _send(line, {})

    async def _asked(self, request: Request, line: Connection, form: Format) -> bool:
        """A question: counted, then answered well or as a rule says."""
        try:
            body = msgspec.json.decode(request.body, type=dict[str, Any])
            messages = form.messages(body)
            text, limit = messages[-1]["content"], form.limit(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, AttributeError, LookupError, TypeError, ValueError):
            return await _send(line, form.error(400, "this is no request for an answer", "invalid_request_error"), 400)
        key = form.key(request.headers)
        account = (key, str(body.get("model", "")))
        number = self.books.begin(text, body, _titles(request.headers), account)
        try:
            if self.key and key != self.key:
                return await _send(line, form.error(401, "Incorrect API key provided", "invalid_api_key"), 401)
            rule = self._book.find(text) or Rule("none")
            bill = Bill(self.books, account, read_tokens(messages), limit)
            call = Call(
                line=line,
                request=request,
                rule=rule,
                form=form,
                body=body,
                said=self._say(form, body),
                number=number,
                here=f"http://{self.host}:{self.port}",
                charge=(lambda _: None) if FAULTS[rule.do].paid == "no" else bill.charge,
            )
            return await self._replied(call, limit, text)
        finally:
            self.books.end(text)

    async def _replied(self, call: Call, limit: int, text: str) -> bool:
        rule, fault = call.rule, FAULTS[call.rule.do]
        if wait := (rule.latency or self.latency) + random.uniform(0, rule.jitter):
            await asyncio.sleep(wait)
        try:
            if fault.paid == "limit":
                call.charge(limit)
            stays = await fault.act(call)
        except asyncio.CancelledError:
            call.charge(call.said.tokens)  # a model that writes costs, whoever reads
            raise
        self.books.sent(call.number, text, str(call.body.get("model", "")), rule.do)
        return stays


def run(
    port: int,
    *,
    host: str = "127.0.0.1",
    answer: Answer = echo,
    rules: Sequence[Rule] = (),
    latency: float = 0.0,
    key: str = "",
    price: tuple[Decimal | str, Decimal | str] = ("0", "0"),
    log: Path | None = None,
    batch: BatchPlan = BatchPlan(),  # noqa: B008 - frozen
    score: Score | None = None,
) -> None:
    """Serve in the foreground until Ctrl-C: for the command line and for benchmarks.

    Raises: UsageError where nothing can be served on that port, or the log cannot be written.
    """
    try:
        if log:
            log.open("ab").close()  # now, not at the first reply
        teacher = FakeTeacher(
            answer,
            rules=rules,
            latency=latency,
            key=key,
            host=host,
            port=port,
            price=price,
            log=log,
            batch=batch,
            score=score,
        )
        asyncio.run(teacher.serve())
    except OSError as error:
        if error.filename:
            raise UsageError(f"cannot be written ({error.strerror})", where=str(error.filename)) from None
        why = "something else serves there" if error.errno == EADDRINUSE else error.strerror or str(error)
        raise UsageError(why, where=f"{host}:{port}", next="take another --port") from None


async def _send(line: Connection, value: object, status: int = 200) -> bool:
    await line.reply(status, encode(value), JSON)
    return True


def _titles(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.title(): value for name, value in headers.items()}
