"""The decoding loop: one batch of prompts to its answers.

Enters: a network, prompts as ids, how each row is drawn. Leaves: new ids a row and whether it ended by itself. Kept
apart from the engine so that the loop, which decides the speed, reads as one page.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from imbik.core.questions import Sampling
from imbik.models.engines.cache import make_cache
from imbik.models.engines.sampling import Drawer
from imbik.models.spread import input_device

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

DROP_BELOW = 0.8


def decode_batch(
    network: PreTrainedModel,
    prompts: Sequence[Sequence[int]],
    samplings: Sequence[Sampling],
    seeds: Sequence[int],
    limits: Sequence[int],
    stops: frozenset[int],
) -> list[tuple[list[int], bool]]:
    """New ids of each prompt (without the stop token) and whether a stop token ended it within its limit."""
    batch = _Running(network, prompts, Drawer(samplings, seeds), limits, stops)
    while batch.rows:
        batch.step()
    return [(batch.answers[row], batch.finished[row]) for row in range(len(prompts))]


class _Running:
    """The rows still being answered, with their cache."""

    def __init__(
        self,
        network: PreTrainedModel,
        prompts: Sequence[Sequence[int]],
        drawer: Drawer,
        limits: Sequence[int],
        stops: frozenset[int],
    ) -> None:
        import torch

        self.network, self.drawer, self.limits, self.stops = network, drawer, limits, stops
        self.answers: list[list[int]] = [[] for _ in prompts]
        self.finished = [False] * len(prompts)
        self.rows = list(range(len(prompts)))
        self.done = [False] * len(prompts)
        self.cache = make_cache(network.config.get_text_config())
        longest = max(len(prompt) for prompt in prompts)
        device = input_device(network)
        ids = [[0] * (longest - len(prompt)) + list(prompt) for prompt in prompts]
        mask = [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts]
        self.ids = torch.tensor(ids, device=device)
        self.mask = torch.tensor(mask, dtype=torch.bool, device=device)
        self.padded = not bool(self.mask.all())
        self.positions = (self.mask.long().cumsum(-1) - 1).clamp_min(0)

    def step(self) -> None:
        """One forward pass: the next token of every row, then rows that ended leave."""
        drawn = self.drawer.draw(self._forward())
        for place, (row, token) in enumerate(zip(self.rows, drawn.tolist(), strict=True)):
            self._take(place, row, token)
        self.ids, self.positions = drawn[:, None], self.positions[:, -1:] + 1
        alive = [place for place, done in enumerate(self.done) if not done]
        if not alive:
            self.rows = []
        elif len(alive) <= DROP_BELOW * len(self.rows):
            self._keep(alive)
        if self.padded:
            self.mask = _with_column(self.mask)

    def _take(self, place: int, row: int, token: int) -> None:
        if self.done[place]:
            return
        if token in self.stops:
            self.finished[row] = self.done[place] = True
            return
        self.answers[row].append(token)
        self.done[place] = len(self.answers[row]) >= self.limits[row]

    def _forward(self) -> Tensor:
        """Logits (rows, vocabulary) of the next token."""
        inputs: dict[str, Any] = {"attention_mask": self.mask} if self.padded else {}
        output = self.network(
            input_ids=self.ids,
            position_ids=self.positions,
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=1,
            **inputs,
        )
        logits: Tensor = output.logits[:, -1].float()
        return logits

    def _keep(self, places: list[int]) -> None:
        import torch

        kept = torch.tensor(places, device=self.ids.device)
        self.rows = [self.rows[place] for place in places]
        self.done = [False] * len(places)
        self.ids, self.positions, self.mask = self.ids[kept], self.positions[kept], self.mask[kept]
        self.drawer.keep(places)
        self.cache.batch_select_indices(kept)


def _with_column(mask: Tensor) -> Tensor:
    """The mask with one more position in use."""
    import torch

    return torch.cat([mask, mask.new_ones(len(mask), 1)], dim=1)
