"""docs/checks.md: the recipe loads, every default named is the default, and the reasons are said so."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import pytest
import yaml

from imbik.core.plugins import PluginBlock, available, load_plugin, make
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
    assert compared > 70


def test_every_check_has_a_section_that_names_all_its_settings(text: str) -> None:
    told = sections(text)
    assert set(told) == set(available("refine/checks"))
    for name, section in told.items():
        named = {word for marked in re.findall(r"`([^`]+)`", section) for word in spelled_out(marked)}
        fields = load_plugin("refine/checks", name).Settings.model_fields.items()
        missing = {field.alias or setting for setting, field in fields} - named
        assert not missing, f"{name}: {missing}"


def spelled_out(marked: str) -> set[str]:
    """Names in `name: value`, or in `{min,max}_{a,b}: value`, which stands for four."""
    choices = [part.split(",") for part in re.split(r"[{}]", marked.partition(":")[0])]
    return {"".join(chosen) for chosen in product(*choices)}


def test_every_check_of_the_table_is_one_and_its_scope_is_true(text: str) -> None:
    rows = re.findall(r"^\| \[(\w+)\]\(#\w+\) \| (\w+) \|", text, re.MULTILINE)
    assert len(rows) >= 6
    assert {name: load_plugin("refine/checks", name).scope for name, _ in rows} == dict(rows)
    assert {name for name, _ in rows} == set(sections(text))


STEPS = {"step": r"(?:Adım|Step) (\d+)[:.]"}


def reasons(base: Path, use: str, kind: str, answers: Sequence[str], known: str = "", **raw: object) -> list[str]:
    made = make("tasks/kinds", PluginBlock(use=kind))
    check = make("refine/checks", PluginBlock(use=use, raw=raw))
    task = Task(
        id="1", kind=kind, messages=(Message(role="user", content="Kuşatma kaç gün sürdü?"),), language="tr",
        reference=made.reference({"answer": known}) if known else None, passage=PASSAGE if use == "grounded" else "",
        schema='{"properties": {"plaka": {"type": "integer"}}}' if "plaka" in answers[0] else "",
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
        *reasons(tmp_path, "shape", "qa", ["", "İki kelime"], min_reasoning_words=16),
        *reasons(tmp_path, "shape", "qa", ["ha ha ha ha ha"]),
        *reasons(tmp_path, "format", "qa", ['{"plaka": "35"}']),
        *reasons(tmp_path, "format", "classification", ["fatura"], labels=["İade", "kargo sorunu"]),
        *reasons(tmp_path, "format", "math", ["Adım 1: topla"], **STEPS, least_steps=2),
        *reasons(tmp_path, "format", "math", ["Adım 1: topla\nAdım 4: böl"], **STEPS),
        *reasons(tmp_path, "repetition", "qa", ["bir daha " * 6]),
        *reasons(tmp_path, "repetition", "qa", ["ha" * 15]),
        *reasons(tmp_path, "refusal", "qa", ["Üzgünüm, bu konuda size yardımcı olamam."], where="answer"),
        *reasons(tmp_path, "refusal", "qa", ["As an AI language model, I do not have opinions."]),
        *reasons(tmp_path, "pii", "qa", ["10000000146"]),
        *reasons(tmp_path, "toxicity", "qa", ["kaltak"]),
        *reasons(tmp_path, "extracted", "extraction", ["Ankara", '[{"text": "İzmir", "type": "yer"}]']),
        *reasons(tmp_path, "language", "qa", ["First we find the total number of apples. Ali had twelve of them."]),
    ]
    assert all(given)
    assert [reason for reason in given if f"`{reason}`" not in one_line] == []
