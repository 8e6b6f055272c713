"""Two processes (gloo) take the steps of one: the same weights, whichever loss, also where a step leaves one idle."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from imbik.core.plugins import PluginBlock, make
from imbik.models.load import load
from imbik.recipe.training import Train
from imbik.testing.tiny_models import make_model
from imbik.train.batches import Order
from imbik.train.board import Board
from imbik.train.checkpoints import Checkpoints
from imbik.train.faculty import Faculty
from imbik.train.lesson import Hooks, Lesson
from imbik.train.module import StudentModule, trainable
from imbik.train.precision import Measured
from imbik.train.rows import Row
from imbik.train.trainer import StudentTrainer
from imbik.train.tutor import Tutor

BESIDE = ("cross_entropy", "jsd", "tvd")
CAPTURED = ("cross_entropy", "forward_kl", "reverse_kl")
SEVERAL = ("cross_entropy", "skew_kl")
LAST = 9  # rows in all: two steps of four, and one of a single row, which leaves a process without any


def taught(draw: np.random.Generator, name: str, length: int, *, captured: bool) -> Row:
    places = np.arange(2, length - 1)
    ids = np.stack([draw.permutation(300)[:5] for _ in places]).astype(np.uint32)
    said = np.sort(draw.normal(size=ids.shape).astype(np.float32) - 3, axis=1)[:, ::-1].copy()
    recall = (lambda: (ids, said)) if captured else None
    mix = [(1.0, 0.0), (0.25, 0.75), (0.0, 1.0)][length % 3]
    return Row(name, draw.integers(0, 300, length).astype(np.int32), places, recall, mix=mix)


def train(folder: Path, layout: Any, losses: tuple[str, ...]) -> None:
    """Train in this process, alone or as one of several; the first writes what came out."""
    torch.set_num_threads(1)
    names = {BESIDE: ["teacher"], SEVERAL: ["teacher", "second"]}.get(losses, [])
    tutors = [Tutor(load(folder / name), torch.device("cpu")) for name in names]
    tutor = Faculty(tutors, "distributions") if losses == SEVERAL else next(iter(tutors), None)
    made = [make("train/losses", PluginBlock(use=name)) for name in losses]
    module = StudentModule(load(folder / "student").network, made, tutor)
    draw = np.random.default_rng(0)
    rows = [taught(draw, f"r{n}", 5 + 2 * n, captured=losses == CAPTURED) for n in range(LAST)]
    order = Order(rows, seed=1, size=4, total=LAST, bucketing=False)
    settings = Train(learning_rate=0.1, optimizer="sgd", momentum=0, clip=1e9, schedule="constant", warmup=0)
    measured = Measured(precision="fp32", threads=1, layout=layout, micro_batch=2)
    here = folder / f"run-{layout}-{'-'.join(losses)}-{os.environ.get('RANK', 'alone')}"
    hooks = Hooks(lambda *_: None, lambda *_: None, lambda *_: None, lambda *_: None)
    store = Checkpoints(here / "checkpoints", hooks.say)
    lesson = Lesson("student", 1, rows, order, [], made, None)
    trainer = StudentTrainer(module, lesson, settings, measured, store, Board(here / "tb"), hooks)
    trainer.run()
    if trainer.is_world_process_zero():
        loss = torch.tensor([point.train_loss for point in trainer.position.curve])
        save_file({**trainable(module), "losses": loss}, here / "final.safetensors")


def arms() -> list[tuple[str, tuple[str, ...]]]:
    return [("packed", BESIDE), ("padded", CAPTURED), ("packed", SEVERAL)]


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which two processes have trained every arm."""
    folder = tmp_path_factory.mktemp("ranks")
    make_model(folder / "student", layers=1, seed=1)
    make_model(folder / "teacher", layers=1, seed=2, hidden_size=24)
    make_model(folder / "second", layers=1, seed=3)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    world = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    logs = [folder / f"{rank}.txt" for rank in range(2)]
    running = [_started(folder, {**world, "RANK": str(rank), "LOCAL_RANK": str(rank)}, logs[rank]) for rank in range(2)]
    try:
        codes = [process.wait(timeout=100) for process in running]
    finally:
        for process in running:
            process.kill()
            process.wait()
    assert codes == [0, 0], "".join(log.read_text()[-2000:] for log in logs)
    return folder


def _started(folder: Path, world: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as stream:
        command = [sys.executable, __file__, str(folder)]
        return subprocess.Popen(command, env={**os.environ, **world}, stdout=stream, stderr=stream)


@pytest.mark.parametrize(("layout", "losses"), arms())
def test_two_processes_give_the_weights_of_one(together: Path, layout: str, losses: tuple[str, ...]) -> None:
    train(together, layout, losses)
    name = f"run-{layout}-{'-'.join(losses)}"
    alone = load_file(together / f"{name}-alone" / "final.safetensors")
    both = load_file(together / f"{name}-0" / "final.safetensors")
    assert alone.keys() == both.keys()
    assert not torch.equal(alone["network.model.layers.0.mlp.up_proj.weight"], _before(together))
    for key, tensor in alone.items():
        torch.testing.assert_close(both[key], tensor, rtol=1e-5, atol=1e-6)


def _before(folder: Path) -> torch.Tensor:
    weights: torch.Tensor = load(folder / "student").network.get_parameter("model.layers.0.mlp.up_proj.weight")
    return weights.detach()


if __name__ == "__main__":
    for one in arms():
        train(Path(sys.argv[1]), *one)
    torch.distributed.destroy_process_group()
