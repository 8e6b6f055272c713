"""Claim: captured logits take few bytes, are read fast at random, and samples of them are unbiased.

    python benchmarks/logit_cache.py [--rows 256] [--positions 512] [--rounds 5]

Distributions over 128,256 tokens, Zipf-like with noise, k = 64, in rows of 512 positions: real files, hashes and index
counted. Arms: `exact`, `compressed`, `sampled` (50 tokens) as imbik's capture stage keeps them, and beside them, in the
same run, `plain`: Parquet with a list of ids (int32) and one of log-probabilities (float16's values in float32) a row,
read by row with pyarrow; and `plain, same bytes`: the exact form with as few tokens as the compressed form's bytes
allow. Figures: bytes a token; KL(teacher || kept) with what is not kept spread evenly; tokens a second, read in random
order, the median of rounds that alternate the arms; of `sampled` the bias of the entropy with its 95% interval.

Figures to reach: exact <= 270 bytes, compressed <= 110 bytes with a lower KL than as many bytes of plain top-k; exact
read at 1 M tokens/s or more; the bias's interval holds zero.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from imbik.models.logit_forms import kept_when_compressed
from imbik.models.logit_writer import LogitWriter
from imbik.models.logits import Form, LogitRow, LogitSettings, LogitStore

V, K, SAMPLES = 128_256, 64, 50
Array = np.ndarray[Any, np.dtype[Any]]


def distributions(positions: int, seed: int) -> tuple[Array, Array]:
    """Ids (n, 4096), the likeliest first, and log-probabilities; the rest of the mass is one even tail."""
    draw = np.random.default_rng(seed)
    logits = -1.1 * np.log(np.arange(1, 4097)) + draw.normal(0, 0.6, (positions, 4096))
    total = np.logaddexp(np.logaddexp.reduce(logits, 1), np.log(V - 4096) - 1.1 * np.log(4500.0))
    logprobs = np.sort(logits - total[:, None], 1)[:, ::-1]
    steps = draw.integers(1, V // 2, positions)[:, None] * 2 + 1
    ids = (np.arange(4096)[None] * steps + draw.integers(0, V, positions)[:, None]) % V
    return ids.astype(np.uint32), logprobs.astype(np.float32)


def divergence(whole: tuple[Array, Array], ids: Array, logprobs: Array) -> float:
    """Mean KL(teacher || kept), what is not kept spread evenly."""
    found = []
    for place in range(len(ids)):
        own = dict(zip(ids[place].tolist(), logprobs[place].tolist(), strict=True))
        left = max(1 - np.exp(logprobs[place].astype(np.float64)).sum(), 1e-9) / (V - len(own))
        theirs = np.array([own.get(int(token), np.log(left)) for token in whole[0][place]])
        p = np.exp(whole[1][place].astype(np.float64))
        tail = 1 - p.sum()
        even = np.log(tail / (V - 4096))
        found.append(float((p * (whole[1][place] - theirs)).sum() + tail * (even - np.log(left))))
    return float(np.mean(found))


def write(folder: Path, form: Form, rows: list[tuple[Array, Array]], k: int) -> float:
    """A store of a form; bytes a token."""
    settings = LogitSettings(teacher="t", tokenizer_hash="v" * 64, top_k=k, form=form, vocabulary=V)
    writer, block = LogitWriter(folder, settings), []
    for number, (ids, logprobs) in enumerate(rows):
        made = LogitRow(f"pool-0-{number}#teacher#0", f"{number:016x}", ids[:, :k], logprobs[:, :k])
        block.append(drawn(made, ids, logprobs, number) if form == "sampled" else made)
    writer.append(block)
    return size(folder) / sum(len(ids) for ids, _ in rows)


def drawn(row: LogitRow, ids: Array, logprobs: Array, seed: int) -> LogitRow:
    """Samples of the whole distribution; a token of the tail is drawn as any of them."""
    draw = np.random.default_rng([7, seed])
    cumulative = np.cumsum(np.exp(logprobs.astype(np.float64)), 1)
    places = []
    for place in range(len(ids)):
        at = np.searchsorted(cumulative[place], draw.random(SAMPLES))
        tail = at >= ids.shape[1]
        tokens = np.where(tail, draw.integers(0, V, SAMPLES), ids[place][np.minimum(at, ids.shape[1] - 1)])
        places.append(np.unique(tokens, return_counts=True))
    width = max(len(tokens) for tokens, _ in places)
    found, times = np.zeros((len(ids), width), np.uint32), np.zeros((len(ids), width), np.float32)
    for number, (tokens, counts) in enumerate(places):
        found[number, : len(tokens)], times[number, : len(tokens)] = tokens, counts
    return row._replace(ids=found, logprobs=times, entropy=entropy(logprobs))


def entropy(logprobs: Array) -> Array:
    """Of the whole distributions, in nats."""
    p = np.exp(logprobs.astype(np.float64))
    tail = 1 - p.sum(1)
    found: Array = -(p * logprobs).sum(1) - tail * np.log(tail / (V - 4096))
    return found.astype(np.float32)


def plain(path: Path, rows: list[tuple[Array, Array]]) -> float:
    """Parquet, a list a row; bytes a token."""
    ids = pa.array([pair[0][:, :K].astype(np.int32).ravel() for pair in rows])
    values = pa.array([pair[1][:, :K].astype(np.float16).astype(np.float32).ravel() for pair in rows])
    names = pa.array([f"pool-0-{number}#teacher#0" for number in range(len(rows))])
    pq.write_table(pa.table({"row": names, "ids": ids, "logprobs": values}), path, row_group_size=1)
    return path.stat().st_size / sum(len(pair[0]) for pair in rows)


def reader(folder: Path) -> Callable[[int], object]:
    """Reads row `number` of a store."""
    store = LogitStore.open(folder)
    return lambda number: store.row(f"pool-0-{number}#teacher#0", f"{number:016x}")


def parquet(path: Path) -> Callable[[int], object]:
    """Reads row `number` of a Parquet file."""
    file = pq.ParquetFile(path, memory_map=True)

    def read(number: int) -> object:
        table = file.read_row_group(number)
        columns = (table["ids"].chunk(0).values.to_numpy(), table["logprobs"].chunk(0).values.to_numpy())
        return tuple(column.reshape(-1, K) for column in columns)

    return read


def size(folder: Path) -> int:
    """Bytes of all files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def bias(folder: Path, rows: list[tuple[Array, Array]]) -> tuple[float, float, float]:
    """Of the entropy estimated from samples, less the entropy: mean, 95% interval."""
    store, errors = LogitStore.open(folder), []
    for number, (ids, logprobs) in enumerate(rows[:32]):
        found, weights = store.row(f"pool-0-{number}#teacher#0", f"{number:016x}")
        tail = np.log((1 - np.exp(logprobs.astype(np.float64)).sum(1)) / (V - 4096))
        for place in range(len(ids)):
            known = dict(zip(ids[place].tolist(), logprobs[place].tolist(), strict=True))
            said = np.array([known.get(int(token), tail[place]) for token in found[place]])
            errors.append(-float((weights[place] * said).sum()) - float(entropy(logprobs[place : place + 1])[0]))
    half = 1.96 * float(np.std(errors)) / len(errors) ** 0.5
    return float(np.mean(errors)), float(np.mean(errors)) - half, float(np.mean(errors)) + half


