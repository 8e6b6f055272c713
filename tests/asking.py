"""What tests of asking share: questions, an engine for one teacher, and retry rules that do not wait."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from imbik.ask.engine import AskEngine
from imbik.ask.retry import RetryPolicy
from imbik.core.executor import LocalExecutor
from imbik.core.progress import Progress, SilentReporter
from imbik.core.questions import Question, Sampling
from imbik.core.runfolder import RunFolder
from imbik.core.types import Completion, Message, Outcome, Sensitivity
from imbik.privacy.operator import Operator
from imbik.recipe import Recipe, build

FAST = RetryPolicy(base=0.01, longest=0.05, poll=0.02, grace=0.3, patience=2.0, give_up=8)


def question(
    text: str,
    *,
    row: str = "",
    sensitivity: Sensitivity = Sensitivity.PUBLIC,
    sample: int = 0,
    max_tokens: int = 1024,
) -> Question:
    """One question with one user turn."""
    return Question(
        messages=(Message(role="user", content=text),),
        row=row or text,
        sensitivity=sensitivity,
        sample=sample,
        sampling=Sampling(max_tokens=max_tokens),
    )


def questions(count: int, **settings: Any) -> list[Question]:
    """`count` different questions."""
    return [question(f"soru {number}", **settings) for number in range(count)]


def recipe(
    teacher: dict[str, Any], base: Path = Path(), accept_terms: Sequence[str] = (), clean: str = "none"
) -> Recipe:
    """The smallest recipe with one teacher called `buyuk`."""
    data = {
        "accept_terms": list(accept_terms),
        "name": "deneme",
        "tasks": {"source": "x.jsonl", "kind": "qa"},
        "teachers": {"buyuk": teacher},
        "student": {"architecture": "llama"},
        "privacy": {"clean": clean},
    }
    return build(data, base=base)


def make_engine(
    folder: Path,
    base_url: str = "",
    *,
    operator: Operator | None = None,
    policy: RetryPolicy = FAST,
    run: str = "deneme",
    teacher: dict[str, Any] | None = None,
    clean: str = "none",
    accept_terms: Sequence[str] = (),
    **settings: Any,
) -> AskEngine:
    """An engine whose runs lie in `folder`; `settings` are the openai teacher's own."""
    block = teacher or {"use": "openai", "model": "sahte", "base_url": base_url, **settings}
    return AskEngine(
        recipe=recipe(block, folder, accept_terms, clean),
        run=RunFolder(folder / run),
        executor=LocalExecutor(),
        progress=Progress(SilentReporter()),
        operator=operator or Operator(),
        policy=policy,
    )


def ask(engine: AskEngine, asked: Sequence[Question]) -> list[Completion]:
    """All completions at once."""
    return list(engine.ask("buyuk", asked, purpose="generate"))


def stored_sensitivity(store: Path, key: bytes) -> Sensitivity | None:
    """The sensitivity that an answer is stored with, or None when none is stored."""
    with closing(sqlite3.connect(store)) as connection:
        row = connection.execute("SELECT sensitivity FROM answers WHERE key = ?", (key,)).fetchone()
    return tuple(Sensitivity)[row[0]] if row else None


def outcomes(completions: Sequence[Completion]) -> list[Outcome]:
    """Only how each ended."""
    return [completion.outcome for completion in completions]
