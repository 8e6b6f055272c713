"""Batches of questions at half price, as OpenAI and Anthropic take them: submitted, worked on, collected.

Enters: requests under `/v1/files` and `/v1/batches` (OpenAI API reference, "Batch"), `/v1/messages/batches` (Anthropic
API reference, "Message Batches"), and a plan of what goes wrong. Leaves: replies, and rows in the books at half price.
Results come out of order, as they may. Anthropic's batches carry no metadata, OpenAI's do.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from imbik.testing.anthropic_messages import AnthropicMessages
from imbik.testing.batch_forms import Batch, Ending, chat_batch, message_batch, message_results, uploaded
from imbik.testing.books import Books
from imbik.testing.chat import Chat
from imbik.testing.connection import Request
from imbik.testing.formats import Format, Said, read_tokens

_DISCOUNT = 2
_ID = re.compile(r"/v1/(?:messages/)?(?:batches|files)/([\w-]+)(?:/(\w+))?$")


class Reply(NamedTuple):
    """Status, body, and further headers."""

    status: int
    body: bytes
    headers: Mapping[str, str] = MappingProxyType({})


class Seen(NamedTuple):
    """A request about files or batches: when it was answered (`time.monotonic`), what it was, and with which status."""

    at: float
    method: str
    path: str
    status: int


@dataclass(frozen=True)
class BatchPlan:
    """How batches go: seconds until one ends, and which rows do not succeed (every so many-th; 0: none).

    `most` is the number of rows that one may hold. `missing` rows stand in no result at all. Every `broken`-th line of
    the results is cut in half; `says` is what the error of a row says, with `{}` for the row's question. Every
    `lost`-th batch is unknown (404) from the moment at which it would have ended. What is refused with 429 has a
    Retry-After of `retry_after` seconds (negative: none).
    """

    seconds: float = 0.0
    errored: int = 0
    expired: int = 0
    missing: int = 0
    most: int = 50_000
    broken: int = 0
    lost: int = 0
    busy: int = 0  # so many times a batch is refused with 429 before one is made
    busy_files: int = 0  # so many times a file is refused with 429 before one is taken (OpenAI)
    busy_looks: int = 0  # so many times a look at a batch is refused with 429
    retry_after: float = -1.0
    full: int = 0  # so many batches fail at once, since too many tokens wait (OpenAI)
    kept: bool = False  # nothing can be deleted
    says: str = "the server failed"

    def ending(self, number: int) -> Ending:
        """How the row with this number (from 1) ends."""
        for every, ending in ((self.missing, "missing"), (self.errored, "errored"), (self.expired, "expired")):
            if every and number % every == 0:
                return ending  # type: ignore[return-value]
        return "succeeded"


class Batches:
    """The batches and files of one server. `say` answers the messages of a body."""

    def __init__(self, plan: BatchPlan, books: Books, say: Callable[[Format, Mapping[str, Any]], Said]) -> None:
        self.plan, self._books, self._say = plan, books, say
        self.files: dict[str, bytes] = {}
        self.made: dict[str, Batch] = {}
        self.gone: list[str] = []  # files and batches that were deleted
        self.seen: list[Seen] = []
        self._left = {"batch": plan.busy, "file": plan.busy_files, "look": plan.busy_looks}
        self._numbered = 0

    def answer(self, request: Request) -> Reply | None:
        """The reply to a request about files or batches; None for a request about something else."""
        if request.path.startswith("/v1/messages/batches"):
            reply = self._anthropic(request)
        elif request.path.startswith(("/v1/files", "/v1/batches")):
            reply = self._openai(request)
        else:
            return None
        self.seen.append(Seen(time.monotonic(), request.method, request.path, reply.status))
        return reply

    def _busy(self, what: str) -> Reply | None:
        """A refusal for now, as often as the plan says."""
        if not self._left[what]:
            return None
        self._left[what] -= 1
        after = {"Retry-After": f"{self.plan.retry_after:g}"} if self.plan.retry_after >= 0 else {}
        return _error(429, "Rate limit reached for batches")._replace(headers=after)

    def _openai(self, request: Request) -> Reply:
        if (request.method, request.path) == ("POST", "/v1/files"):
            if refused := self._busy("file"):
                return refused
            name = self._keep(uploaded(request))
            return _ok({"id": name, "object": "file", "purpose": "batch", "bytes": len(self.files[name])})
        if request.path == "/v1/batches":
            return self._begin_chat(request) if request.method == "POST" else self._listed(chat_batch, Chat)
        found = _ID.match(request.path)
        name, verb = (found[1], found[2] or "") if found else ("", "")
        if name in self.files and request.method == "DELETE":
            return self._deleted(name)
        if name in self.files and verb == "content":
            return Reply(200, self.files[name])
        batch = self._known(name)
        if batch is None:
            return _error(404, "no such file or batch")
        if not verb and (refused := self._busy("look")):
            return refused
        return _ok(chat_batch(self._looked(batch, verb), self._keep))

    def _begin_chat(self, request: Request) -> Reply:
        asked = msgspec.json.decode(request.body, type=dict[str, Any])
        held = self.files.get(asked["input_file_id"])
        if held is None:
            return _error(400, "no such input file")
        lines = [msgspec.json.decode(line, type=dict[str, Any]) for line in held.splitlines() if line.strip()]
        rows = [(str(line["custom_id"]), dict(line["body"])) for line in lines]
        return self._begin(Chat(), request, rows, asked.get("metadata") or {}, asked["input_file_id"])

    def _anthropic(self, request: Request) -> Reply:
        if request.path == "/v1/messages/batches":
            if request.method != "POST":
                return self._listed(message_batch, AnthropicMessages)
            items = msgspec.json.decode(request.body, type=dict[str, Any])["requests"]
            rows = [(str(item["custom_id"]), dict(item["params"])) for item in items]
            return self._begin(AnthropicMessages(), request, rows, {}, "")
        found = _ID.match(request.path)
        batch = self._known(found[1]) if found else None
        if found is None or batch is None:
            return _error(404, "no such batch")
        if request.method == "DELETE":
            return self._deleted(batch.id) if batch.results is not None else _error(409, "it has not ended")
        if not found[2] and (refused := self._busy("look")):
            return refused
        self._looked(batch, found[2] or "")
        if found[2] == "results":
            if batch.results is None or batch.deleted:
                return _error(404, "no results")
            return Reply(200, message_results(batch))
        return _ok(message_batch(batch, self._keep))

    def _begin(
        self, form: Format, request: Request, rows: list[tuple[str, dict[str, Any]]], told: Mapping[str, str], file: str
    ) -> Reply:
        if not rows or len(rows) > self.plan.most or len({name for name, _ in rows}) < len(rows):
            return _error(400, f"a batch holds 1 to {self.plan.most} rows, each with a custom_id of its own")
        if refused := self._busy("batch"):
            return refused
        kind = "batch" if form.name == "openai" else "msgbatch"
        account = (form.key(request.headers), str(rows[0][1].get("model", "")))
        batch = Batch(f"{kind}_{len(self.made) + 1}", form, account, rows, told, file, broken=self.plan.broken)
        self.made[batch.id] = batch
        if kind == "batch" and len(self.made) <= self.plan.full:
            batch.full = True
            return _ok(chat_batch(batch, self._keep))
        for _, body in rows:
            text = form.messages(body)[-1]["content"]
            self._books.begin(text, body, {}, account)
            self._books.end(text)
        return _ok((chat_batch if kind == "batch" else message_batch)(self._looked(batch, ""), self._keep))

    def _known(self, name: str) -> Batch | None:
        """The batch of that id, unless there is none, or it was deleted or is lost by now."""
        batch = None if name in self.gone else self.made.get(name)
        if batch is None or not self.plan.lost or time.time() - batch.made < self.plan.seconds:
            return batch
        return None if (list(self.made).index(name) + 1) % self.plan.lost == 0 else batch

    def _looked(self, batch: Batch, verb: str) -> Batch:
        """The batch as it is by now; it ends when its time is over or it is cancelled."""
        batch.canceled = batch.canceled or (verb == "cancel" and batch.results is None)
        if (
            batch.results is None
            and not batch.full
            and (batch.canceled or time.time() - batch.made >= self.plan.seconds)
        ):
            batch.results = [self._ended(batch, at, *row) for at, row in enumerate(batch.rows, 1)]
            random.Random(batch.id).shuffle(batch.results)
        return batch

    def _ended(self, batch: Batch, number: int, name: str, body: dict[str, Any]) -> tuple[str, Ending, dict[str, Any]]:
        ending: Ending = "canceled" if batch.canceled else self.plan.ending(number)
        if ending != "succeeded":
            says = self.plan.says.replace("{}", str(batch.form.messages(body)[-1]["content"]))
            return name, ending, {"message": says}
        said = self._say(batch.form, body)
        read = read_tokens(batch.form.messages(body))
        self._books.bill(batch.account, read, said.tokens, share=_DISCOUNT)
        return name, ending, batch.form.reply(body, said, number)

    def _listed(self, told: Callable[..., dict[str, Any]], form: type) -> Reply:
        """All batches of a format, newest first, on one page."""
        held = [
            batch for batch in reversed(self.made.values()) if isinstance(batch.form, form) and self._known(batch.id)
        ]
        data = [told(self._looked(batch, ""), self._keep) for batch in held]
        return _ok({"object": "list", "data": data, "has_more": False})

    def _deleted(self, name: str) -> Reply:
        """A file or batch is deleted."""
        if self.plan.kept:
            return _error(403, "this key may not delete")
        self.files.pop(name, None)
        self.gone.append(name)
        return _ok({"id": name, "object": "file", "deleted": True})

    def _keep(self, content: bytes) -> str:
        self._numbered += 1
        name = f"file-{self._numbered}"
        self.files[name] = content
        return name


def _ok(value: object) -> Reply:
    return Reply(200, msgspec.json.encode(value))


def _error(status: int, message: str) -> Reply:
    told = {"type": "error", "error": {"message": message, "type": "invalid_request_error"}}
    return Reply(status, msgspec.json.encode(told))
