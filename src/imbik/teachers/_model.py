"""What `in_process` and `run` share: answering questions with a model in this process.

Enters: a folder or a GGUF file (found when first needed) and questions. Leaves: completions. The identity comes from
the files, so a run in which nothing changed loads no weights; the model is loaded at the first answer, in whichever
process that is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import msgspec
from pydantic import Field

from imbik.core.files import digest, digest_value
from imbik.core.plugins import PluginSettings
from imbik.core.questions import Question
from imbik.core.types import Completion, Message, Outcome, Sensitivity
from imbik.models.gguf import is_gguf
from imbik.models.load import fingerprint
from imbik.models.opening import check_model
from imbik.teachers._thinking import split_thinking
from imbik.teachers._wire import OF_ANSWERS, with_schema_told

if TYPE_CHECKING:
    from imbik.models.engines import Engine


class ModelSettings(PluginSettings):
    """What the recipe may say of any teacher that is a model here."""

    elsewhere: ClassVar[Mapping[str, str]] = OF_ANSWERS

    block_size: int = Field(512, ge=1, description="questions answered together")
    dtype: Literal["float32", "bfloat16", "float16", "auto"] = Field("float32", description="precision of the weights")
    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|cuda(:\d+)?)$",
        description="auto (a graphics card for larger models), cpu, cuda, cuda:1",
    )
    memory: dict[str, str] = Field(
        {},
        description="most that weights may take by place: {cuda:0: 20GB, cpu: 8GB}, the rest lies on disk (empty: what "
        "is free, for a model larger than one device)",
    )
    threads: int = Field(0, ge=0, description="torch threads (0: one for small models, else torch's own number)")


class ModelTeacher:
    """A LocalTeacher over a model's folder. A subclass says which folder, and how sensitive its answers are."""

    place = "in_process"

    def __init__(self, settings: ModelSettings) -> None:
        self._settings = settings
        self.block_size = settings.block_size

    def find(self) -> Path:
        """The folder of the weights.

        Raises: ModelError when there is none.
        """
        raise ValueError("a teacher says where its weights are")

    @cached_property
    def folder(self) -> Path:
        """The folder of the weights, checked to be whole and safe."""
        found = self.find()
        check_model(found)
        return found

    @cached_property
    def identity(self) -> str:
        """Hash of weights, tokenizer and template; another precision is another identity (a GGUF file has its own)."""
        made = fingerprint(self.folder)
        return made if self._settings.dtype == "float32" or is_gguf(self.folder) else f"{made} {self._settings.dtype}"

    @cached_property
    def sensitivity(self) -> Sensitivity:
        """What the answers carry at least."""
        from imbik.models.load import sensitivity_of

        return sensitivity_of(self.folder)[0]

    def answer(self, questions: Sequence[Question]) -> list[Completion]:
        """One completion a question, in order. A row's randomness is its messages, seed and sample number."""
        from imbik.models.answer import answer_prompts
        from imbik.models.tokens import encode_prompt

        engine = self._engine
        completions = answer_prompts(
            engine,
            [encode_prompt(engine.model.tokenizer, _messages(question)) for question in questions],
            [question.sampling for question in questions],
            [_seed(question) for question in questions],
            [question.choices for question in questions],
        )
        return [_thought_apart(completion) for completion in completions]

    @cached_property
    def _engine(self) -> Engine:
        from imbik.models.opening import open_engine

        said = self._settings
        return open_engine(self.folder, dtype=said.dtype, threads=said.threads, device=said.device, memory=said.memory)

    def __getstate__(self) -> dict[str, Any]:
        """Workers get the teacher without its weights and load them themselves."""
        return {key: value for key, value in vars(self).items() if key != "_engine"}


def _messages(question: Question) -> tuple[Message, ...]:
    """What is asked; a schema is told in words."""
    return with_schema_told(question) if question.schema else question.messages


def _seed(question: Question) -> int:
    parts = (digest_value(question.messages), str(question.sampling.seed or 0), str(question.sample))
    return int(digest(*parts)[:15], 16)


def _thought_apart(completion: Completion) -> Completion:
    """Reasoning that the model wrote between its own tags, apart from the answer."""
    thought = split_thinking(completion.answer)
    if not thought.reasoning and thought.closed:
        return completion
    outcome = completion.outcome if thought.closed else Outcome.TRUNCATED
    return msgspec.structs.replace(completion, reasoning=thought.reasoning, answer=thought.answer, outcome=outcome)
