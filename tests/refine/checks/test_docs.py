"""docs/checks.md: the recipe loads, every default named is the default, and the reasons are said so."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from imbik.core.plugins import PluginBlock, load_plugin, make
from imbik.core.types import Completion, Message, Sample, Task
from imbik.refine.checks import CheckContext

PASSAGE = "İstanbul 29 Mayıs 1453'te fethedildi. İstanbul kuşatması 53 gün sürdü."


@pytest.fixture(scope="module")
def text(root: Path) -> str:
    return (root / "docs" / "checks.md").read_text(encoding="utf-8")


def sections(text: str) -> dict[str, str]:
    parts = re.split(r"^## (\w+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_default_that_is_named_is_the_default(text: str) -> None:
    compared = 0
    for name, section in sections(text).items():
        said = re.search(r"- \*\*Settings\*\*:(.*?)(?=\n- \*\*|\n\n|\Z)", section, re.DOTALL)
        fields = load_plugin("refine/checks", name).Settings.model_fields
        for setting, value in re.findall(r"`(\w+): ([^`]+)`", said[1] if said else ""):
            if setting in fields:
                assert fields[setting].default == yaml.safe_load(value), f"{name}: {setting}"
                compared += 1
    assert compared > 20


def test_every_check_of_the_table_is_one_and_its_scope_is_true(text: str) -> None:
    rows = re.findall(r"^\| \[(\w+)\]\(#\w+\) \| (\w+) \|", text, re.MULTILINE)
    assert len(rows) >= 6
    assert {name: load_plugin("refine/checks", name).scope for name, _ in rows} == dict(rows)
    assert {name for name, _ in rows} == set(sections(text))


def reasons(base: Path, use: str, kind: str, answers: Sequence[str], known: str = "", **raw: object) -> list[str]:
    made = make("tasks/kinds", PluginBlock(use=kind))
    check = make("refine/checks", PluginBlock(use=use, raw=raw))
    task = Task(
        id="1", kind=kind, messages=(Message(role="user", content="Kuşatma kaç gün sürdü?"),), language="tr",
        reference=made.reference({"answer": known}) if known else None, passage=PASSAGE if use == "grounded" else "",
    )  # fmt: skip
    samples = [
        Sample(
            task=task,
            teacher="abc"[number % 3],
            number=number,
            completion=Completion(),
            reasoning=answer,
            answer=answer,
        )
        for number, answer in enumerate(answers)
    ]
    context = CheckContext(kind=made, base=base)
    judged = check.judge(samples, context) if check.scope == "group" else [check.judge(one, context) for one in samples]
    return [verdict.reason for verdict in judged]


def test_the_reasons_shown_are_those_that_are_given(text: str, tmp_path: Path) -> None:
    (tmp_path / "kaynak").mkdir()
    (tmp_path / "kaynak" / "fetih.md").write_text(PASSAGE, encoding="utf-8")
    wrong, one_line = "İstanbul kuşatması 54 gün sürdü.", " ".join(text.split())
    given = [
        *reasons(tmp_path, "answer", "math", ["3 m"], "3 km"),
        *reasons(tmp_path, "arithmetic", "math", ["12 x 2 = 26 eder."]),
        *reasons(tmp_path, "agreement", "math", ["7", "5", "5"])[:1],
        *reasons(tmp_path, "agreement", "math", ["5", "6", "7"])[:1],
        *reasons(tmp_path, "teachers", "math", ["5", "7"])[:1],
        *reasons(tmp_path, "teachers", "math", ["5", "5", "7"])[2:],
        *reasons(tmp_path, "grounded", "qa", [wrong, "Gezegenler teleskopla incelenir."]),
        *reasons(tmp_path, "facts", "qa", [wrong], references="kaynak"),
        *reasons(tmp_path, "facts", "qa", ["Kuşatmada 69 top vardı."], references="kaynak"),
        *reasons(tmp_path, "language", "qa", ["First we find the total number of apples. Ali had twelve of them."]),
    ]
    assert all(given)
    assert [reason for reason in given if f"`{reason}`" not in one_line] == []
