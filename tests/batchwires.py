"""What tests of batches as data share: a teacher of each form, its batches, and what a provider says of one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from imbik.core.plugins import PluginBlock, load_plugin, typed_settings
from imbik.teachers import TeacherContext
from imbik.teachers._batch import BatchWire

BASE = "http://127.0.0.1:8123"
TOKEN = "abcdefghijklmnop"
STATES: dict[str, dict[str, Any]] = {
    "openai": {
        "id": "batch_1",
        "status": "completed",
        "output_file_id": "file-2",
        "error_file_id": "file-3",
        "metadata": {"imbik": TOKEN},
        "request_counts": {"total": 5, "completed": 3, "failed": 2},
        "created_at": 1_700_000_000,
    },
    "anthropic": {
        "id": "msgbatch_1",
        "processing_status": "ended",
        "results_url": "http://kotu.example.com/results",
        "request_counts": {"processing": 0, "succeeded": 3, "errored": 1, "canceled": 0, "expired": 1},
        "created_at": "2023-11-14T22:13:20Z",
    },
}


def made(form: str, **settings: Any) -> Any:
    """A teacher that is asked in batches."""
    url = BASE if form == "anthropic" else f"{BASE}/v1"
    raw = {"model": "sahte", "base_url": url, "batch": True, "key": "IMBIK_ANAHTAR", **settings}
    block = PluginBlock(use=form, raw=raw)
    return load_plugin("teachers", form)(typed_settings("teachers", block), TeacherContext("t", Path(), Path()))


def wire(form: str, **settings: Any) -> BatchWire:
    """Its batches."""
    found: BatchWire = made(form, **settings).batch
    return found


def told(**fields: Any) -> bytes:
    """A reply."""
    return msgspec.json.encode(fields)
