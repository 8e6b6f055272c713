"""Forms in which a teacher's distributions lie on disk: bytes for token ids and what is known of each.

Enters: for n positions, ids (n, k) and log-probabilities (or weights). Leaves: bytes, and the same arrays from them.

- `exact`: every id in 16 bits and as many bit planes above as its vocabulary needs, log-probabilities in float16;
- `compressed`: ids in ascending order by Elias and Fano's code (about 2 + log2(V / k) bits each), log-probabilities in
  6 bits between the highest and the lowest of their position, and the mass of them all, so that the tail is known;
- `sampled`: ids that were drawn, how often (8 bits), and the entropy of the whole distribution (float16).

Positions are coded alike within a row, each from a byte of its own, so a row is read without its neighbours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ids = NDArray[np.uint32]
    Values = NDArray[np.float32]

_LEVELS = 63  # of 6 bits
LOWEST = -65504.0  # of float16


def planes_of(vocabulary: int) -> int:
    """Bits of an id beyond sixteen."""
    return max(0, (max(vocabulary, 1) - 1).bit_length() - 16)


def pack_exact(ids: Ids, logprobs: Values, vocabulary: int) -> bytes:
    """(n, k) ids and log-probabilities; 4 bytes and the planes each."""
    known = np.clip(logprobs, LOWEST, 0).astype(np.float16)
    values = np.where(np.isneginf(logprobs), np.float16(-np.inf), known)  # minus infinity: nothing is known there
    return _pack_ids(ids, vocabulary) + values.tobytes()


def unpack_exact(data: bytes | memoryview, count: int, width: int, vocabulary: int) -> tuple[Ids, Values]:
    """What `pack_exact` was given, log-probabilities as float16 knew them."""
    ids, at = _unpack_ids(data, count, width, vocabulary)
    values = np.frombuffer(data, np.float16, count * width, at).astype(np.float32).reshape(count, width)
    return ids, values


def pack_sampled(ids: Ids, counts: NDArray[np.uint8], entropy: Values, vocabulary: int) -> bytes:
    """(n, u) ids with how often each was drawn (0 fills up), and entropies (n,) in nats."""
    return _pack_ids(ids, vocabulary) + counts.astype(np.uint8).tobytes() + entropy.astype(np.float16).tobytes()


def unpack_sampled(
    data: bytes | memoryview, count: int, width: int, vocabulary: int
) -> tuple[Ids, NDArray[np.uint8], Values]:
    """What `pack_sampled` was given."""
    ids, at = _unpack_ids(data, count, width, vocabulary)
    counts = np.frombuffer(data, np.uint8, count * width, at).reshape(count, width)
    entropy = np.frombuffer(data, np.float16, count, at + count * width).astype(np.float32)
    return ids, counts, entropy


def pack_compressed(ids: Ids, logprobs: Values, vocabulary: int) -> bytes:
    """(n, k) different ids with their log-probabilities."""
    count, width = ids.shape
    if not count:
        return b""
    order = np.argsort(ids, axis=1)
    rising, values = np.take_along_axis(ids, order, 1), np.take_along_axis(logprobs.astype(np.float64), order, 1)
    mass = np.minimum(np.logaddexp.reduce(values, axis=1), 0)
    span = (values.max(1) - values.min(1)).astype(np.float16)
    step = np.maximum(span.astype(np.float64), 1e-6) / _LEVELS
    codes = np.rint((values.max(1)[:, None] - values) / step[:, None]).clip(0, _LEVELS).astype(np.uint8)
    low = _low_bits(width, vocabulary)
    below = _bits(rising & ((1 << low) - 1), low)
    above = np.zeros((count, _high_length(width, vocabulary)), np.uint8)
    np.put_along_axis(above, (rising >> low).astype(np.int64) + np.arange(width), 1, 1)
    bits = np.concatenate([above, below.reshape(count, -1), _bits(codes, 6).reshape(count, -1)], 1)
    head = np.stack([mass.astype(np.float16), span], 1)
    return head.tobytes() + np.packbits(bits, axis=1).tobytes()


def unpack_compressed(data: bytes | memoryview, count: int, width: int, vocabulary: int) -> tuple[Ids, Values]:
    """The same ids, the likeliest first, with log-probabilities to 1/63 of their position's range."""
    if not count:
        return np.zeros((0, width), np.uint32), np.zeros((0, width), np.float32)
    head = np.frombuffer(data, np.float16, 2 * count).reshape(count, 2).astype(np.float32)
    packed = np.frombuffer(data, np.uint8, offset=4 * count).reshape(count, -1)
    bits = np.unpackbits(packed, axis=1)
    low, length = _low_bits(width, vocabulary), _high_length(width, vocabulary)
    high = np.nonzero(bits[:, :length])[1].reshape(count, width) - np.arange(width)
    at = length + width * low
    below = _numbers(bits[:, length:at].reshape(count, width, low))
    ids = ((high.astype(np.uint32) << np.uint32(low)) | below).astype(np.uint32)
    codes = _numbers(bits[:, at : at + 6 * width].reshape(count, width, 6)).astype(np.float32)
    relative = -codes * (np.maximum(head[:, 1:], 1e-6) / _LEVELS)
    values = relative - np.log(np.exp(relative).sum(1, keepdims=True)) + head[:, :1]
    order = np.argsort(codes, axis=1, kind="stable")
    return np.take_along_axis(ids, order, 1), np.take_along_axis(values, order, 1)


def kept_when_compressed(top_k: int) -> int:
    """How many ids of a `top_k` are kept in the compressed form: with the tail, in well under half of the bytes."""
    return max(1, top_k * 2 // 3)


def _pack_ids(ids: Ids, vocabulary: int) -> bytes:
    flat = ids.astype(np.uint32).ravel()
    planes = [np.packbits((flat >> (16 + plane)) & 1).tobytes() for plane in range(planes_of(vocabulary))]
    return b"".join([(flat & 0xFFFF).astype(np.uint16).tobytes(), *planes])


def _unpack_ids(data: bytes | memoryview, count: int, width: int, vocabulary: int) -> tuple[Ids, int]:
    """Ids (n, k), and where what follows them begins."""
    total = count * width
    ids, at = np.frombuffer(data, np.uint16, total).astype(np.uint32), 2 * total
    for plane in range(planes_of(vocabulary)):
        size = -(-total // 8)
        bits = np.unpackbits(np.frombuffer(data, np.uint8, size, at), count=total)
        ids |= bits.astype(np.uint32) << (16 + plane)
        at += size
    return ids.reshape(count, width), at


def _low_bits(width: int, vocabulary: int) -> int:
    """How many bits of an id are written as they are, in Elias and Fano's code."""
    return max(1, (max(vocabulary, 2) // width).bit_length() - 1)


def _high_length(width: int, vocabulary: int) -> int:
    """Bits of the unary part of a position."""
    return width + (vocabulary >> _low_bits(width, vocabulary)) + 1


def _bits(numbers: NDArray[np.integer], size: int) -> NDArray[np.uint8]:
    """(…, size) bits, the highest first."""
    shifts = np.arange(size - 1, -1, -1)
    return ((numbers[..., None].astype(np.int64) >> shifts) & 1).astype(np.uint8)


def _numbers(bits: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """The numbers of (…, size) bits."""
    size = bits.shape[-1]
    found: NDArray[np.float32] = bits.astype(np.float32) @ (2.0 ** np.arange(size - 1, -1, -1)).astype(np.float32)
    return found.astype(np.uint32)
