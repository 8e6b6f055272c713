"""Which method makes the better student, at equal steps: adapters, frozen layers and prefixes beside all weights.

    python benchmarks/methods.py                 # embedded problems, three seeds: about an hour on one core
    python benchmarks/methods.py --start half    # healing a teacher that lost half of each MLP
    python benchmarks/methods.py --only "full;lora r=8" --steps 200

`base` begins as the embedded base student (0.23 million weights, which has read other text), `half` as the embedded
teacher with half of the channels of each MLP. Every method is a recipe run by `imbik run`, with the same rows, text,
optimiser (AdamW), steps and seeds. Methods want different learning rates, so each is given three (and higher ones while
the highest is the best), and trains its seeds at the one with the lowest validation loss of seed 1. Printed: weights
that learn, the rate taken, the share of held-out problems right, and the paired difference from `full`, with 95%
bootstrap intervals over problems and seeds.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.students import embedded, plain, run, scores, trainings

from imbik.evaluate.bootstrap import Bootstrap

FLOOR = "full"
ALL, FEW = (1e-3, 3e-3, 8e-3), (3e-3, 1e-2, 3e-2)
METHODS: dict[str, tuple[dict[str, Any], tuple[float, ...]]] = {
    FLOOR: ({"use": "full"}, ALL),
    "frozen embeddings": ({"use": "frozen"}, ALL),
    "lora r=8": ({"use": "lora", "r": 8}, FEW),
    "lora r=32": ({"use": "lora", "r": 32}, FEW),
    "lora r=8, embeddings": ({"use": "lora", "r": 8, "modules_to_save": ["embed_tokens"]}, FEW),
    "dora r=8": ({"use": "lora", "r": 8, "dora": True}, FEW),
    "qlora r=8": ({"use": "qlora", "r": 8}, FEW),
    "adapter 16": ({"use": "adapter", "size": 16}, FEW),
    "ia3": ({"use": "ia3"}, FEW),
    "prefix 16": ({"use": "prefix", "tokens": 16}, FEW),
}
STARTS: dict[str, dict[str, Any]] = {
    "base": {"model": "embedded:base"},
    "half": {"model": "embedded:teacher", "keep": {"mlp": 0.5}},
}


def train(name: str, rate: float, seeds: list[int], own: argparse.Namespace) -> Path:
    """The run of a method at a rate; seeds that were trained before are kept."""
    settings = {
        "method": METHODS[name][0], "steps": own.steps, "batch_size": 32, "learning_rate": rate, "seeds": seeds,
        "schedule": "warmup_stable_decay", "validate_every": 100,
    }  # fmt: skip
    made = embedded(rows=own.rows, test=own.test, student=STARTS[own.start], train=settings)
    return run(made, plain(f"{own.start} {name} {rate:g}"), own.folder)


def best_rate(name: str, own: argparse.Namespace) -> float:
    """The rate with the lowest validation loss of seed 1; higher ones are tried while the highest is the best."""
    found: dict[float, float] = {}
    rates = list(METHODS[name][1])
    for rate in rates:
        found[rate] = float(trainings(train(name, rate, [1], own))[0]["kept_loss"])
        if rate == rates[-1] and min(found, key=found.__getitem__) == rate:
            rates.append(float(f"{3 * rate:.2g}"))
    return min(found, key=found.__getitem__)


def main() -> None:
    """Train every method, then print its line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--start", choices=list(STARTS), default="base")
    parser.add_argument("--rows", type=int, default=2500)
    parser.add_argument("--test", type=int, default=400)
    parser.add_argument("--steps", type=int, default=450)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="", help="names of methods, with semicolons")
    parser.add_argument("--folder", type=Path, default=Path("benchmarks/.methods"))
    own = parser.parse_args()
    own.folder.mkdir(parents=True, exist_ok=True)
    chosen = {name for name in own.only.split(";") if name} or set(METHODS)
    draw, floor = Bootstrap(), None
    print(f"{'method':20} {'learns':>10} {'rate':>7} {'right':>22} {'over full':>24}")
    for name in METHODS:
        if name not in chosen | {FLOOR}:
            continue
        began, rate = time.perf_counter(), best_rate(name, own)
        made = train(name, rate, list(range(1, own.seeds + 1)), own)
        found = scores(made)
        floor = found if floor is None else floor
        parts = (draw.mean(found), draw.difference(found, floor))
        cells = [f"{100 * s.value:+.1f} [{100 * s.low:+.1f}, {100 * s.high:+.1f}]" if s else "-" for s in parts]
        learns, took = int(trainings(made)[0]["trainable"]), time.perf_counter() - began
        print(f"{name:20} {learns:>10,} {rate:>7g} {cells[0]:>22} {cells[1]:>24}  {took:.0f} s", flush=True)


if __name__ == "__main__":
    main()
