"""What the library's loop is handed: its own settings, step numbers in place of batches, the step to begin at.

Enters: the recipe's train section. Leaves: `TrainingArguments` with everything off that the library would do by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback, TrainingArguments

from imbik.recipe.training import Train


class Steps:
    """The step numbers still to do: what the library's loop takes for batches."""

    def __init__(self, first: int, last: int) -> None:
        self.first, self.last = first, last

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.first, self.last))

    def __len__(self) -> int:
        return self.last - self.first


class Begin(TrainerCallback):
    """Tells the library's state at which step a resumed training begins."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        state.global_step = self.step


def arguments(folder: Path, train: Train, *, steps: int, seed: int, fp16: bool) -> TrainingArguments:
    """The library's own settings: everything it would do by itself is off."""
    made = TrainingArguments(
        output_dir=str(folder),
        max_steps=steps,
        per_device_train_batch_size=1,
        learning_rate=train.learning_rate,
        max_grad_norm=train.clip,
        seed=seed % 2**32,
        fp16=fp16,
        use_cpu=not torch.cuda.is_available(),
        report_to=[],
        logging_strategy="no",
        save_strategy="no",
        eval_strategy="no",
        logging_nan_inf_filter=False,
        disable_tqdm=True,
        ddp_find_unused_parameters=False,
    )
    # Several accelerators in one process would wrap the student in DataParallel; several processes share steps instead.
    made._n_gpu = min(made.n_gpu, 1)
    return made
