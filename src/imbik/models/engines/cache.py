"""A key/value cache that grows in place, for decoding many short answers at once.

Enters: a network's config. Leaves: a transformers Cache. The library's own dynamic cache copies everything at each
step; this one writes into room made ahead, and lets finished rows go. Sliding-window layers keep all positions: their
masks hide what lies outside the window.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers.cache_utils import Cache, DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedConfig

ROOM = 64


class RoomyLayer(DynamicLayer):
    """Keys and values (rows, heads, positions, width) with room for more positions behind those in use."""

    def __init__(self, sliding: bool) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.is_sliding = sliding
        self.length = 0

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Make the first room."""
        self.dtype, self.device = key_states.dtype, key_states.device
        self.keys, self.values = _room(key_states, 0), _room(value_states, 0)
        self.is_initialized = True

    def update(
        self,
        key_states: Tensor,
        value_states: Tensor,
        *args: Any,  # noqa: ARG002
        **kwargs: Any,  # noqa: ARG002 - the library's signature
    ) -> tuple[Tensor, Tensor]:
        """Append the new positions; returns views of all in use."""
        if self.keys is None or self.values is None:
            self.lazy_initialization(key_states, value_states)
        assert self.keys is not None
        assert self.values is not None
        end = self.length + key_states.shape[2]
        if end > self.keys.shape[2]:
            self.keys = _grown(self.keys, key_states, self.length)
            self.values = _grown(self.values, value_states, self.length)
        self.keys[:, :, self.length : end] = key_states
        self.values[:, :, self.length : end] = value_states
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]

    def get_seq_length(self) -> int:
        """Positions in use."""
        return self.length

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep these rows only."""
        assert self.keys is not None
        assert self.values is not None
        self.keys = _selected(self.keys, indices, self.length)
        self.values = _selected(self.values, indices, self.length)


def make_cache(config: PreTrainedConfig) -> Cache:
    """The roomy cache where every layer is plain or sliding-window attention, else the library's own."""
    library = DynamicCache(config=config)
    plain = [layer for layer in library.layers if type(layer) in (DynamicLayer, DynamicSlidingWindowLayer)]
    if not plain or len(plain) < len(library.layers):
        return library
    return Cache(layers=[RoomyLayer(isinstance(layer, DynamicSlidingWindowLayer)) for layer in plain])


def _room(states: Tensor, length: int) -> Tensor:
    """An empty slab for `length` positions and what comes next."""
    rows, heads, new, width = states.shape
    return states.new_empty(rows, heads, length + new + max(ROOM, (length + new) // 4), width)


def _grown(slab: Tensor, states: Tensor, length: int) -> Tensor:
    bigger = _room(states, length)
    bigger[:, :, :length] = slab[:, :, :length]
    return bigger


def _selected(slab: Tensor, indices: Tensor, length: int) -> Tensor:
    kept = slab.new_empty(len(indices), *slab.shape[1:])
    kept[:, :, :length] = slab[indices, :, :length]
    return kept
