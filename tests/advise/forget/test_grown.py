"""Grown and augmented tasks: a person who is erased is gone from them, from refused ones and from stored answers."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pytest

import imbik
from imbik.advise.forget.lineage import roots_verify
from imbik.advise.forget.places import How, files_of
from imbik.advise.forget.sweep import sweep
from imbik.advise.forget.work import forget
from imbik.core.runfolder import RunFolder
from imbik.core.types import Task
from imbik.privacy.person import Person
from imbik.tasks.read import read_tasks
from imbik.testing import FakeTeacher, GrowthTeacher

NAME = "Ayşe Yılmaz"
RECIPE = """
name: havuz
tasks:
  source: rows.csv
  kind: math
  sensitivity: internal
  split: {{validation: 0.1, test: 0.1}}
  grow: {{to: 160, strategies: [evolve, self_instruct]}}
  augment: [{{use: noise, share: 0.5}}]
teachers: {{usta: {{use: openai, model: m, base_url: "{url}"}}}}
student: {{architecture: llama, hidden_size: 16, layers: 1, heads: 2}}
"""
_grow = GrowthTeacher()


def gossip(messages: Sequence[Mapping[str, str]]) -> str:
    """Tasks that now and then repeat whom the prompt names."""
    found = json.loads(_grow(messages))
    if NAME in messages[-1]["content"]:
        for row in found["tasks"][::2]:
            row["question"] = f"{NAME} hanımın komşusu soruyor: {row['question']}"
    return json.dumps(found, ensure_ascii=False)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """A grown pool in which she stands in three seeds, and in what was made of them."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "config" / "imbik").mkdir(parents=True)
    with (tmp_path / "rows.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["question", "answer"])
        for n in range(40):
            whose = f"{NAME} hanımın" if n in (3, 11, 20) else "Bahçıvanın"
            writer.writerow([f"{whose} {n}. sepetinde {n} elma ile {n + 2} armut var, kaç meyve eder?", str(2 * n + 2)])
    with FakeTeacher(gossip) as teacher:
        local = f"local: [{{host: 127.0.0.1, ports: [{teacher.port}], attestation: test}}]\n"
        (tmp_path / "config" / "imbik" / "operator.yaml").write_text(local)
        (tmp_path / "recipe.yaml").write_text(RECIPE.format(url=teacher.base_url), encoding="utf-8")
        imbik.run(tmp_path / "recipe.yaml", runs=tmp_path / "runs", until="tasks")
    return RunFolder(tmp_path / "runs" / "havuz")


def tasks(run: RunFolder) -> dict[str, Task]:
    return {task.id: task for task, _ in read_tasks(run)}


def stored(run: RunFolder) -> list[str]:
    with closing(sqlite3.connect(run.store)) as base:
        return [bytes(body).decode() for (body,) in base.execute("SELECT body FROM answers")]


def test_she_is_gone_from_what_was_made_of_her_rows(run: RunFolder) -> None:
    before, person = tasks(run), Person([NAME])
    hers = {name for name, task in before.items() if NAME in task.text or person.in_text(task.text)}
    seeds = {name for name in hers if before[name].origin is None}
    grown = {name for name in hers if (origin := before[name].origin) and origin.by in ("evolve", "self_instruct")}
    children = {name for name, task in before.items() if task.origin and len(task.origin.of) == 1}
    unnamed = {name for name in children - hers if before[name].origin.of[0] in seeds}  # type: ignore[union-attr]
    assert len(seeds) == 3
    assert len(grown) > 3
    assert unnamed
    assert sweep(run, person).hits
    answers = len(stored(run))
    done = forget(run, [NAME])
    assert done.receipt is not None
    after = tasks(run)
    assert not (hers | unnamed) & set(after)
    assert any(task.origin and task.origin.by == "self_instruct" for task in after.values())
    assert not sweep(run, person).hits
    assert all(not person.in_text(text) for text in stored(run))
    assert 0 < len(stored(run)) < answers
    assert roots_verify(run) == {"tasks": True}


def test_a_row_by_id_takes_along_what_was_made_of_it_alone(run: RunFolder) -> None:
    before = tasks(run)
    parent = next(task.origin.of[0] for task in before.values() if task.origin and task.origin.by == "evolve")
    children = {name for name, task in before.items() if task.origin and task.origin.of == (parent,)}
    text = next(before[name].text for name in sorted(children) if before[name].origin.by == "evolve")  # type: ignore[union-attr]
    assert any(text in answer for answer in stored(run))
    forget(run, [], {parent})
    assert not ({parent} | children) & set(tasks(run))
    assert not any(text in answer for answer in stored(run))
    assert roots_verify(run) == {"tasks": True}


def test_every_file_of_growing_has_its_place(run: RunFolder) -> None:
    (run.stage("1_tasks") / ".grow").mkdir()
    (run.stage("1_tasks") / ".grow" / "round-00000.json").write_text("{}")
    found = {item.path.name: item.how for item in files_of(run.path)}
    assert found["growth.json"] is found["refused.jsonl"] is How.REDACT
    assert found["round-00000.json"] is How.SCRAP
    assert How.UNKNOWN not in found.values()
