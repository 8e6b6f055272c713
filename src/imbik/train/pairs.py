"""Pairs of texts that mean the same (label 0) or not (label 1), for losses that compare two texts.

Enters: `train.pairs`: a file of pairs, or where in the run's own tasks they are found. Leaves: encoded pairs, their
order, and tensors. Pairs of the tasks are those of training rows alone: `rewordings` are an augmented task and the one
that it says in other words, `categories` two tasks of one category; different are then two that are neither.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from imbik.core.errors import InputError
from imbik.core.types import Record, Task
from imbik.models.content import safe_encoder
from imbik.recipe.training import PairSource
from imbik.train.batches import draw_of

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerFast

SAME, DIFFERENT = 0, 1


class Pair(NamedTuple):
    """Two texts as token ids, and whether they differ."""

    first: list[int]
    second: list[int]
    label: int


class _Line(Record, frozen=True, kw_only=True):
    first: str
    second: str
    label: int


@dataclass(frozen=True)
class PairOrder:
    """The pairs of each step: an endless stream, epoch after epoch in another order."""

    pairs: Sequence[Pair]
    seed: int
    size: int

    def batch(self, step: int) -> list[Pair]:
        """The pairs of step `step` (from 0)."""
        found = []
        for at in range(step * self.size, (step + 1) * self.size):
            epoch, inside = divmod(at, len(self.pairs))
            found.append(self.pairs[int(self._order(epoch)[inside])])
        return found

    def _order(self, epoch: int) -> np.ndarray:
        turns = [draw_of(self.seed, "pairs", epoch, number) for number in range(len(self.pairs))]
        return np.argsort(np.array(turns, dtype=np.uint64), kind="stable")


def tensors_of(pairs: Sequence[Pair], device: object) -> dict[str, Tensor]:
    """`ids` (2P, S), the first texts and then the second, padded on the right; `lengths` (2P,); `labels` (P,)."""
    import torch

    texts = [pair.first for pair in pairs] + [pair.second for pair in pairs]
    longest = max(map(len, texts))
    ids = torch.tensor([[*text, *([0] * (longest - len(text)))] for text in texts])
    made = {
        "ids": ids,
        "lengths": torch.tensor([len(text) for text in texts]),
        "labels": torch.tensor([pair.label for pair in pairs]),
    }
    return {name: tensor.to(device) for name, tensor in made.items()}  # type: ignore[call-overload]


def shared_out(
    order: PairOrder | None, step: int, parts: int, device: object, process: int = 0, processes: int = 1
) -> list[dict[str, Any]]:
    """A step's pairs, spread over the micro-batches of one of several processes, as `StudentModule` takes them; nothing
    where none are learned from."""
    import torch

    if order is None:
        return [{}] * parts
    everything = order.batch(step)
    own, count = everything[process::processes], torch.tensor(float(len(everything)), device=device)  # type: ignore[arg-type]
    cuts = [own[number::parts] for number in range(parts)]
    return [{"pairs": tensors_of(cut, device), "pair_count": count} if cut else {} for cut in cuts]


def pairs_of(
    source: PairSource, path: Path | None, tasks: Sequence[Task], tokenizer: PreTrainedTokenizerFast, longest: int
) -> list[Pair]:
    """All pairs, encoded and cut at `longest` tokens. `path` is the file, where they lie in one.

    Raises: InputError for a file that holds none, or tasks among which there are none.
    """
    encoder = safe_encoder(tokenizer)
    texts = list(_from_file(path) if path is not None else _from_tasks(source, tasks))
    if not texts or len({label for *_, label in texts}) < 2:
        raise InputError(
            "pairs of both kinds are needed, some that mean the same and some that do not; "
            f"{len(texts)} of one kind were found",
            where="train.pairs",
            next='name a file of lines {"first": …, "second": …, "label": 0 or 1}, or add tasks.augment '
            "(rewordings) or tasks.category (categories)",
        )
    made = [
        Pair(encoder.text(first, first=True)[:longest], encoder.text(second, first=True)[:longest], label)
        for first, second, label in texts
    ]
    return [pair for pair in made if pair.first and pair.second]


def _from_file(path: Path) -> Iterator[tuple[str, str, int]]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        what = f"cannot be read ({error.strerror})"
        raise InputError(what, where=str(path), next="correct train.pairs.from") from None
    decoder = msgspec.json.Decoder(_Line)
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found = decoder.decode(line)
        except msgspec.MsgspecError as error:
            raise InputError(
                f"this is no pair ({error})",
                where=f"{path}:{number}",
                next='write {"first": "…", "second": "…", "label": 0} (0: same, 1: different)',
            ) from None
        if found.label not in (SAME, DIFFERENT) or not found.first.strip() or not found.second.strip():
            raise InputError(
                "a pair has two texts, and a label 0 (same) or 1 (different)",
                where=f"{path}:{number}",
                next="correct it",
            )
        yield found.first, found.second, found.label


def _from_tasks(source: PairSource, tasks: Sequence[Task]) -> Iterator[tuple[str, str, int]]:
    """Each task with one that means the same, and with one that does not."""
    ordered = sorted(tasks, key=lambda task: draw_of("pairs", task.id))
    groups: dict[str, list[Task]] = defaultdict(list)
    for task in ordered:
        groups[_group(source, task)].append(task)
    for number, task in enumerate(ordered):
        own = groups[_group(source, task)]
        if not _group(source, task):
            continue
        if len(own) > 1:
            yield task.text, own[(own.index(task) + 1) % len(own)].text, SAME
        other = next((item for item in (*ordered[number + 1 :], *ordered) if item not in own), None)
        if other is not None:
            yield task.text, other.text, DIFFERENT


def _group(source: PairSource, task: Task) -> str:
    if source.origin == "categories":
        return task.category
    return task.origin.same_as if task.origin is not None and task.origin.same_as else task.id
