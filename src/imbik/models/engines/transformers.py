"""The transformers engine: batches of token ids through a network in this process.

Enters: a LanguageModel. Leaves: what `engines.Engine` promises. Prompts are sorted by length and padded on the left;
finished rows leave the batch; the cache grows in place. Tiny models run on one thread, where they are fastest and give
the same bits every time; larger ones on the graphics card where there is one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from imbik.core.errors import ModelError
from imbik.core.questions import Sampling
from imbik.models.content import decode
from imbik.models.device import SMALL, device_for
from imbik.models.engines import Choice, Generated
from imbik.models.load import embeddings
from imbik.models.model import LanguageModel
from imbik.models.spread import input_device, is_spread
from imbik.models.tokens import stop_ids

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

ROWS = 256
# Scored at a time: activations of a small model then stay in the processor's cache (1.5x faster than 512 rows).
SCORED_TOKENS = 8_192
CACHE_BYTES = 2 << 30
LOGITS = 1 << 26


class TransformersEngine:
    """Runs a LanguageModel, which moves to `device` for it (`auto`: see `device_for`).

    `threads`: 0 means one for models under 30 million weights, else torch's own number.
    """

    def __init__(self, model: LanguageModel, *, threads: int = 0, device: str = "auto") -> None:
        self.model = model
        if is_spread(model.network):
            self.device = input_device(model.network)
        else:
            self.device = device_for(model, device)
            model.network.to(self.device)  # type: ignore[arg-type]
        self.threads = threads or (1 if model.parameters < SMALL else 0)
        self.width = int(model.network.get_output_embeddings().weight.shape[0])
        self._stops = _stops(model)

    def generate(
        self, prompts: Sequence[Sequence[int]], samplings: Sequence[Sampling], *, seeds: Sequence[int]
    ) -> list[Generated]:
        """Answers in the order of the prompts, at most `sampling.max_tokens` long and within the model's context.

        Raises: ModelError for a prompt that is empty or fills the context.
        """
        self._check(prompts)
        order = sorted(range(len(prompts)), key=lambda row: (len(prompts[row]), row))
        found: dict[int, Generated] = {}
        with _inference(self.threads):
            for rows in self._split(order, prompts, samplings):
                drawn, numbers = [samplings[row] for row in rows], [seeds[row] for row in rows]
                made = self._generate([prompts[row] for row in rows], drawn, numbers)
                found.update(zip(rows, made, strict=True))
        return [found[row] for row in range(len(prompts))]

    def choose(self, prompts: Sequence[Sequence[int]], choices: Sequence[Sequence[int]]) -> list[Choice]:
        """The likeliest choice for each prompt: log-probabilities of the choices' tokens, normalised over the choices.

        No choice may begin another (end each with the token that ends a turn).
        """
        from imbik.models.engines.choosing import choose

        self._check(prompts)
        with _inference(self.threads):
            return choose(self.model.network, prompts, choices)

    def top_k(self, sequences: Sequence[Sequence[int]], k: int) -> list[tuple[NDArray[np.uint32], NDArray[np.float32]]]:
        """For each sequence of n tokens: ids (n, k) and log-probabilities (n, k), best first, of the next token."""
        found: dict[int, tuple[NDArray[np.uint32], NDArray[np.float32]]] = {}
        for row, logprobs in self._logprobs(sequences):
            best = logprobs.topk(min(k, logprobs.shape[-1]), dim=-1)
            found[row] = (best.indices.cpu().numpy().astype(np.uint32), best.values.cpu().numpy())
        return [found[row] for row in range(len(sequences))]

    def score(self, sequences: Sequence[Sequence[int]]) -> list[NDArray[np.float32]]:
        """For each sequence of n tokens: (n,) log-probability in nats of each token; 0 for the first."""
        import torch

        found: dict[int, NDArray[np.float32]] = {}
        for row, logprobs in self._logprobs(sequences):
            following = torch.tensor(sequences[row][1:], dtype=torch.long, device=logprobs.device)
            taken = logprobs[:-1].gather(-1, following[:, None]).squeeze(-1)
            found[row] = np.concatenate([np.zeros(1, np.float32), taken.cpu().numpy()])
        return [found[row] for row in range(len(sequences))]

    def hidden(self, sequences: Sequence[Sequence[int]]) -> list[NDArray[np.float32]]:
        """For each sequence of n tokens: (n, hidden) states that the output head turns into logits."""
        import torch

        from imbik.models.head import HiddenTap

        self._check(sequences, room=0)
        tap, found = HiddenTap(self.model.network), []
        with _inference(self.threads):
            for sequence in sequences:
                ids = torch.tensor([list(sequence)], device=self.device)
                states = tap(self.model.network, input_ids=ids, use_cache=False)
                found.append(states[0].float().cpu().numpy())
        return found

    def _logprobs(self, sequences: Sequence[Sequence[int]]) -> Iterator[tuple[int, Tensor]]:
        """Each sequence's number and (n, vocabulary) log-probabilities; sequences of one length run together."""
        import torch

        self._check(sequences, room=0)
        width = embeddings(self.model.network)
        order = sorted(range(len(sequences)), key=lambda row: (len(sequences[row]), row))
        start = 0
        while start < len(order):
            end = start + 1
            while end < len(order) and _fits(end - start + 1, len(sequences[order[end]]), width):
                end += 1
            rows = order[start:end]
            with _inference(self.threads):
                ids, mask = _right_padded([sequences[row] for row in rows])
                network, device = self.model.network, self.device
                logits = network(input_ids=ids.to(device), attention_mask=mask.to(device), use_cache=False).logits
                made = [
                    torch.log_softmax(logits[place, : len(sequences[row])].float(), -1)
                    for place, row in enumerate(rows)
                ]
            yield from zip(rows, made, strict=True)
            start = end

    def _check(self, prompts: Sequence[Sequence[int]], room: int = 1) -> None:
        context = self.model.context
        for prompt in prompts:
            if not prompt:
                raise ModelError("an empty prompt cannot be continued", where=str(self.model.folder or "model"))
            if len(prompt) + room > context:
                raise ModelError(
                    f"a prompt of {len(prompt)} tokens leaves no room in a context of {context}",
                    where=str(self.model.folder or "model"),
                    next="shorten the rows, or use a model with a longer context",
                )

    def _split(
        self, order: Sequence[int], prompts: Sequence[Sequence[int]], samplings: Sequence[Sampling]
    ) -> Iterator[list[int]]:
        """Rows in batches that fit the memory set aside for keys and values."""
        per_token = _cache_bytes_per_token(self.model)
        batch: list[int] = []
        for row in order:
            longest = min(len(prompts[row]) + samplings[row].max_tokens, self.model.context)
            if batch and (len(batch) >= ROWS or (len(batch) + 1) * longest * per_token > CACHE_BYTES):
                yield batch
                batch = []
            batch.append(row)
        if batch:
            yield batch

    def _generate(
        self, prompts: Sequence[Sequence[int]], samplings: Sequence[Sampling], seeds: Sequence[int]
    ) -> list[Generated]:
        from imbik.models.engines.decoding import decode_batch

        limits = [
            min(sampling.max_tokens, self.model.context - len(prompt))
            for sampling, prompt in zip(samplings, prompts, strict=True)
        ]
        made = decode_batch(self.model.network, prompts, samplings, seeds, limits, self._stops)
        return [Generated(ids, finished, decode(self.model.tokenizer, ids)) for ids, finished in made]


