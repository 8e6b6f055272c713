"""What tests of batches share: an engine whose teacher is asked in batches that are looked at often."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from asking import FAST
from imbik.ask.engine import AskEngine
from imbik.core.executor import LocalExecutor
from imbik.core.progress import Progress, SilentReporter
from imbik.core.questions import Question
from imbik.core.runfolder import RunFolder
from imbik.core.types import Completion
from imbik.privacy.operator import Operator
from imbik.recipe import build

PRICE = {"input": 2, "output": 10, "batch": 0.5}
FORMATS = ("openai", "anthropic")


def batch_engine(
    folder: Path,
    url: str,
    form: str = "openai",
    *,
    run: str = "deneme",
    wait: bool = True,
    budget: str = "",
    say: Callable[[str], None] | None = None,
    **more: Any,
) -> AskEngine:
    """An engine whose teacher is asked in batches that are looked at often."""
    base = url.removesuffix("/v1") if form == "anthropic" else url
    block = {"use": form, "model": "sahte", "base_url": base, "batch": True, "batch_poll": 0.1, "price": PRICE, **more}
    data = {
        "name": run,
        "tasks": {"source": "x.jsonl", "kind": "qa"},
        "teachers": {"buyuk": block},
        "student": {"architecture": "llama"},
        **({"budget": {"total": budget, "reserve_for_evaluation": "0%"}} if budget else {}),
    }
    return AskEngine(
        recipe=build(data, base=folder),
        run=RunFolder(folder / run),
        executor=LocalExecutor(),
        progress=Progress(_Told(say) if say else SilentReporter()),
        operator=Operator(),
        policy=FAST,
        wait=wait,
    )


class _Told(SilentReporter):
    """Hands on what is said."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def say(self, text: str) -> None:
        self._say(text)


def ask(engine: AskEngine, asked: Sequence[Question], purpose: str = "generation") -> list[Completion]:
    """All completions."""
    return list(engine.ask("buyuk", asked, purpose=purpose, leave_pending=True))
