"""Every accelerator refuses, before anything is paid, what cannot be used here, and says what to type."""

from __future__ import annotations

from importlib.machinery import ModuleSpec
from typing import Any

import pytest
import torch

from imbik.core.errors import MissingExtraError, PluginError
from imbik.core.plugins import PluginBlock, available, make

NAMES = sorted(available("train/accelerators"))
LOOKED_FOR = "imbik.train.accelerators.find_spec"


def accelerator(name: str) -> Any:
    return make("train/accelerators", PluginBlock(use=name))


def test_all_are_tried() -> None:
    assert {"liger", "unsloth"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_where_it_is_not_installed_it_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LOOKED_FOR, lambda module: None)
    with pytest.raises(MissingExtraError, match=f"accelerator {name} needs {name}.*, which is not installed") as error:
        accelerator(name).check()
    assert error.value.next.startswith(f"pip install {name}")


@pytest.mark.parametrize("name", NAMES)
def test_without_a_card_it_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LOOKED_FOR, lambda module: ModuleSpec(module, None))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(PluginError, match="there is none here") as error:
        accelerator(name).check()
    assert "train.accelerators=[]" in error.value.next
