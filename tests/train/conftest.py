"""What tests of training share."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from imbik.core.types import Completion
from stagekit import FakeAsker
from trainkit import Ready, lay


@pytest.fixture
def ready(tmp_path: Path) -> Callable[..., Ready]:
    """A function that lays out a run ready to train in the test's folder; see trainkit.lay."""
    return partial(lay, tmp_path)


@pytest.fixture
def asker() -> FakeAsker:
    """Nobody is asked while training."""
    return FakeAsker(lambda teacher, question: Completion(answer=""))