def _stops(model: LanguageModel) -> frozenset[int]:
    """What ends a turn: by the tokenizer, its template, and the model's own generation settings."""
    configured: Any = getattr(model.network.generation_config, "eos_token_id", None)
    more = configured if isinstance(configured, list) else [] if configured is None else [configured]
    return stop_ids(model.tokenizer) | {int(number) for number in more}


def _cache_bytes_per_token(model: LanguageModel) -> int:
    config = model.network.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    size = next(model.network.parameters()).element_size()
    return int(2 * config.num_hidden_layers * heads * width * size)


def _fits(rows: int, longest: int, width: int) -> bool:
    return rows * longest <= SCORED_TOKENS and rows * longest * width <= LOGITS


def _right_padded(block: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Ids and mask, each (rows, longest), padded on the right."""
    import torch

    longest = max(len(ids) for ids in block)
    ids = torch.tensor([[*ids, *([0] * (longest - len(ids)))] for ids in block])
    mask = torch.tensor([[1] * len(ids) + [0] * (longest - len(ids)) for ids in block])
    return ids, mask


@contextmanager
def _inference(threads: int) -> Iterator[None]:
    """No gradients, and as many threads as asked; the process's own number comes back afterwards."""
    import torch

    before = torch.get_num_threads()
    with torch.inference_mode():
        if threads and threads != before:
            torch.set_num_threads(threads)
        try:
            yield
        finally:
            if torch.get_num_threads() != before:
                torch.set_num_threads(before)
