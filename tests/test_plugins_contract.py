"""Every plug-in keeps the contract of its group: one class, typed settings with descriptions, the group's methods."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from imbik.core.plugins import GROUPS, PluginInfo, PluginSettings, available, load_plugin
from imbik.train.losses import NEEDS

PLUGINS = [info for group in GROUPS for info in available(group).values()]
METHODS = {
    "privacy/detectors": ("spans",),
    "tasks/sources": ("files", "rows"),
    "tasks/kinds": ("reference", "question", "choices", "read", "render", "canonical"),
    "tasks/strategies": ("files", "prepare", "idea"),
    "train/losses": ("value",),
    "evaluate/metrics": ("score",),
    "exchange/formats": ("record", "sink"),
}
CHECKS = {
    "row": ("judge",),
    "group": ("judge",),
    "all": ("sketch", "merge", "decide"),
    "edit": ("edit",),
    "asked": ("questions", "decide"),
}
VERSIONED = (
    "privacy/detectors",
    "tasks/sources",
    "tasks/kinds",
    "tasks/strategies",
    "tasks/augmentations",
    "refine/checks",
    "train/methods",
    "train/losses",
    "export/formats",
    "evaluate/metrics",
    "exchange/formats",
)
every = pytest.mark.parametrize("info", PLUGINS, ids=lambda info: f"{info.group}/{info.name}")


def plugin(info: PluginInfo) -> Any:
    """The plug-in's class."""
    return load_plugin(info.group, info.name)


@every
def test_one_class_with_frozen_settings_that_refuse_unknown_keys(info: PluginInfo) -> None:
    settings = plugin(info).Settings
    assert issubclass(settings, PluginSettings)
    assert settings.model_config["extra"] == "forbid"
    assert settings.model_config["frozen"] is True


@every
def test_every_setting_says_what_it_does(info: PluginInfo) -> None:
    for name, field in plugin(info).Settings.model_fields.items():
        assert field.description, f"{info.group}/{info.name}: setting '{name}' has no description"


@every
def test_one_line_says_what_it_is(info: PluginInfo) -> None:
    assert 15 <= len(info.summary) <= 130
    assert info.summary.endswith((".", "?", ":", "!"))
    assert plugin(info).__doc__


@every
def test_the_groups_methods_are_there(info: PluginInfo) -> None:
    found = plugin(info)
    for method in METHODS.get(info.group, ()):
        assert callable(getattr(found, method, None)), f"{method} is missing"
    if info.group == "refine/checks":
        for method in CHECKS[found.scope]:
            assert callable(getattr(found, method, None)), f"a check of scope {found.scope} has {method}"
    if info.group in ("tasks/strategies", "tasks/augmentations"):
        assert isinstance(found.asks, bool)
        assert "share" in found.Settings.model_fields
        assert ("teacher" in found.Settings.model_fields) == found.asks
    if info.group == "tasks/augmentations":
        assert callable(getattr(found, "prompt" if found.asks else "change", None))
    if info.group == "train/losses":
        assert isinstance(found.needs, frozenset)
        assert found.needs <= NEEDS
        assert "weight" in found.Settings.model_fields
    if info.group == "teachers":
        ways = [hasattr(found, method) for method in ("request", "answer", "whom")]
        assert sum(ways) == 1, "a teacher speaks a wire format, answers here, or is made of others"


@every
def test_what_shapes_output_has_a_version(info: PluginInfo) -> None:
    if info.group in VERSIONED:
        assert isinstance(plugin(info).version, int)


@pytest.mark.parametrize("group", GROUPS)
def test_loading_a_groups_plugins_pulls_in_nothing_heavy(group: str) -> None:
    code = (
        "import sys\nfrom imbik.core.plugins import available, load_plugin\n"
        f"for name in available({group!r}): load_plugin({group!r}, name).Settings\n"
        "print(sorted({'torch', 'transformers', 'pandas', 'sklearn', 'matplotlib', 'datasets'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
