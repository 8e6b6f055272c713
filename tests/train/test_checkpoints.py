"""Checkpoints: whole or absent, damage is noticed and named, the one before it serves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from imbik.core.errors import TrainingError
from imbik.train.checkpoints import Checkpoints
from imbik.train.course import Point, Position


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def store(tmp_path: Path, lines: list[str]) -> Checkpoints:
    """Three steps were saved; two are kept."""
    made = Checkpoints(tmp_path / "seed-1" / "checkpoints", lines.append)
    for step in (10, 20, 30):
        name, sha256 = made.write_best(step, {"w": torch.full((2,), float(step))})
        position = Position(
            step=step, tokens=step * 7, curve=(Point(step=step, train_loss=0.1 + 0.2),), best_step=step,
            best_loss=1 / 3, best_file=name, best_sha256=sha256, seconds=1.5,
        )  # fmt: skip
        made.write(position, {"w": torch.full((2,), float(step))}, {"0.0.exp_avg": torch.randn(3)})
    return made


def names(store: Checkpoints) -> list[str]:
    return sorted(path.name for path in store.folder.iterdir())


def test_the_newest_is_read_back_exactly_and_two_are_kept(store: Checkpoints) -> None:
    found = store.latest()
    assert found is not None
    assert found.position.step == 30
    assert found.position.curve[0].train_loss == 0.1 + 0.2
    assert found.weights["w"].tolist() == [30.0, 30.0]
    assert names(store) == ["best-0000020.safetensors", "best-0000030.safetensors", "step-0000020", "step-0000030"]
    assert store.best(found.position)["w"].tolist() == [30.0, 30.0]


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("damage", [truncated, flipped, Path.unlink])
@pytest.mark.parametrize("file", ["weights.safetensors", "optimizer.safetensors", "checkpoint.json"])
def test_damage_is_named_and_the_one_before_serves(
    store: Checkpoints, lines: list[str], damage: Callable[[Path], None], file: str
) -> None:
    damage(store.folder / "step-0000030" / file)
    found = store.latest()
    assert found is not None
    assert found.position.step == 20
    assert "step-0000030 is damaged" in lines[0]
    assert file in lines[0]


def test_damaged_best_weights_spoil_the_checkpoint_that_names_them(store: Checkpoints, lines: list[str]) -> None:
    flipped(store.folder / "best-0000030.safetensors")
    found = store.latest()
    assert found is not None
    assert found.position.best_file == "best-0000020.safetensors"
    with pytest.raises(TrainingError, match="missing or damaged"):
        store.best(Position(best_file="best-0000030.safetensors", best_sha256="x"))


def test_all_damaged_is_an_error_that_says_what_to_remove(store: Checkpoints) -> None:
    for step in (20, 30):
        truncated(store.folder / f"step-00000{step}" / "weights.safetensors")
    with pytest.raises(TrainingError, match="every checkpoint is damaged") as caught:
        store.latest()
    assert str(store.folder.parent) in caught.value.next


def test_what_a_kill_leaves_behind_is_not_taken_for_a_checkpoint(store: Checkpoints) -> None:
    half = store.folder / ".step-0000040.tmp"
    half.mkdir()
    (half / "weights.safetensors").write_bytes(b"half")
    found = store.latest()
    assert found is not None
    assert found.position.step == 30
    assert found.position == store.latest().position  # type: ignore[union-attr]


def test_nothing_yet_is_no_error(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path / "none", print).latest() is None
