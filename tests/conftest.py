"""Fixtures shared by all tests, and the rule that a test never reaches the user's own configuration or keys."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
settings.register_profile("imbik", deadline=None)  # how long an example takes says how busy the machine is, no more
settings.load_profile("imbik")
_KEYS = ("OPENAI_API_KEY", "IMBIK_OPERATOR", "IMBIK_FAKE_KEY", "HF_TOKEN")


@pytest.fixture(autouse=True)
def own_configuration(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test has an empty configuration folder and no key in its environment."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
    for name in _KEYS:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def real_data(root: Path) -> Path:
    """The folder of real data sets: IMBIK_TEST_DATA, else `../shared/data`; without it these tests are skipped."""
    folder = Path(os.environ.get("IMBIK_TEST_DATA") or root.parent / "shared" / "data")
    if not (folder / "banking77").is_dir():
        pytest.skip(f"no real data in {folder}: set IMBIK_TEST_DATA to the folder that holds banking77/ and gsm8k/")
    return folder