def main() -> int:
    """Write, read, print; 1 where a figure is not reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=256)
    parser.add_argument("--positions", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    own = parser.parse_args()
    rows = [distributions(own.positions, seed) for seed in range(own.rows)]
    small, few = kept_when_compressed(K), 26
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        bytes_of = {
            "exact": write(folder / "exact", "exact", rows, K),
            "compressed": write(folder / "compressed", "compressed", rows, small),
            "sampled": write(folder / "sampled", "sampled", rows, SAMPLES),
            "plain, same bytes": write(folder / "few", "exact", rows, few),
            "plain": plain(folder / "plain.parquet", rows),
        }
        read = {name: reader(folder / name) for name in ("exact", "compressed", "sampled")}
        read |= {"plain, same bytes": reader(folder / "few"), "plain": parquet(folder / "plain.parquet")}
        speed: dict[str, list[float]] = {name: [] for name in read}
        for turn in range(own.rounds):
            order = np.random.default_rng(turn).permutation(own.rows)
            for name in list(read)[:: 1 if turn % 2 else -1]:
                began = time.perf_counter()
                for number in order:
                    read[name](int(number))
                speed[name].append(own.rows * own.positions / (time.perf_counter() - began))
        error: dict[str, float] = {}
        for name in ("exact", "compressed", "plain, same bytes"):
            kept: Any = read[name](0)
            part = slice(0, 64)
            error[name] = divergence((rows[0][0][part], rows[0][1][part]), kept[0][part], kept[1][part])
        mean, low, high = bias(folder / "sampled", rows)
    print(f"{'form':20} {'bytes/token':>12} {'KL':>10} {'M tokens/s':>11}")
    for name, told in bytes_of.items():
        kl = f"{error[name]:.4f}" if name in error else ""
        print(f"{name:20} {told:12.1f} {kl:>10} {statistics.median(speed[name]) / 1e6:11.2f}")
    print(f"sampled: bias {mean:+.4f} [{low:+.4f}, {high:+.4f}] nats of entropy")
    rate = statistics.median(speed["exact"])
    checks = {
        "exact: at most 270 bytes a token": bytes_of["exact"] <= 270,
        "compressed: at most 110 bytes a token": bytes_of["compressed"] <= 110,
        "compressed: a lower KL than as many bytes of plain top-k": error["compressed"] < error["plain, same bytes"],
        f"exact: {rate / 1e6:.1f} M tokens/s at random, at least 1": rate >= 1e6,
        f"exact: {rate / statistics.median(speed['plain']):.1f} times as fast as Parquet": True,
        "sampled: unbiased within its interval": low <= 0 <= high,
    }
    for text, held in checks.items():
        print(f"{'holds' if held else 'FAILS'}: {text}")
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
