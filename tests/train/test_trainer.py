"""The loop: exact under accumulation, resumable to the bit, stops at nonsense, survives a lack of memory."""

from __future__ import annotations

import math
import multiprocessing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from imbik.core.errors import TrainingError
from imbik.core.plugins import PluginBlock, make
from imbik.recipe.training import EarlyStopping, Train
from imbik.testing.tiny_models import make_model
from imbik.train.batches import Order
from imbik.train.board import Board
from imbik.train.checkpoints import Checkpoints
from imbik.train.lesson import Hooks, Lesson
from imbik.train.module import StudentModule, trainable
from imbik.train.precision import Measured
from imbik.train.pupil import set_dropout
from imbik.train.rows import Row
from imbik.train.trainer import StudentTrainer

Change = Callable[[StudentModule], object]


@dataclass
class Bench:
    """Builds trainers over the same rows and model, in a folder of choice."""

    folder: Path
    lines: list[str] = field(default_factory=list)
    adjusted: list[Measured] = field(default_factory=list)

    def trainer(
        self,
        name: str,
        *,
        steps: int = 10,
        micro: int = 8,
        size: int = 8,
        layout: Any = "padded",
        dropout: float = 0.0,
        validation: int = 6,
        stopping: EarlyStopping | None = None,
        change: Change | None = None,
        **train: Any,
    ) -> StudentTrainer:
        network = make_model(self.folder / f"model-{name}", layers=1).network
        set_dropout(network, dropout)
        module = StudentModule(network, [make("train/losses", PluginBlock(use="cross_entropy"))])
        if change is not None:
            change(module)
        draw = np.random.default_rng(0)
        made = [
            Row(f"r{n}", draw.integers(0, 300, length).astype(np.int32), np.arange(2, length - 1))
            for n, length in enumerate(draw.integers(4, 24, 40))
        ]
        rows, held = made[validation:], made[:validation]
        order = Order(rows, seed=1, size=size, total=steps * size)
        section = Train(**{"learning_rate": 3e-3, "validate_every": 4, "checkpoint_every": 3, **train})
        measured = Measured(precision="fp32", threads=1, layout=layout, micro_batch=micro)
        lesson = Lesson(name, 1, rows, order, held, module.losses, stopping)
        store = Checkpoints(self.folder / name / "checkpoints", self.lines.append)
        hooks = Hooks(lambda *_: None, lambda *_: None, self.lines.append, self.adjusted.append)
        return StudentTrainer(module, lesson, section, measured, store, Board(self.folder / name / "tb"), hooks)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    torch.set_num_threads(1)
    return Bench(tmp_path)


