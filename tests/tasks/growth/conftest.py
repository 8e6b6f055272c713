"""What tests of growing share: a folder with seeds, a taxonomy and templates, and a run against a fake teacher."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

import imbik
from imbik.core.files import read_json
from imbik.core.runfolder import RunFolder
from imbik.core.types import Task
from imbik.tasks.growth.report import GrowthReport
from imbik.tasks.read import read_tasks

CATEGORIES = ("hukuk", "tarih", "sağlık", "coğrafya")
TAXONOMY = """
personas: [emekli bir çiftçi, stajyer bir avukat]
branches:
  hukuk:
    rubric: Türk mevzuatına dayanır.
    tasks: ['Kira sözleşmesi 5 + 7 ay sürerse kaç ay eder?']
    branches: {borçlar: {branches: {temerrüt: {about: borçlunun temerrüdü}}}}
  finans: {rubric: Hesap ister.}
"""
TEMPLATES = """
templates:
- name: faiz
  category: finans
  text: "{kişi}, {ana} lira borcunu yıllık %{oran} basit faizle {ay} ay sonra {şehir} şubesinde ödüyor. Faizi ne kadar?"
  slots:
    kişi: {names: tr}
    ana: {money: [1200, 96000], step: 1200}
    oran: {int: [5, 48]}
    ay: {int: [2, 24]}
    şehir: {choices: [Konya, Ağrı, İzmir]}
  answer: ana * oran * ay / 1200
  reasoning: "{ana} * {oran} * {ay} / 1200 = {answer}"
"""
RECIPE = """
name: havuz
tasks:
  source: seeds.csv
  kind: math
  sensitivity: public
  split: {{validation: 0.1, test: 0.1}}
  grow:
{grow}
teachers:
  buyuk: {{use: openai, model: m, base_url: "{url}", concurrency: 8, served_as: sahte}}
student: {{architecture: llama, hidden_size: 16, layers: 1, heads: 2}}
{more}
"""
MIXED = """
    to: {to}
    strategies:
    - {{use: self_instruct, share: 0.4}}
    - {{use: evolve, share: 0.3}}
    - {{use: grid, share: 0.2, taxonomy: konular.yaml}}
    - {{use: templates, share: 0.1, file: kalip.yaml}}
"""

Write = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with 40 seeds in four categories, a taxonomy and templates."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with (tmp_path / "seeds.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["question", "answer", "category"])
        for n in range(40):
            text = f"{n}. sepette {n + 3} elma ile {2 * n + 1} armut var; {n + 3} + {2 * n + 1} kaç eder?"
            writer.writerow([text, str(3 * n + 4), CATEGORIES[n % 4]])
    (tmp_path / "konular.yaml").write_text(TAXONOMY, encoding="utf-8")
    (tmp_path / "kalip.yaml").write_text(TEMPLATES, encoding="utf-8")
    return tmp_path


@pytest.fixture
def write(folder: Path) -> Write:
    """`write(url, to=…, grow=…, more=…)`: the recipe of the folder."""

    def recipe(url: str, *, to: int = 300, grow: str = "", more: str = "") -> Path:
        path = folder / "recipe.yaml"
        path.write_text(RECIPE.format(grow=grow or MIXED.format(to=to), url=url, more=more), encoding="utf-8")
        return path

    return recipe


def run(recipe: Path, until: str = "tasks", runs: str = "runs") -> RunFolder:
    """Run as far as `until`."""
    imbik.run(recipe, runs=recipe.parent / runs, until=until)
    return RunFolder(recipe.parent / runs / "havuz")


def report(found: RunFolder) -> GrowthReport:
    """What `growth.json` says."""
    return read_json(found.stage("1_tasks") / "growth.json", GrowthReport)


def pool(found: RunFolder) -> list[tuple[Task, str]]:
    """All tasks with their sets."""
    return list(read_tasks(found))
