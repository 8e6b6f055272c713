"""How a batch and its results are written: by OpenAI (API reference, "Batch"), by Anthropic ("Message Batches").

Enters: a batch, with how each row ended once it has. Leaves: the objects and lines of results that a provider gives.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from imbik.testing.connection import Request
from imbik.testing.formats import Format

Ending = Literal["succeeded", "errored", "expired", "canceled", "missing"]
_BOUNDARY = re.compile(r'boundary="?([^";]+)')


@dataclass
class Batch:
    """One batch: custom ids with the bodies of their requests, and how each row ended once it has."""

    id: str
    form: Format
    account: tuple[str, str]
    rows: list[tuple[str, dict[str, Any]]]
    metadata: Mapping[str, str]
    input_file: str = ""
    made: float = field(default_factory=time.time)
    canceled: bool = False
    broken: int = 0
    deleted: bool = False  # its results
    full: bool = False
    results: list[tuple[str, Ending, dict[str, Any]]] | None = None
    output_files: tuple[str | None, str | None] | None = None  # OpenAI's: answers, errors

    def count(self, ending: Ending) -> int:
        """Rows that ended so."""
        return sum(item[1] == ending for item in self.results or ())


def chat_batch(batch: Batch, keep: Callable[[bytes], str]) -> dict[str, Any]:
    """A batch as OpenAI writes it; its files are made when it is first seen to have ended."""
    ended = batch.results is not None
    status = "cancelled" if batch.canceled else "completed" if ended else "in_progress"
    told: dict[str, Any] = {
        "id": batch.id,
        "object": "batch",
        "endpoint": "/v1/chat/completions",
        "input_file_id": batch.input_file,
        "completion_window": "24h",
        "status": status,
        "created_at": int(batch.made),
        "metadata": dict(batch.metadata),
        "request_counts": {"total": len(batch.rows), "completed": batch.count("succeeded"), "failed": 0},
        "output_file_id": None,
        "error_file_id": None,
    }
    if batch.full:
        error = {"code": "token_limit_exceeded", "message": "Enqueued token limit reached", "param": None}
        return {**told, "status": "failed", "errors": {"object": "list", "data": [error]}}
    if ended:
        good, bad = _chat_lines(batch)
        if batch.output_files is None:
            batch.output_files = (keep(good) if good else None, keep(bad) if bad else None)
        told["output_file_id"], told["error_file_id"] = batch.output_files
        told["request_counts"]["failed"] = len(bad.splitlines())
    return told


def _chat_lines(batch: Batch) -> tuple[bytes, bytes]:
    """The lines of the output file and of the error file."""
    good, bad = [], []
    for name, ending, reply in batch.results or ():
        line = {"id": f"batch_req_{name}", "custom_id": name, "response": None, "error": None}
        if ending == "succeeded":
            good.append({**line, "response": {"status_code": 200, "request_id": "r", "body": reply}})
        elif ending == "errored":
            body = {"error": {"message": reply["message"], "code": "server_error"}}
            bad.append({**line, "response": {"status_code": 500, "request_id": "r", "body": body}})
        elif ending != "missing":
            bad.append({**line, "error": {"code": f"batch_{ending}", "message": "not done in time"}})
    return _lines(good, batch.broken), _lines(bad, batch.broken)


def message_batch(batch: Batch, _: Callable[[bytes], str]) -> dict[str, Any]:
    """A batch as Anthropic writes it."""
    ended = batch.results is not None
    counts = {str(kind): batch.count(kind) for kind in ("succeeded", "errored", "canceled", "expired")}
    return {
        "id": batch.id,
        "type": "message_batch",
        "processing_status": "ended" if ended else "in_progress",
        "request_counts": {"processing": 0 if ended else len(batch.rows), **counts},
        "created_at": datetime.fromtimestamp(batch.made, UTC).isoformat(),
        "results_url": f"/v1/messages/batches/{batch.id}/results" if ended else None,
    }


def message_results(batch: Batch) -> bytes:
    lines = []
    for name, ending, reply in batch.results or ():
        error = {"type": "error", "error": {"type": "api_error", "message": reply.get("message", "")}}
        more = {"succeeded": {"message": reply}, "errored": {"error": error}}.get(ending, {})
        if ending != "missing":
            lines.append({"custom_id": name, "result": {"type": ending, **more}})
    return _lines(lines, batch.broken)


def uploaded(request: Request) -> bytes:
    """The file of a multipart form (RFC 7578)."""
    found = _BOUNDARY.search(request.headers.get("content-type", ""))
    parts = request.body.split(b"--" + found[1].encode()) if found else []
    for part in parts:
        top, _, content = part.partition(b"\r\n\r\n")
        if b"filename=" in top:
            return content.removesuffix(b"\r\n")
    raise ValueError("no file in the form")


def _lines(items: list[dict[str, Any]], broken: int) -> bytes:
    lines = [msgspec.json.encode(item) for item in items]
    cut = (line[: len(line) // 2] if broken and number % broken == 0 else line for number, line in enumerate(lines, 1))
    return b"".join(line + b"\n" for line in cut)