def same(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def test_accumulation_and_packing_give_the_same_weights(bench: Bench) -> None:
    """1 x 32, 4 x 8, 32 x 1 and packed: the same run, to rounding."""
    arms: list[tuple[int, str]] = [(32, "padded"), (8, "padded"), (1, "padded"), (32, "packed")]
    finals = []
    for micro, layout in arms:
        trainer = bench.trainer(f"{micro}-{layout}", micro=micro, size=32, steps=6, layout=layout, optimizer="sgd")
        trainer.run()
        finals.append((trainer.position, trainable(trainer.module)))
    first, weights = finals[0]
    for position, others in finals[1:]:
        assert [p.train_loss for p in position.curve] == pytest.approx([p.train_loss for p in first.curve], rel=1e-5)
        for name, tensor in weights.items():
            torch.testing.assert_close(others[name], tensor, rtol=1e-5, atol=1e-6)


def test_the_loop_is_the_plain_one(bench: Bench) -> None:
    """Against a loop written by hand over the same rows: the same weights to the last bits."""
    trainer = bench.trainer("own", steps=5, validation=0, weight_decay=0.1, warmup=0.2)
    plain = bench.trainer("plain", steps=5, validation=0)
    optimizer = torch.optim.AdamW(
        [{"params": [p for p in plain.module.parameters() if p.ndim > 1], "weight_decay": 0.1},
         {"params": [p for p in plain.module.parameters() if p.ndim == 1], "weight_decay": 0.0}],
        lr=3e-3, betas=(0.9, 0.98),
    )  # fmt: skip
    for step in range(5):
        rows = [plain.lesson.rows[index] for index in plain.lesson.order.batch(step)]
        total, tokens = torch.zeros(()), 0
        for row in rows:
            logits = plain.module.network(input_ids=torch.as_tensor(row.ids, dtype=torch.long)[None]).logits[0]
            labels = torch.as_tensor(row.ids[row.places + 1], dtype=torch.long)
            total = total + torch.nn.functional.cross_entropy(logits[row.places], labels, reduction="sum")
            tokens += len(labels)
        (total / tokens).backward()
        torch.nn.utils.clip_grad_norm_(plain.module.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = 3e-3 * (1 / 2 if step < 1 else 0.5 * (1 + np.cos(np.pi * (step - 1) / 4)))
        optimizer.step()
        optimizer.zero_grad()
    trainer.run()
    for name, tensor in trainable(plain.module).items():
        torch.testing.assert_close(trainable(trainer.module)[name], tensor, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize("stop", [4, 6, 7])
def test_an_interrupted_training_ends_in_the_same_bits(bench: Bench, optimizer: str, stop: int) -> None:
    settings: dict[str, Any] = {"optimizer": optimizer, "dropout": 0.2, "steps": 10}
    whole = bench.trainer("whole", **settings)
    whole.run()

    def pull_the_plug(module: StudentModule) -> None:
        def watch(*_: Any) -> None:
            if broken.position.step == stop:
                raise KeyboardInterrupt

        module.register_forward_pre_hook(watch)

    broken = bench.trainer("broken", change=pull_the_plug, **settings)
    with pytest.raises(KeyboardInterrupt):
        broken.run()
    again = bench.trainer("broken", **settings)
    assert again.position.step == 3 * (stop // 3)
    again.run()
    assert same(trainable(whole.module), trainable(again.module))
    assert same(whole.kept_weights(), again.kept_weights())
    assert whole.position.curve == again.position.curve
    passed = [index for step in range(whole.lesson.order.steps) for index in whole.lesson.order.batch(step)]
    tokens = sum(len(whole.lesson.rows[index].ids) - 1 for index in passed)
    assert whole.position.tokens == again.position.tokens == tokens


def test_a_finished_training_is_not_trained_again(bench: Bench) -> None:
    trainer = bench.trainer("done", steps=4)
    trainer.run()
    again = bench.trainer("done", steps=4, change=lambda module: module.register_forward_pre_hook(_never))
    assert again.run() == trainer.position
    assert same(trainable(trainer.module), trainable(again.module))


def _never(*_: Any) -> None:
    raise AssertionError("no step is left to do")


def test_a_loss_that_is_no_number_stops_before_the_weights_are_touched(bench: Bench) -> None:
    def poison(module: StudentModule) -> None:
        def spoil(_: Any, __: Any, output: Tensor) -> Tensor:
            return output * float("nan") if trainer.position.step == 7 else output

        module.register_forward_hook(spoil)

    trainer = bench.trainer("nan", change=poison)
    with pytest.raises(TrainingError, match=r"diverged at step 7 on rows r\d+.* and 3 more: the loss is nan") as caught:
        trainer.run()
    assert "the weights of step 6 are kept" in str(caught.value)
    assert "--set train.learning_rate=0.001" in caught.value.next
    kept = trainer.checkpoints.latest()
    assert kept is not None
    assert kept.position.step == 6
    assert all(bool(tensor.isfinite().all()) for tensor in kept.weights.values())
    assert all(bool(p.isfinite().all()) for p in trainer.module.parameters())


def test_a_gradient_that_is_no_number_stops_too(bench: Bench) -> None:
    def poison(module: StudentModule) -> None:
        first = next(module.parameters())
        first.register_hook(lambda grad: grad * float("inf") if trainer.position.step == 3 else grad)

    trainer = bench.trainer("inf", change=poison)
    with pytest.raises(TrainingError, match="diverged at step 4 .*the gradient's norm is"):
        trainer.run()
    assert all(bool(p.isfinite().all()) for p in trainer.module.parameters())


def test_a_learning_rate_far_too_high_is_noticed(bench: Bench) -> None:
    trainer = bench.trainer("hot", steps=80, learning_rate=1e3, optimizer="sgd", clip=1e9, warmup=0.5)
    with pytest.raises(TrainingError, match="diverged at step"):
        trainer.run()


def test_lack_of_memory_halves_the_rows_at_a_time_and_changes_nothing_else(bench: Bench) -> None:
    def narrow(module: StudentModule) -> None:
        def refuse(_: Any, __: Any, given: dict[str, Any]) -> None:
            if given["ids"].shape[0] > 3 and module.training:
                raise torch.OutOfMemoryError("not enough memory: you tried to allocate 1 PB")

        module.register_forward_pre_hook(refuse, with_kwargs=True)

    roomy, tight = bench.trainer("roomy", micro=2), bench.trainer("tight", change=narrow)
    roomy.run()
    tight.run()
    assert [measured.micro_batch for measured in bench.adjusted] == [4, 2]
    assert any("2 rows at a time from here on, the same 8 a step" in line for line in bench.lines)
    assert same(trainable(roomy.module), trainable(tight.module))


def test_processes_that_lay_out_ahead_change_nothing(bench: Bench) -> None:
    plain, helped = bench.trainer("plain", micro=3), bench.trainer("helped", micro=3, workers=1)
    plain.run()
    helped.run()
    assert same(trainable(plain.module), trainable(helped.module))
    assert plain.position.curve == helped.position.curve


def test_a_process_that_is_killed_ends_the_training_with_what_to_do(bench: Bench) -> None:
    def kill(module: StudentModule) -> None:
        def at_once(*_: Any) -> None:
            for child in multiprocessing.active_children():
                child.kill()

        module.register_forward_pre_hook(at_once)

    trainer = bench.trainer("lost", steps=400, workers=1, change=kill)
    with pytest.raises(TrainingError, match="a process that lays out batches ended") as caught:
        trainer.run()
    assert "--set train.workers=0" in caught.value.next


def test_not_even_one_row_fits(bench: Bench) -> None:
    def refuse(*_: Any) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    trainer = bench.trainer("none", change=lambda module: module.register_forward_pre_hook(refuse))
    with pytest.raises(TrainingError, match="even with one row") as caught:
        trainer.run()
    assert "lora" in caught.value.next


def test_early_stopping_keeps_the_best_weights(bench: Bench) -> None:
    trainer = bench.trainer("stop", steps=400, learning_rate=0.05, stopping=EarlyStopping(patience=2))
    position = trainer.run()
    assert position.stopped_early
    assert position.step < 400
    losses = {point.step: point.validation_loss for point in position.curve}
    assert losses[position.best_step] == min(value for value in losses.values() if value is not None)
    assert [step for step in losses if step > position.best_step] == [position.best_step + 4, position.step]
    again = bench.trainer("stop", steps=400, learning_rate=0.05, stopping=EarlyStopping(patience=2))
    assert again.run() == position


def test_keep_decides_between_the_best_weights_and_the_last(bench: Bench) -> None:
    best, last = (bench.trainer(keep, steps=80, learning_rate=0.05, keep=keep) for keep in ("best", "last"))
    assert best.run().best_step == last.run().best_step < 80
    assert same(last.kept_weights(), trainable(last.module))
    assert not same(best.kept_weights(), trainable(best.module))


def test_events_are_there_for_tensorboard(bench: Bench) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    trainer = bench.trainer("board", steps=8)
    trainer.run()
    trainer.board.close()
    events = EventAccumulator(str(trainer.board.folder))
    events.Reload()
    assert [event.step for event in events.Scalars("loss/train")] == [4, 8]
    assert events.Scalars("loss/validation")[1].value == pytest.approx(trainer.position.best_loss, rel=1e-6)
    perplexity = math.exp(trainer.position.curve[1].validation_loss or 0.0)
    assert events.Scalars("perplexity")[1].value == pytest.approx(perplexity, rel=1e-5)
    assert [event.step for event in events.Scalars("throughput/tokens_per_second")] == [8]
    assert events.Scalars("throughput/steps_per_second")[0].value > 0
    assert events.Scalars("machine/process_memory_gb")[0].value > 0.01
    assert 0 < events.Scalars("machine/memory_percent")[0].value <= 100
    assert events.Scalars("machine/cpu_percent")[0].value >= 0


def test_several_learning_rates_are_seen(bench: Bench) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    trainer = bench.trainer("rates", steps=4, schedule="constant", warmup=0, embedding_learning_rate=1e-4)
    trainer.run()
    trainer.board.close()
    events = EventAccumulator(str(trainer.board.folder))
    events.Reload()
    assert events.Scalars("learning_rate")[0].value == pytest.approx(3e-3)
    assert events.Scalars("learning_rate/lowest")[0].value == pytest.approx(1e-4)
