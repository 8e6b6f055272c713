"""The student as training sees it: rows in, the loss out, adapters and data-parallel wrappers around the whole.

Enters: a network (bare, or with adapters) and weighted losses. Leaves: one scalar a micro-batch. Only the network's
body runs; its head is applied by the losses, block by block, at learned positions alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from imbik.models.head import head_of
from imbik.models.layers import listening, show_attention
from imbik.train.chunked import token_losses
from imbik.train.faculty import Faculty, View
from imbik.train.layers import Layers, at_places
from imbik.train.losses import (
    ATTENTION,
    BESIDE,
    DISTRIBUTIONS,
    PAIRS,
    SPANS,
    LearnsAlong,
    Loss,
    PooledPairs,
    Sampled,
    Shared,
    Signals,
    Spans,
    Teacher,
    TokenLoss,
    TopK,
)

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from imbik.train.tutor import Tutor


def bare(network: nn.Module) -> PreTrainedModel:
    """The transformers model inside adapters; adapters live in its layers, so running it runs them."""
    inner: Any = network.get_base_model() if hasattr(network, "get_base_model") else network  # type: ignore[operator]
    return inner  # type: ignore[no-any-return]


class StudentModule(nn.Module):
    """`forward` takes a micro-batch and gives the weighted sum of its losses."""

    def __init__(
        self,
        network: nn.Module,
        losses: Sequence[Loss],
        tutor: Tutor | Faculty | None = None,
        shared: Shared | None = None,
    ) -> None:
        """`tutor` is a teacher that reads every micro-batch beside the student; `shared` are the tokens that both have
        where the teacher's tokenizer is another.

        Raises: RecipeError where a loss does not fit the two models.
        """
        super().__init__()
        self.tutor, self.shared = tutor, shared
        self.sampled = False  # whether what rows recall of the teacher are samples
        self.network = network
        self.losses = tuple(losses)
        self.head = head_of(network)  # type: ignore[arg-type]
        self.learned = learned_along(self.losses, network, tutor)
        if ATTENTION in needs_of(self.losses):
            show_attention(bare(network))
            if tutor is not None and not isinstance(tutor, Faculty):
                show_attention(tutor.model.network)

    def forward(
        self,
        ids: Tensor,
        positions: Tensor | None,
        places: Tensor,
        labels: Tensor,
        weights: Tensor | None,
        teacher_ids: Tensor | None,
        teacher_logprobs: Tensor | None,
        tokens: Tensor,
        pairs: Mapping[str, Tensor] | None = None,
        pair_count: Tensor | None = None,
        other: Mapping[str, Tensor | None] | None = None,
        mix: Tensor | None = None,
    ) -> Tensor:
        """Sum of the losses at `places` divided by `tokens`, the learned tokens of the global batch; see MicroBatch.

        `pairs` are texts side by side (`train.pairs.tensors_of`), of `pair_count` in the global batch; `other` is what
        a teacher with another tokenizer is given; `mix` (N, K) how much each of several teachers counts.
        """
        needs = needs_of(self.losses)
        with listening(bare(self.network), needs & BESIDE) if needs & BESIDE else nullcontext() as heard:
            hidden = hidden_states(self.network, ids, positions)
        chosen = hidden.flatten(0, 1).index_select(0, places)
        own = None if heard is None else at_places(heard, places, positions, (ids.shape[0], ids.shape[1]))
        teacher: Teacher | None = None
        theirs: Layers | None = None
        spans: Spans | None = None
        views: list[View] | None = None
        if isinstance(self.tutor, Faculty):
            if DISTRIBUTIONS in needs:
                assert mix is not None
                views = self.tutor.views(ids, positions, places, mix)
        elif self.shared is not None:
            if other is not None and SPANS in needs:
                teacher, spans = self._across(other)
        elif teacher_ids is not None and teacher_logprobs is not None:
            teacher = (Sampled if self.sampled else TopK)(teacher_ids, teacher_logprobs)
        elif self.tutor is not None and needs & (BESIDE | {DISTRIBUTIONS}):
            teacher, theirs = self.tutor.read(ids, positions, places, needs & BESIDE)
        elif DISTRIBUTIONS in needs:
            # None of these rows could be read by the teacher.
            column = labels.clamp_min(0)[:, None]
            teacher = TopK(column, torch.full_like(column, float("-inf"), dtype=torch.float32))
        signals = Signals(chosen, self.head, labels, tokens, teacher, weights, own, theirs)
        if spans is not None:
            signals = replace(signals, spans=spans, shared=self.shared)
        if pairs is not None and pair_count is not None:
            signals = replace(signals, pairs=self._pooled(pairs, pair_count))
        return total(self.losses, signals, self.learned, views)

    def _across(self, other: Mapping[str, Tensor | None]) -> tuple[Teacher | None, Spans]:
        """What a teacher with another tokenizer says at its own tokens, and which say the same as the student's."""
        given: dict[str, Any] = dict(other)
        spans = Spans(**{field.name: given[field.name] for field in fields(Spans)})
        assert self.shared is not None
        self.shared = self.shared.to(spans.last.device)
        if given["teacher_ids"] is not None:
            return TopK(given["teacher_ids"], given["teacher_logprobs"]), spans
        if self.tutor is None or isinstance(self.tutor, Faculty):
            return None, spans
        return self.tutor.read(given["ids"], given["positions"], given["places"])[0], spans

    def _pooled(self, pairs: Mapping[str, Tensor], count: Tensor) -> PooledPairs:
        """Final hidden states of both texts of each pair, mean over their tokens."""
        ids, lengths = pairs["ids"], pairs["lengths"]
        hidden = hidden_states(self.network, ids, None)
        inside = torch.arange(ids.shape[1], device=ids.device)[None] < lengths[:, None]
        pooled = (hidden * inside[..., None]).sum(1) / lengths[:, None]
        half = len(pooled) // 2
        return PooledPairs(pooled[:half], pooled[half:], pairs["labels"], count)


