"""docs/teachers.md says of presets what the data says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from yarl import URL

from imbik.core.plugins import PluginBlock, available, load_plugin, presets, typed_settings
from imbik.teachers.catalogue.tables import best, table
from imbik.teachers.catalogue.terms import all_terms

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "teachers.md").read_text(encoding="utf-8")
ROWS = {
    cells[0].strip("`"): cells[1:]
    for cells in (re.split(r" ?\| ?", line.strip("| ")) for line in PAGE.split("\n") if line.startswith("| `"))
}


def test_every_name_of_the_table_is_one_and_every_preset_stands_in_it() -> None:
    assert set(presets("teachers")) <= set(ROWS) <= set(available("teachers"))


@pytest.mark.parametrize("name", presets("teachers"))
def test_a_row_says_what_the_preset_sets(name: str) -> None:
    preset, (address, key, structured, date, *_) = presets("teachers")[name], ROWS[name]
    assert address.strip("`") == preset.settings.get("base_url", "https://RESOURCE.services.ai.azure.com")
    assert key.strip("`") == preset.settings.get("key", "")
    assert structured == preset.settings["structured"]
    assert date == str(preset.date)


@pytest.mark.parametrize("name", ROWS)
def test_a_row_says_when_prices_and_terms_were_true(name: str) -> None:
    address, _, _, date, prices, terms = ROWS[name]
    host = str(URL(address.strip("`")).host).lower()
    here = host == "127.0.0.1"
    priced = [str(line["date"]) for line in table("prices").values() if host in line["hosts"]]
    said = [
        f"{item.date}{'' if item.checked else '*'}"
        for item in all_terms().values()
        if best(host, item.hosts) is not None
    ]
    assert prices == ("own" if here else priced[0] if priced else "unknown")
    assert terms == ("own" if here else said[0] if said else "unknown")
    assert (date == "not dated") is (name not in presets("teachers"))


def test_the_pages_examples_are_teachers() -> None:
    for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL):
        for written in yaml.safe_load(block)["teachers"].values():
            use = written.pop("use")
            assert load_plugin("teachers", use)
            typed_settings("teachers", PluginBlock(use=use, raw=written))
