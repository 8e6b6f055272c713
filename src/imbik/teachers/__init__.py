"""Teachers: who answers. A file here is a teacher; `ask` does the asking, `privacy.transport` the sending.

Enters: a Question. Leaves: a raw Completion. Three contracts, and a teacher's one public class fulfils one of them:

- ServedTeacher speaks a wire format and does no I/O: it turns a question into an HTTP request and a response into a
  completion. Whether and where the request may go is not its business, so it cannot go around the gate.
- LocalTeacher answers blocks of questions in this machine's memory: a model in this process, another run's student, or
  answers somebody already has.
- CompositeTeacher is made of other teachers of the recipe: it says whom to ask and what becomes of the answers.

All are built from their `Settings` as `Plugin(settings, context)`. `identity` is everything that shapes an answer
beside the question (model name and provider, or hash of weights, tokenizer and template): part of the store's key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Protocol, runtime_checkable

from imbik.core.errors import PluginError
from imbik.core.plugins import PluginBlock, load_plugin, typed_settings
from imbik.core.questions import Question
from imbik.core.types import Completion, Sensitivity
from imbik.teachers.catalogue.prices import Price


@dataclass(frozen=True)
class TeacherContext:
    """What a teacher may know of its surroundings: its name, where relative paths begin, the runs folder."""

    name: str
    base: Path
    runs: Path


@dataclass(frozen=True)
class WireRequest:
    """An HTTP request as data. `headers` hold no secret: the key is named by `key_name` and added by the transport."""

    url: str
    body: bytes
    headers: Mapping[str, str]
    key_name: str
    key_header: str = "Authorization"
    key_prefix: str = "Bearer "


@dataclass(frozen=True)
class WireResponse:
    """An HTTP response as data."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@runtime_checkable
class ServedTeacher(Protocol):
    """A teacher behind an HTTP endpoint. `price` is None where it is not known, which is not the same as free.

    It may also have `deadline` (seconds for one row in all) and `reply_bytes` (the longest reply that is read); without
    them the retry rules' deadline and the transport's limit hold. `batch` is how it takes many questions at once
    (`teachers._batch.BatchWire`), where the recipe wants that.
    """

    identity: str
    url: str
    concurrency: int
    timeout: float
    price: Price | None

    def request(self, question: Question) -> WireRequest:
        """The question in the wire format."""
        ...

    def read(self, response: WireResponse) -> Completion:
        """The completion in the response; anything that is not a good answer becomes a typed outcome, never a raise."""
        ...

    def cost_at_most(self, question: Question) -> Decimal | None:
        """The most that one request for this question can cost, in USD; None where the price is not known."""
        ...


@runtime_checkable
class LocalTeacher(Protocol):
    """A teacher in this machine's memory. `place` is `in_process` or `recorded` (for the audit line)."""

    identity: str
    place: str
    block_size: int
    sensitivity: Sensitivity

    def answer(self, questions: Sequence[Question]) -> list[Completion]:
        """One completion a question, in order."""
        ...


@runtime_checkable
class CompositeTeacher(Protocol):
    """Several teachers as one. `shape` is everything of its own that shapes an answer, beside the members."""

    members: tuple[str, ...]
    shape: str

    def whom(self, question: Question) -> tuple[str, ...]:
        """Names of the members to ask; at least one."""
        ...

    def settle(self, found: Mapping[str, Completion], meaning: Callable[[Completion], str]) -> Completion:
        """One completion of the members' own, by the normal forms of their answers."""
        ...


@runtime_checkable
class ScoringTeacher(Protocol):
    """A served teacher that may also say how likely given token ids are (`core.scores`)."""

    def scores(self) -> ServedTeacher | None:
        """Its scoring side, which takes `ScoreRequest`s and reads `TokenScores`; None where the endpoint has none."""
        ...


def make_teacher(block: PluginBlock, context: TeacherContext) -> object:
    """The teacher of a recipe's block.

    Raises: PluginError naming the recipe's line and the teacher's key.
    """
    settings = typed_settings("teachers", block)
    try:
        return load_plugin("teachers", block.use)(settings, context)
    except PluginError as error:  # a teacher knows its name, and not where it was written
        raise PluginError(error.what, where=f"{block.where} {error.where}".strip(), next=error.next) from None


def dtype_of(block: PluginBlock) -> str:
    """The precision a teacher's weights are loaded in: what its settings say, float32 where they say nothing."""
    return str(getattr(typed_settings("teachers", block), "dtype", "float32"))
