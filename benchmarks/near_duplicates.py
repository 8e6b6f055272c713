"""Claim: the check `duplicates` goes through 100,000 texts, 20,000 of them near-duplicates planted at a Jaccard of .75
to .95 (threshold .75), at 25,000 texts a CPU second, every one of them verified exactly, with a recall of 0.95 or more
and a precision of 1.

Needs: nothing; peers, where they are installed: rensa (it is) without verification, and datasketch. Texts: 12 to 40
words drawn from 12,000, common ones oftener (Zipf). A planted text is one of the others with words changed, left out or
put in, until the exact Jaccard of its three-word runs lies between the two. What is a pair is decided by sets of tuples
of words, which share no code with the check. Timed: sketch in blocks of 1,000, merge and decide, in CPU seconds of this
process; a sample's answer is one word. Counted: a planted text is found when it or its original is rejected; a
rejection is right when a text that stays is as near as the threshold, by the sets of tuples. Control: the same texts
without the planted ones, of which none may be rejected. Printed: texts a CPU second, recall, precision, beside peers.

    python benchmarks/near_duplicates.py [--texts 100000]
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from itertools import accumulate
from typing import Any

from imbik.core.plugins import PluginBlock, make
from imbik.core.types import Completion, LabelReference, Message, Sample, Task
from imbik.refine.checks import CheckContext

THRESHOLD, HIGHEST, PLANTED = 0.75, 0.95, 0.2
SPEED, RECALL, BLOCK = 25_000, 0.95, 1_000
Runs = frozenset[tuple[str, ...]]


def runs(text: str) -> Runs:
    """All runs of three words."""
    words = text.replace(",", "").replace(".", "").split()
    return frozenset(zip(words, words[1:], words[2:], strict=False))


def alike(one: Runs, other: Runs) -> float:
    """Exact Jaccard."""
    return len(one & other) / len(one | other)


def texts(count: int, rng: random.Random) -> tuple[list[str], dict[int, int]]:
    """Texts in random order, and by place of a planted one the place of its original."""
    letters = "aeıioöuübcçdfgğhjklmnprsştvyz"
    vocabulary = list({"".join(rng.choices(letters, k=rng.randrange(2, 11))) for _ in range(12_000)})
    weights = list(accumulate(1 / (rank + 20) for rank in range(len(vocabulary))))
    fresh = count - int(count * PLANTED)
    made = [sentence(vocabulary, weights, rng) for _ in range(fresh)]
    copies = [near(made[number], vocabulary, rng) for number in range(count - fresh)]
    order = list(range(count))
    rng.shuffle(order)
    place = {number: at for at, number in enumerate(order)}
    every = made + copies
    return [every[number] for number in order], {place[fresh + at]: place[at] for at in range(len(copies))}


def sentence(vocabulary: Sequence[str], weights: Sequence[float], rng: random.Random) -> str:
    """Words with a comma here and there and a full stop."""
    words = rng.choices(vocabulary, cum_weights=weights, k=rng.randrange(12, 41))
    return " ".join(f"{word}," if rng.random() < 0.08 else word for word in words) + "."


def near(text: str, vocabulary: Sequence[str], rng: random.Random) -> str:
    """A copy with a few words changed, at a Jaccard between the two bounds."""
    own = runs(text)
    while True:
        words = text.split()
        for _ in range(rng.choice((1, 1, 1, 2))):
            at = rng.choice((0, len(words) - 1, rng.randrange(len(words))))
            words[at : at + rng.randrange(2)] = rng.choices(vocabulary, k=rng.randrange(2))
        copy = " ".join(words)
        if copy != text and THRESHOLD <= alike(own, runs(copy)) <= HIGHEST:
            return copy


def by_check(rows: Sequence[str]) -> tuple[set[int], float]:
    """What the check rejects, and its CPU seconds."""
    context = CheckContext(kind=make("tasks/kinds", PluginBlock(use="qa")))
    check = make("refine/checks", PluginBlock(use="duplicates", raw={"threshold": THRESHOLD}))
    samples = [
        Sample(
            task=Task(id=f"{number:06d}", kind="qa", messages=(Message(role="user", content=text),),
                      reference=LabelReference(text="evet")),
            teacher="t", number=0, completion=Completion(answer="evet"), answer="evet",
        )
        for number, text in enumerate(rows)
    ]  # fmt: skip
    check.decide(check.merge([check.sketch(samples[:10], context)]), context)
    gc.collect()
    gc.freeze()  # the samples made here are no work of the check's
    began = time.process_time()
    sketches = [check.sketch(samples[at : at + BLOCK], context) for at in range(0, len(samples), BLOCK)]
    found = check.decide(check.merge(sketches), context)
    seconds = time.process_time() - began
    return {int(name.partition("#")[0]) for name in found}, seconds


def by_rensa(rows: Sequence[str]) -> tuple[set[int], float]:
    """rensa's own deduplicator, of which nothing is verified."""
    rensa = import_module("rensa")
    began = time.process_time()
    index = rensa.RMinHashDeduplicator(threshold=THRESHOLD, num_perm=125, use_lsh=True, num_bands=25)
    found = set()
    for number, text in enumerate(rows):
        words = text.split()
        sketch = rensa.RMinHash(num_perm=125, seed=42)
        sketch.update([" ".join(run) for run in zip(words, words[1:], words[2:], strict=False)])
        if index.is_duplicate(str(number), sketch):
            found.add(number)
        else:
            index.add(str(number), sketch)
    return found, time.process_time() - began