def learned_along(losses: Sequence[Loss], network: nn.Module, tutor: Tutor | Faculty | None) -> nn.ModuleDict:
    """The losses' own weights, by the loss's place in the sum; drawn alike in every process.

    Raises: RecipeError where a loss does not fit the two models.
    """
    student = bare(network).config.get_text_config()
    teacher = (
        None if tutor is None or isinstance(tutor, Faculty) else bare(tutor.model.network).config.get_text_config()
    )
    made = nn.ModuleDict()
    with torch.random.fork_rng(devices=[]):
        for number, loss in enumerate(losses):
            torch.manual_seed(number)
            found = loss.learned(student, teacher) if isinstance(loss, LearnsAlong) else None
            if found is not None:
                made[str(number)] = found
    return made


def needs_of(losses: Sequence[Loss]) -> frozenset[str]:
    """What all of them together must be given."""
    return frozenset().union(*(loss.needs for loss in losses))


def hidden_states(network: nn.Module, ids: Tensor, positions: Tensor | None) -> Tensor:
    """Final hidden states (B, S, H), after the last norm."""
    model = bare(network)
    body: Any = getattr(model, model.base_model_prefix)
    extra = {} if positions is None else {"position_ids": positions}
    output = body(input_ids=ids, attention_mask=None, use_cache=False, **extra)
    hidden: Tensor = output.last_hidden_state
    return hidden


def total(
    losses: Sequence[Loss],
    signals: Signals,
    learned: nn.ModuleDict | None = None,
    views: Sequence[View] | None = None,
) -> Tensor:
    """The weighted sum; losses of each token's own logits share one pass over the vocabulary, and those of pairs are
    left out where there are none. With `views` of several teachers, those that look at a teacher get one pass a view.
    """
    numbered = list(enumerate(losses))
    if views is None:
        return _sum(numbered, signals, learned)
    looking = [item for item in numbered if DISTRIBUTIONS in item[1].needs]
    parts = [_sum([item for item in numbered if item not in looking], signals, learned)]
    for view in views:
        share = view.share if signals.weights is None else view.share * signals.weights
        parts.append(_sum(looking, replace(signals, teacher=view.teacher, weights=share), learned))
    return torch.stack(parts).sum()


def _sum(numbered: Sequence[tuple[int, Loss]], signals: Signals, learned: nn.ModuleDict | None) -> Tensor:
    """The weighted sum of some losses, each with its number among all."""
    shared = [(loss.weight, loss) for _, loss in numbered if isinstance(loss, TokenLoss)]
    parts = [
        loss.value(_given(signals, learned, number)) * loss.weight
        for number, loss in numbered
        if not isinstance(loss, TokenLoss) and (signals.pairs is not None or PAIRS not in loss.needs)
    ]
    if shared:
        parts.append(token_losses(signals, shared))
    if not parts:  # nothing of this micro-batch is learned
        return signals.hidden.sum() * 0.0
    return torch.stack(parts).sum() if len(parts) > 1 else parts[0]


def _given(signals: Signals, learned: nn.ModuleDict | None, number: int) -> Signals:
    """The signals with a loss's own weights."""
    own = learned[str(number)] if learned is not None and str(number) in learned else None
    return signals if own is None else replace(signals, learned=own)


def trainable(module: nn.Module) -> dict[str, Tensor]:
    """The weights that learn, by name."""
    return {name: p.detach() for name, p in module.named_parameters() if p.requires_grad}


def load_weights(module: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Copy weights into a module, as `trainable` named them."""
    own = dict(module.named_parameters())
    with torch.no_grad():
        for name, tensor in weights.items():
            own[name].copy_(tensor)
