"""Claim: a training killed with SIGKILL at any step ends, after the same command, in the same weights to the bit.

Two small trainings on the CPU with one thread, dropout on: all weights on padded rows, and LoRA on packed rows. Each
runs once undisturbed, then again, killed at random steps, at a moment within the step drawn between nothing and the
time a step takes; each kill is followed by the same command. Compared at the end: every trained weight, the learning
curve, the tokens passed.

Floor: the undisturbed training of the same session; 0 bits may differ. Positive control, in the same run: a training
whose checkpoints lose the optimiser's state must end in other weights.

    python benchmarks/train_kill.py [--kills 30] [--steps 60]
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ARMS = ("full, padded", "lora, packed")
CHECKPOINT_EVERY = 4


def child(folder: Path, arm: str, steps: int, forgetful: bool) -> None:
    """Train to the end, from the last checkpoint where there is one; prints each step and at last a digest."""
    import numpy as np
    import torch

    from imbik.core.plugins import PluginBlock, make
    from imbik.models.load import load
    from imbik.recipe.training import Train
    from imbik.testing.tiny_models import make_model
    from imbik.train.batches import Order
    from imbik.train.board import Board
    from imbik.train.checkpoints import Checkpoints
    from imbik.train.lesson import Hooks, Lesson
    from imbik.train.module import StudentModule
    from imbik.train.precision import Measured
    from imbik.train.pupil import set_dropout
    from imbik.train.rows import Row
    from imbik.train.teaching import tensors_digest
    from imbik.train.trainer import StudentTrainer

    torch.set_num_threads(1)
    method, layout = arm.split(", ")
    model = load(folder / "model") if (folder / "model").exists() else make_model(folder / "model", hidden_size=32)
    set_dropout(model.network, 0.1)
    block = PluginBlock(use=method)
    network = make("train/methods", block).prepare(model, seed=1).network
    module = StudentModule(network, [make("train/losses", PluginBlock(use="cross_entropy"))])
    draw = np.random.default_rng(0)
    rows = [
        Row(f"r{number}", draw.integers(0, 300, length).astype(np.int32), np.arange(2, length - 1))
        for number, length in enumerate(draw.integers(4, 60, 120))
    ]
    order = Order(rows[20:], seed=1, size=8, total=steps * 8)
    train = Train(learning_rate=3e-3, validate_every=10, checkpoint_every=CHECKPOINT_EVERY)
    measured = Measured(precision="fp32", threads=1, layout=layout, micro_batch=4)  # type: ignore[arg-type]
    hooks = Hooks(lambda *_: None, lambda *_: None, lambda *_: None, lambda *_: None)
    store = Checkpoints(folder / "checkpoints", lambda *_: None)
    lesson = Lesson("kill", 1, rows[20:], order, rows[:20], module.losses, None)
    trainer = StudentTrainer(module, lesson, train, measured, store, Board(folder / "board"), hooks)
    if forgetful and trainer._start is not None:
        trainer._start.optimizer.clear()  # type: ignore[attr-defined]
    module.register_forward_pre_hook(lambda *_: print("step", trainer.position.step, flush=True))
    trainer.run()
    curve = [(point.step, point.train_loss, point.validation_loss) for point in trainer.position.curve]
    print("end", tensors_digest(module), trainer.position.tokens, curve, flush=True)


def start(folder: Path, arm: str, steps: int, forgetful: bool) -> subprocess.Popen[str]:
    """The one command, the same every time."""
    command = [sys.executable, __file__, "--child", str(folder), "--arm", arm, "--steps", str(steps)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    return subprocess.Popen(
        [*command, *(["--forgetful"] if forgetful else [])],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment,
    )  # fmt: skip


def run(folder: Path, arm: str, steps: int, kills: list[int], draw: random.Random, *, forgetful: bool = False) -> str:
    """Train, killed at the given steps; returns what the training ends with."""
    folder.mkdir(parents=True, exist_ok=True)
    for at in [*sorted(kills), steps + 1]:
        process = start(folder, arm, steps, forgetful)
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("end"):
                process.wait()
                return line
            if line.startswith("step") and int(line.split()[1]) >= at:
                time.sleep(draw.uniform(0, 0.03))
                process.send_signal(signal.SIGKILL)
                break
        process.wait()
    raise SystemExit(f"{arm}: the training did not end")


def main() -> None:
    """Print one line an arm; exit with 1 when a bit differs or the control shows nothing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=30, help="in all, over both arms")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0, help="0: another one every time")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--arm", default=ARMS[0], help=argparse.SUPPRESS)
    parser.add_argument("--forgetful", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(given.child, given.arm, given.steps, given.forgetful)
        return
    seed = given.seed or int.from_bytes(os.urandom(3), "big")
    draw, held = random.Random(seed), True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for arm in ARMS:
            kills = [draw.randrange(given.steps) for _ in range(given.kills // len(ARMS))]
            whole = run(folder / arm / "whole", arm, given.steps, [], draw)
            killed = run(folder / arm / "killed", arm, given.steps, kills, draw)
            print(
                f"{arm}: {len(kills)} kills at steps {sorted(kills)}: {'same bits' if whole == killed else 'DIFFERENT'}"
            )
            held &= whole == killed
        control = run(folder / "control", ARMS[0], given.steps, [given.steps // 2], draw, forgetful=True)
        shows = control != run(folder / "plain", ARMS[0], given.steps, [], draw)
        print(f"control without the optimiser's state: {'differs, as it must' if shows else 'SHOWS NOTHING'}")
    print(f"{'held' if held and shows else 'NOT HELD'} (seed {seed})")
    sys.exit(not (held and shows))


if __name__ == "__main__":
    main()
