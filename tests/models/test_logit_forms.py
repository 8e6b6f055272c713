"""Forms of captured distributions: what comes back, in how many bytes, how far it is from what was written."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imbik.models.logit_forms import (
    kept_when_compressed,
    pack_compressed,
    pack_exact,
    pack_sampled,
    planes_of,
    unpack_compressed,
    unpack_exact,
    unpack_sampled,
)

V = 128_256


def zipf(count: int, k: int, vocabulary: int = V, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The k likeliest ids of Zipf-like distributions with noise, best first, and their log-probabilities."""
    draw = np.random.default_rng(seed)
    logits = -1.1 * np.log(np.arange(1, 4 * k + 1)) + draw.normal(0, 0.5, (count, 4 * k))
    logprobs = np.sort(logits - np.logaddexp.reduce(logits, 1, keepdims=True) - 0.05, 1)[:, ::-1][:, :k]
    ids = np.stack([draw.choice(vocabulary, k, replace=False) for _ in range(count)])
    return ids.astype(np.uint32), logprobs.astype(np.float32)


@given(st.integers(0, 6), st.integers(1, 40), st.sampled_from([300, 65_536, 65_537, V, 262_144]), st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_exact_gives_back_ids_and_float16(count: int, k: int, vocabulary: int, seed: int) -> None:
    ids, logprobs = zipf(count, k, vocabulary, seed) if count else (np.zeros((0, k), np.uint32), np.zeros((0, k), "f4"))
    found = unpack_exact(pack_exact(ids, logprobs, vocabulary), count, k, vocabulary)
    assert np.array_equal(found[0], ids)
    assert np.array_equal(found[1], logprobs.astype(np.float16).astype(np.float32))


@given(st.integers(0, 6), st.integers(1, 40), st.sampled_from([50, 300, 65_537, V, 262_144]), st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_compressed_gives_back_the_ids_and_the_mass(count: int, k: int, vocabulary: int, seed: int) -> None:
    k = min(k, vocabulary)
    ids, logprobs = zipf(count, k, vocabulary, seed) if count else (np.zeros((0, k), np.uint32), np.zeros((0, k), "f4"))
    found = unpack_compressed(pack_compressed(ids, logprobs, vocabulary), count, k, vocabulary)
    assert np.array_equal(np.sort(found[0], 1), np.sort(ids, 1))
    assert (np.diff(found[1], axis=1) <= 1e-6).all(), "the likeliest come first"
    if count:
        mass = np.exp(found[1]).sum(1)
        assert np.allclose(mass, np.exp(logprobs).sum(1), atol=2e-3)
        assert (mass <= 1 + 1e-6).all()
        by_id = [dict(zip(row.tolist(), values.tolist(), strict=True)) for row, values in zip(*found, strict=True)]
        spread = (logprobs.max(1) - logprobs.min(1)) / 63
        for number, row in enumerate(ids.tolist()):
            gaps = [abs(by_id[number][token] - value) for token, value in zip(row, logprobs[number], strict=True)]
            assert max(gaps) <= spread[number] + 0.01


def test_sampled_gives_back_counts_and_entropy() -> None:
    ids, _ = zipf(7, 9)
    counts = np.random.default_rng(1).integers(0, 50, (7, 9)).astype(np.uint8)
    entropy = np.linspace(0, 8, 7).astype(np.float16).astype(np.float32)
    found = unpack_sampled(pack_sampled(ids, counts, entropy, V), 7, 9, V)
    assert all(np.array_equal(mine, wanted) for mine, wanted in zip(found, (ids, counts, entropy), strict=True))


def test_bytes_a_token() -> None:
    ids, logprobs = zipf(512, 64)
    small = kept_when_compressed(64)
    assert len(pack_exact(ids, logprobs, V)) / 512 == 264
    assert len(pack_compressed(ids[:, :small], logprobs[:, :small], V)) / 512 <= 108
    assert planes_of(65_536) == 0
    assert planes_of(V) == 1


@pytest.mark.parametrize("values", [[0.0], [-0.001, -9.0], [-50.0, -90.0], [0.0, -1e9]])
def test_extremes_stay_numbers(values: list[float]) -> None:
    ids, logprobs = np.arange(len(values), dtype=np.uint32)[None], np.array([values], np.float32)
    for pack, unpack in ((pack_exact, unpack_exact), (pack_compressed, unpack_compressed)):
        with np.errstate(over="ignore"):
            found = unpack(pack(ids, np.maximum(logprobs, -60_000), V), 1, len(values), V)
        assert np.isfinite(found[1]).all()
        assert found[0][0, 0] == 0
