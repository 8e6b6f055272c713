"""Engines: generate, choose, score and list the best next tokens, for token ids. A file is an engine.

Enters: token ids (never text: encoding is `models.tokens`' business). Leaves: `Generated`, `Choice`, arrays of
log-probabilities in nats. Every engine keeps one contract, so teachers, evaluation, chat and serving do not care which
one they hold. A row's result depends on its own ids, sampling and seed; which other rows share its batch changes logits
by float noise only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from imbik.core.questions import Sampling

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from transformers import PreTrainedTokenizerFast


class Generated(NamedTuple):
    """New token ids (the one that ended the turn left out), their text, and whether the model ended by itself."""

    ids: list[int]
    finished: bool
    text: str


@dataclass(frozen=True)
class Choice:
    """Which of the choices is likeliest, and every choice's log-probability in nats, normalised over the choices."""

    index: int
    logprobs: NDArray[np.float32]


class Readable(Protocol):
    """What those who ask an engine know of its model: how text becomes ids, and how many fit."""

    @property
    def tokenizer(self) -> PreTrainedTokenizerFast: ...
    @property
    def context(self) -> int: ...
    @property
    def class_tokens(self) -> dict[str, int]: ...


class Engine(Protocol):
    """What an engine can do."""

    @property
    def model(self) -> Readable:
        """The model it runs."""
        ...

    @property
    def width(self) -> int:
        """How many token ids have a probability."""
        ...

    def generate(
        self, prompts: Sequence[Sequence[int]], samplings: Sequence[Sampling], *, seeds: Sequence[int]
    ) -> list[Generated]:
        """Answers in the order of the prompts."""
        ...

    def choose(self, prompts: Sequence[Sequence[int]], choices: Sequence[Sequence[int]]) -> list[Choice]:
        """The likeliest of the same choices (token ids) for each prompt."""
        ...

    def top_k(self, sequences: Sequence[Sequence[int]], k: int) -> list[tuple[NDArray[np.uint32], NDArray[np.float32]]]:
        """For each sequence of n tokens: ids (n, k) and log-probabilities (n, k) of the token after each position."""
        ...

    def score(self, sequences: Sequence[Sequence[int]]) -> list[NDArray[np.float32]]:
        """For each sequence of n tokens: (n,) log-probability of each token; 0 for the first."""
        ...

    def hidden(self, sequences: Sequence[Sequence[int]]) -> list[NDArray[np.float32]]:
        """For each sequence of n tokens: (n, hidden) states that the output head turns into logits."""
        ...
