"""Pickled weights as safetensors: the same numbers, the old folder untouched, nothing run."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from imbik.core.errors import ModelError, UsageError
from imbik.models.convert import convert
from imbik.models.load import load
from imbik.testing.tiny_models import make_model

IDS = torch.tensor([[3, 60, 7]])


def pickled(folder: Path, architecture: str = "llama", parts: int = 1) -> Any:
    """A model whose weights lie in .bin files, as older libraries saved them; returns its logits."""
    model = make_model(folder, architecture=architecture)
    state = dict(model.network.state_dict())  # a tied head is in it twice, as it always was
    names = sorted(state)
    for path in folder.glob("*.safetensors"):
        path.unlink()
    for number in range(parts):
        name = "pytorch_model.bin" if parts == 1 else f"pytorch_model-{number + 1:05d}-of-{parts:05d}.bin"
        torch.save({key: state[key] for key in names[number::parts]}, folder / name)
    with torch.no_grad():
        return model.network.eval()(IDS).logits


@pytest.mark.parametrize(("architecture", "parts"), [("llama", 1), ("gpt2", 1), ("qwen3", 3)])
def test_the_numbers_are_the_same_and_the_old_folder_stays(tmp_path: Path, architecture: str, parts: int) -> None:
    wanted = pickled(tmp_path / "old", architecture, parts)
    before = {path.name: path.read_bytes() for path in (tmp_path / "old").iterdir() if path.is_file()}
    with pytest.raises(ModelError, match="pickled") as refused:
        load(tmp_path / "old")
    assert "imbik models convert" in refused.value.next
    made = convert(tmp_path / "old")
    assert made == tmp_path / "old-safetensors"
    with torch.no_grad():
        torch.testing.assert_close(load(made).network(IDS).logits, wanted)
    assert {path.name: path.read_bytes() for path in (tmp_path / "old").iterdir() if path.is_file()} == before
    assert not list(made.glob("*.bin"))
    assert not list(tmp_path.glob(".*tmp"))


class Wicked:
    """A pickle that runs a command where it is loaded without care."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.write_text, (self.mark, "ran"))


def test_a_pickle_that_holds_code_is_not_read(tmp_path: Path) -> None:
    pickled(tmp_path / "old")
    mark = tmp_path / "ran"
    with (tmp_path / "old" / "pytorch_model.bin").open("wb") as stream:
        torch.save({"weight": Wicked(mark)}, stream)
    with pytest.raises(ModelError, match="cannot be converted"):
        convert(tmp_path / "old")
    assert not mark.exists()
    assert not (tmp_path / "old-safetensors").exists()
    (tmp_path / "old" / "pytorch_model.bin").write_bytes(pickle.dumps(Wicked(mark)))
    with pytest.raises(ModelError):
        convert(tmp_path / "old")
    assert not mark.exists()


def test_what_is_no_checkpoint_is_named(tmp_path: Path) -> None:
    pickled(tmp_path / "old")
    torch.save([1, 2], tmp_path / "old" / "pytorch_model.bin")
    with pytest.raises(ModelError, match="holds no weights by name"):
        convert(tmp_path / "old")
    (tmp_path / "old" / "pytorch_model.bin").write_bytes(b"torn")
    with pytest.raises(ModelError, match="cannot be converted"):
        convert(tmp_path / "old")


def test_nothing_to_do_and_something_in_the_way(tmp_path: Path) -> None:
    make_model(tmp_path / "new")
    with pytest.raises(UsageError, match="no pickled weights"):
        convert(tmp_path / "new")
    with pytest.raises(UsageError, match="no model is here"):
        convert(tmp_path / "nowhere")
    pickled(tmp_path / "old")
    (tmp_path / "taken").mkdir()
    with pytest.raises(UsageError, match="there already"):
        convert(tmp_path / "old", tmp_path / "taken")
