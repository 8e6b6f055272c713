"""Drawing the next token of each row: greedy, or by its own random numbers.

Enters: logits (rows, vocabulary), each row's Sampling and seed. Leaves: one token id a row. A row's random numbers come
from its seed alone and are used one a step, so its answer does not depend on the rows beside it, and a raised length
limit only extends it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from imbik.core.questions import Sampling

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

_BLOCK = 128


class Drawer:
    """Draws for a batch whose rows may leave it (`keep`)."""

    def __init__(self, samplings: Sequence[Sampling], seeds: Sequence[int]) -> None:
        self._temperatures = np.array([sampling.temperature for sampling in samplings], dtype=np.float32)
        self._top_p = np.array([sampling.top_p for sampling in samplings], dtype=np.float32)
        self._sampled = bool((self._temperatures > 0).any())
        self._generators = [np.random.default_rng(seed) for seed in seeds] if self._sampled else []
        self._numbers: NDArray[np.float64] = np.empty((0, 0))
        self._step = 0

    def keep(self, rows: Sequence[int]) -> None:
        """Only these rows go on."""
        self._temperatures, self._top_p = self._temperatures[rows], self._top_p[rows]
        if self._sampled:
            self._generators = [self._generators[row] for row in rows]
            self._numbers = self._numbers[rows]

    def draw(self, logits: Tensor) -> Tensor:
        """Token ids (rows,)."""
        best = logits.argmax(-1)
        if not self._sampled:
            return best
        import torch

        device = logits.device
        hot = np.flatnonzero(self._temperatures > 0)
        rows, uniform = torch.from_numpy(hot).to(device), torch.from_numpy(self._uniform()[hot]).to(device)
        temperature = torch.from_numpy(self._temperatures[hot]).to(device)
        drawn = sample(logits[rows], temperature, torch.from_numpy(self._top_p[hot]).to(device), uniform)
        return best.index_copy(0, rows, drawn)

    def _uniform(self) -> NDArray[np.float64]:
        """The rows' next random numbers in [0, 1)."""
        column = self._step % _BLOCK
        if column == 0:
            self._numbers = np.stack([generator.random(_BLOCK) for generator in self._generators])
        self._step += 1
        return np.ascontiguousarray(self._numbers[:, column])


def sample(logits: Tensor, temperature: Tensor, top_p: Tensor, uniform: Tensor) -> Tensor:
    """Nucleus sampling by inverse cumulative probability.

    logits (rows, vocabulary); temperature, top_p, uniform (rows,). The smallest set of tokens whose probability reaches
    `top_p` stays (Holtzman et al. 2020). Returns token ids (rows,).
    """
    import torch

    probabilities = torch.softmax(logits.double() / temperature[:, None].double(), -1)
    ordered, ids = probabilities.sort(stable=True, dim=-1, descending=True)
    cumulative = ordered.cumsum(-1)
    ordered = ordered.masked_fill(cumulative - ordered >= top_p[:, None].double(), 0.0)
    cumulative = ordered.cumsum(-1)
    wanted = uniform[:, None].double() * cumulative[:, -1:]
    place = torch.searchsorted(cumulative, wanted, right=True).clamp_max(logits.shape[-1] - 1)
    drawn: Tensor = ids.gather(-1, place).squeeze(-1)
    return drawn
