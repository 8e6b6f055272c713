"""A file is the registration: found without importing, loaded by name, typed with the recipe's line in the error."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from imbik.core import plugins
from imbik.core.errors import PluginError
from imbik.core.plugins import GROUPS, PluginBlock, available, load_plugin, make, typed_settings

PLUGIN = '''"""Keeps even numbers.

More words.
"""
from imbik.core.plugins import PluginSettings


class Inner(PluginSettings):
    share: float = 0.5


class Even:
    class Settings(PluginSettings):
        at_least: int = 2
        inner: Inner = Inner()

    def __init__(self, settings):
        self.settings = settings
'''


PRESETS = """
[four]
use = "even"
summary = "Four at least."
date = 2026-01-01
docs = "https://example.org"
settings = { at_least = 4 }
[wrong]
use = "even"
summary = "Wrong."
date = 2026-01-01
docs = "https://example.org"
settings = { at_most = 4 }
"""


@pytest.fixture
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A group of plug-ins of its own, in a package `imbik_probe`."""
    folder = tmp_path / "imbik_probe" / "checks"
    folder.mkdir(parents=True)
    (folder / "even.py").write_text(PLUGIN)
    (folder / "two.py").write_text(PLUGIN + "\n\nclass Odd(Even):\n    pass\n")
    (folder / "_hidden.py").write_text("raise RuntimeError")
    (folder / "presets.toml").write_text(PRESETS)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(plugins, "_package", lambda group: f"imbik_probe.{group}")
    monkeypatch.setattr(plugins, "files", lambda _: tmp_path / "imbik_probe")
    caches = (available, load_plugin, plugins.presets)
    for cached in caches:
        cached.cache_clear()
    yield "checks"
    for cached in caches:
        cached.cache_clear()
    for name in [name for name in sys.modules if name.startswith("imbik_probe")]:
        del sys.modules[name]


def test_listing_reads_the_first_line_and_imports_nothing(group: str) -> None:
    found = available(group)
    assert found["even"].summary == "Keeps even numbers."
    assert set(found) == {"even", "two", "four", "wrong"}
    assert "imbik_probe.checks.even" not in sys.modules


def test_a_plugin_is_built_with_its_settings(group: str) -> None:
    even = make(group, PluginBlock(use="even", raw={"at_least": 4}))
    assert even.settings.at_least == 4


def test_a_misspelt_name_is_answered_with_what_exists(group: str) -> None:
    with pytest.raises(PluginError, match="did you mean 'even'"):
        load_plugin(group, "evn")
    with pytest.raises(PluginError, match="known names: even, two, four, wrong"):
        load_plugin(group, "zzzzzz")


def test_a_preset_is_a_plugin_with_other_defaults(group: str) -> None:
    four = make(group, PluginBlock(use="four"))
    assert (four.settings.at_least, make(group, PluginBlock(use="even")).settings.at_least) == (4, 2)
    assert make(group, PluginBlock(use="four", raw={"at_least": 6})).settings.at_least == 6
    assert available(group)["four"].summary == "Four at least."
    with pytest.raises(PluginError, match="did you mean 'at_least'"):
        make(group, PluginBlock(use="four", raw={"at_lest": 6}))


def test_a_preset_that_sets_what_its_plugin_does_not_know_is_our_mistake(group: str) -> None:
    with pytest.raises(ValueError, match="sets 'at_most', which even does not know"):
        load_plugin(group, "wrong")


def test_a_file_with_two_plugins_is_refused(group: str) -> None:
    with pytest.raises(PluginError, match="exactly one public class"):
        load_plugin(group, "two")


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({"at_leest": 3}, "did you mean 'at_least'"),
        ({"inner": {"shaer": 1}}, "did you mean 'share'"),
        ({"at_least": "many"}, "'at_least': .*got 'many'"),
    ],
)
def test_wrong_settings_name_the_line_and_the_key(group: str, raw: dict[str, object], words: str) -> None:
    with pytest.raises(PluginError, match=words) as raised:
        typed_settings(group, PluginBlock(use="even", raw=raw, where="recipe.yaml:12"))
    assert raised.value.where == "recipe.yaml:12"


def test_other_packages_join_by_entry_point(group: str, monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("theirs", "imbik_probe.checks.even:Even", "imbik_probe.checks")
    monkeypatch.setattr(plugins, "_outside", lambda: (point,))
    available.cache_clear()
    assert available(group)["theirs"].summary == "from imbik_probe.checks.even:Even"
    assert load_plugin(group, "theirs").__name__ == "Even"


def test_listing_all_plugins_imports_no_plugin_and_no_heavy_library() -> None:
    code = (
        "import sys\nfrom imbik.core.plugins import GROUPS, available\n"
        "n = sum(len(available(g)) for g in GROUPS)\n"
        "heavy = {'torch', 'transformers', 'pandas', 'sklearn', 'matplotlib', 'datasets'} & set(sys.modules)\n"
        "assert not heavy, heavy\nassert n > 10, n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert len(GROUPS) == len(set(GROUPS))