def by_datasketch(rows: Sequence[str]) -> tuple[set[int], float]:
    """datasketch's MinHashLSH, of which nothing is verified."""
    datasketch: Any = import_module("datasketch")
    began = time.process_time()
    index = datasketch.MinHashLSH(threshold=THRESHOLD, num_perm=128)
    found = set()
    for number, text in enumerate(rows):
        words = text.split()
        sketch = datasketch.MinHash(num_perm=128)
        grams = zip(words, words[1:], words[2:], strict=False)
        sketch.update_batch([" ".join(run).encode() for run in grams])
        if index.query(sketch):
            found.add(number)
        else:
            index.insert(str(number), sketch)
    return found, time.process_time() - began


def measured(
    name: str, found: set[int], seconds: float, rows: Sequence[str], pairs: dict[int, int]
) -> tuple[float, float, float]:
    """Print and give speed, recall and precision."""
    recall = sum(copy in found or first in found for copy, first in pairs.items()) / len(pairs)
    partners: dict[int, list[int]] = {}
    for copy, first in pairs.items():
        partners.setdefault(copy, []).append(first)
        partners.setdefault(first, []).append(copy)
    right = sum(
        any(alike(runs(rows[number]), runs(rows[other])) >= THRESHOLD for other in partners.get(number, ()))
        for number in found
    )
    precision = right / len(found) if found else 1.0
    speed = len(rows) / seconds
    print(f"{name}: {speed:,.0f} texts a CPU second, recall {recall:.4f}, precision {precision:.4f}")
    return speed, recall, precision


def main() -> None:
    """Print all figures; exit 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--texts", type=int, default=100_000)
    options = parser.parse_args()
    rows, pairs = texts(options.texts, random.Random(4))
    speed, recall, precision = measured("duplicates", *by_check(rows), rows, pairs)
    peers: dict[str, Callable[[Sequence[str]], tuple[set[int], float]]] = {"rensa": by_rensa}
    if find_spec("datasketch"):
        peers["datasketch"] = by_datasketch
    for name, peer in peers.items():
        measured(f"{name}, unverified", *peer(rows), rows, pairs)
    control, _ = by_check([text for number, text in enumerate(rows) if number not in pairs])
    print(f"control, nothing planted: {len(control)} rejected, bar 0")
    print(f"bars: {SPEED:,} texts a CPU second, recall {RECALL}, precision 1.0")
    sys.exit(0 if speed >= SPEED and recall >= RECALL and precision == 1 and not control else 1)


if __name__ == "__main__":
    main()
