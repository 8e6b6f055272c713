"""The loop: one subclass of transformers' Trainer, for every method, loss and layout.

Enters: the student's module, a lesson (rows, order, losses), what was measured, where checkpoints lie. Leaves: a
finished `Position` and the best trainable weights. The library's loop steps, clips and wraps (DDP, loss scaling);
what it sees as a batch is a step number. Cutting the step's rows into micro-batches, normalising by the learned
tokens of the whole step, guarding against divergence and lack of memory, validating and saving happen here, so that
each is exact on resume.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import torch
from torch import Tensor, nn
from transformers import PrinterCallback, Trainer

from imbik.core.errors import TrainingError
from imbik.recipe.training import Train
from imbik.train.ahead import Ahead, lost_process
from imbik.train.batches import MicroBatch, seed_of
from imbik.train.board import Board
from imbik.train.checkpoints import Checkpoints
from imbik.train.course import Position
from imbik.train.failures import diverged, too_large
from imbik.train.lesson import Hooks, Lesson
from imbik.train.memory import is_out_of_memory
from imbik.train.module import StudentModule, load_weights, trainable
from imbik.train.optimizers import make_optimizer, restore_state, state_tensors
from imbik.train.pairs import shared_out
from imbik.train.precision import Measured, autocast
from imbik.train.rows import Row
from imbik.train.schedules import schedule
from imbik.train.steps import Begin, Steps, arguments
from imbik.train.validation import Validation, validate

NOTE_SECONDS = 0.5
VALIDATIONS = 20


class StudentTrainer(Trainer):
    """Trains one lesson. `position` says at any time where the training stands."""

    def __init__(
        self,
        module: StudentModule,
        lesson: Lesson,
        train: Train,
        measured: Measured,
        checkpoints: Checkpoints,
        board: Board,
        hooks: Hooks,
    ) -> None:
        self.module, self.lesson, self.train_settings, self.measured = module, lesson, train, measured
        self.checkpoints, self.board, self.hooks = checkpoints, board, hooks
        self._start = checkpoints.latest()
        self.position = self._start.position if self._start else Position()
        board.begun = self.position.step
        self._since = time.monotonic()
        self._noted = 0.0
        self._steps_noted = self.position.step
        self._closed = -1
        self._every = train.validate_every or max(1, -(-lesson.order.steps // VALIDATIONS))
        self._save_every = train.checkpoint_every or self._every
        fp16 = measured.precision == "fp16"
        super().__init__(
            model=module,
            args=arguments(checkpoints.folder, train, steps=lesson.order.steps, seed=lesson.seed, fp16=fp16),
            callbacks=[Begin(self.position.step)],
        )
        self.remove_callback(PrinterCallback)
        self._ahead = Ahead(lesson, train.workers, self.args.process_index, self.args.world_size)
        if train.workers != self._ahead.workers:
            hooks.say("train.workers: none, for what the student will write is not known ahead")
        if self._start is not None:
            load_weights(module, self._start.weights)

    def run(self) -> Position:
        """Train to the end, or to where it stops early.

        Raises: TrainingError when the loss diverges, or a single row does not fit in memory.
        """
        finished = self.position.step >= self.lesson.order.steps or self.position.stopped_early
        if not finished:
            self._since = time.monotonic()
            self.module.train()
            try:
                self.train()
            except (RuntimeError, MemoryError) as error:
                if (lost := lost_process(error)) is not None:
                    raise lost from None
                if isinstance(error, TrainingError) or not is_out_of_memory(error):
                    raise
                raise too_large(self.checkpoints.folder) from None
            finally:
                self._ahead.close()
        return self.position

    # ---- what the library's loop asks for ----

    def get_train_dataloader(self) -> Any:
        """Step numbers from where the training stands."""
        return Steps(self.position.step, self.lesson.order.steps)

    def get_batch_samples(self, epoch_iterator: Iterator[int], num_batches: int, device: Any) -> tuple[list[int], None]:  # noqa: ARG002
        """The next step number; tokens are counted where the rows are."""
        step = next(epoch_iterator, None)
        return ([] if step is None else [step]), None

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """The recipe's optimiser, with its state where the training was interrupted."""
        if self.optimizer is None:
            self.optimizer = make_optimizer(self.module if model is None else model, self.train_settings)
            if self._start is not None:
                restore_state(self.optimizer, dict(self._start.optimizer))
        return self.optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """The recipe's schedule, shifted to the step at which this process began."""
        if self.lr_scheduler is None:
            factor, begun = schedule(self.train_settings, num_training_steps), self.position.step
            stepped: Any = self.optimizer if optimizer is None else optimizer
            self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(stepped, lambda step: factor(begun + step))
            self._created_lr_scheduler = True
            self._restore_scaler()
        return self.lr_scheduler

    def training_step(self, model: nn.Module, inputs: Any, num_items_in_batch: Any = None) -> Tensor:  # noqa: ARG002
        """Gradients of one step; returns its loss. Out of memory: half as many rows at a time, the same step again."""
        rows = self.lesson.batch(int(inputs))
        if self.lesson.attempts is not None:
            rows = self.lesson.attempts.mixed(int(inputs), rows)
        if self.lesson.courses is not None:
            self.module.losses = tuple(self.lesson.courses.at(int(inputs) / self.lesson.order.steps))
        torch.manual_seed(seed_of(self.lesson.seed, "step", int(inputs)))
        loss = self._try(model, rows)
        while loss is None:
            model.zero_grad(set_to_none=True)
            if self.measured.micro_batch == 1:
                raise too_large(self.checkpoints.folder)
            self._halve()
            torch.manual_seed(seed_of(self.lesson.seed, "step", int(inputs)))
            loss = self._try(model, rows)
        value = float(loss)
        if not math.isfinite(value):
            raise self._diverged(f"the loss is {value}", rows)
        passed = sum(len(row.ids) - 1 for row in rows)
        self.position = self.position.after_step(value, passed)
        if self.position.diverged:
            raise self._diverged("the loss has risen far above where it began", rows)
        return loss

    def floating_point_ops(self, inputs: Any) -> int:  # noqa: ARG002
        """Not counted: the inputs are a step number."""
        return 0

    def _clip_grad_norm(self, model: nn.Module) -> Any:
        """Clip, and stop before a step with broken gradients is taken (a loss scale skips such steps by itself)."""
        norm = self.accelerator.clip_grad_norm_(model.parameters(), self.args.max_grad_norm)
        if self.accelerator.scaler is None and not math.isfinite(float(norm)):
            step = self.position.step - 1
            raise self._diverged(f"the gradient's norm is {float(norm)}", self.lesson.batch(step))
        return norm

    def _maybe_log_save_evaluate(self, *_: Any, **__: Any) -> None:
        """After each step: report, validate, save, stop; once a step, whoever calls."""
        step, last = self.position.step, self.lesson.order.steps
        if step == self._closed or step == 0:
            return
        self._closed = step
        self._note()
        if step % self._every == 0 or step == last:
            self._close_point()
        if step % self._save_every == 0 or step == last or self.position.stopped_early:
            self.save()
        if self.position.stopped_early:
            self.control.should_training_stop = True

    # ---- one step ----

    def _try(self, model: nn.Module, rows: Sequence[Row]) -> Tensor | None:
        """Gradients of all micro-batches; None when memory ran out."""
        try:
            return self._accumulate(model, rows)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return None

    def _accumulate(self, model: nn.Module, rows: Sequence[Row]) -> Tensor:
        """Forward and backward of the step's rows, a micro-batch at a time, each normalised by the whole step's tokens.

        With several processes each takes every n-th row; DDP averages gradients, so losses are multiplied by n. One
        that is left without a row passes another's for nothing, for DDP waits for all.
        """
        device, world = self.args.device, self.args.world_size
        tokens = torch.tensor(float(sum(row.learned for row in rows)), device=device)
        step, cuts = self.position.step, self._ahead.cuts(rows, self.measured.micro_batch)
        total = torch.zeros((), dtype=torch.float64)
        pairs = shared_out(self.lesson.pairs, step, len(cuts), device, self.args.process_index, world)
        for number, batch in enumerate(self._ahead.batches(step, cuts, self.measured)):
            last = number == len(cuts) - 1
            quiet = contextlib.nullcontext() if last or world == 1 else self.accelerator.no_sync(model)
            with quiet:
                loss = self._loss(model, batch, tokens, pairs[number])
                self.accelerator.backward(loss * world if world > 1 else loss)
            total += loss.detach().double().cpu()
        if world > 1:
            total = self.accelerator.reduce(total.to(device), reduction="sum").cpu()
        return total.float().to(device)

    def _loss(self, model: nn.Module, batch: MicroBatch, tokens: Tensor, pairs: dict[str, Any]) -> Tensor:
        with autocast(self.args.device.type, self.measured.precision):
            loss: Tensor = model(**batch.tensors(self.args.device), tokens=tokens, **pairs)
        return loss

    def _halve(self) -> None:
        """Half as many rows at a time, from here on and after a resume."""
        smaller = (self.measured.micro_batch + 1) // 2
        self.measured = msgspec.structs.replace(self.measured, micro_batch=smaller)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self.hooks.say(f"memory ran out: {smaller} rows at a time from here on, the same {self._rows_a_step} a step")
        self.hooks.adjust(self.measured)

    @property
    def _rows_a_step(self) -> int:
        return self.lesson.order.size

    # ---- points of the curve, checkpoints ----

    def validate(self) -> Validation | None:
        """On all validation rows; None without any."""
        if not self.lesson.validation:
            return None
        return validate(
            self.module,
            self.lesson.validation,
            self.lesson.validation_losses,
            size=self.measured.micro_batch,
            precision=self.measured.precision,
            metric=self.train_settings.metric,
        )

    def save(self) -> None:
        """Write a checkpoint of this very step."""
        if not self.is_world_process_zero():
            return
        self._tick()
        scaler = self.accelerator.scaler
        state = {} if scaler is None else {key: float(value) for key, value in scaler.state_dict().items()}
        self.position = msgspec.structs.replace(self.position, scaler=state)
        optimizer: Any = self.optimizer
        inner = getattr(optimizer, "optimizer", optimizer)
        self.checkpoints.write(self.position, trainable(self.module), state_tensors(inner))
        if self.lesson.attempts is not None:
            self.lesson.attempts.checkpointed()

    def _close_point(self) -> None:
        """Validate, add a point to the curve, keep the weights when they are the best so far."""
        found = self.validate()
        if found is not None and not math.isfinite(found.loss):
            raise self._diverged(f"the validation loss is {found.loss}", ())
        before = self.position.best_step
        self.position = self.position.after_validation(found, self.lesson.stopping, self.train_settings.metric)
        if self.position.best_step != before and self.is_world_process_zero():
            name, sha256 = self.checkpoints.write_best(self.position.step, trainable(self.module))
            self.position = msgspec.structs.replace(self.position, best_file=name, best_sha256=sha256)
        optimizer: Any = self.optimizer
        rates = [float(group["lr"]) for group in optimizer.param_groups]
        courses, passed = self.lesson.courses, self.position.step / self.lesson.order.steps
        changing = {} if courses is None else courses.values(passed)
        self.board.write(self.position.curve[-1], rates, self.position.tokens, changing)

    def kept_weights(self) -> Mapping[str, Tensor]:
        """By `train.keep` the weights of the lowest validation loss or the last; the last where none validated."""
        best = self.train_settings.keep == "best" and bool(self.position.best_file)
        return self.checkpoints.best(self.position) if best else trainable(self.module)

    def _note(self) -> None:
        """Tell the person, at most twice a second."""
        now = time.monotonic()
        if now - self._noted < NOTE_SECONDS and self.position.step < self.lesson.order.steps:
            return
        done = self.position.step - self._steps_noted
        rate = done / max(now - self._noted, 1e-9) if self._noted else 0.0
        self._noted, self._steps_noted = now, self.position.step
        speed = f", {rate:.1f} steps/s" if rate else ""
        self.hooks.advance(done, f"loss {self.position.recent[-1]:.3f}{speed}")

    def _tick(self) -> None:
        now = time.monotonic()
        self.position = msgspec.structs.replace(self.position, seconds=self.position.seconds + now - self._since)
        self._since = now

    def _restore_scaler(self) -> None:
        """Put the fp16 loss scale back."""
        state = self.position.scaler
        if state and self.accelerator.scaler is not None:
            whole = {"growth_interval", "_growth_tracker"}
            self.accelerator.scaler.load_state_dict({k: int(v) if k in whole else v for k, v in state.items()})

    def _diverged(self, what: str, rows: Sequence[Row]) -> TrainingError:
        rate = self.train_settings.learning_rate
        return diverged(what, self.position.step, rows, self.checkpoints.folder, rate)
