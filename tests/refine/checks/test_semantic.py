"""Semantic: what an encoder finds near goes, the first stays, whatever the blocks and the order of rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from imbik.core.errors import ModelError
from imbik.core.plugins import PluginBlock, make
from imbik.core.types import Origin, Sample, Task
from imbik.models.encoder import Encoder
from imbik.refine.checks import CheckContext
from imbik.testing.tiny_models import make_model
from stagekit import make_sample, make_task

KIND = make("tasks/kinds", PluginBlock(use="math"))
FIRST = "Borçlu hangi anda temerrüde düşmüş sayılır?"
TEXTS = [FIRST, "Borçlu hangi anda temerrüde düşer?", "İstanbul kaç yılında alındı?", "12 elmadan 5 tanesi gitti."]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("semantic")
    make_model(folder / "encoder", texts=TEXTS)
    return folder


def check(**raw: object) -> Any:
    return make("refine/checks", PluginBlock(use="semantic", raw={"encoder": "encoder", **raw}))


def decide(
    base: Path, samples: list[Sample], held_out: dict[str, list[Task]] | None = None, **raw: object
) -> dict[str, str]:
    """Reasons by sample id, the same for several ways to cut and order the rows."""
    context, found = CheckContext(kind=KIND, base=base, held_out=held_out or {}), []
    for size, order in ((100, samples), (1, samples), (2, samples[::-1])):
        plugin = check(**raw)
        blocks = [order[start : start + size] for start in range(0, len(order), size)]
        verdicts = plugin.decide(plugin.merge(iter([plugin.sketch(block, context) for block in blocks])), context)
        assert all(verdict.by == "semantic" and not verdict.keep for verdict in verdicts.values())
        found.append({name: verdict.reason for name, verdict in verdicts.items()})
    assert found[0] == found[1] == found[2]
    return found[0]


def cosine(base: Path, one: str, other: str) -> float:
    left, right = Encoder(base / "encoder").encode([one, other])
    return float(left @ right)


def test_the_same_text_is_found_and_all_samples_of_the_later_task_go(base: Path) -> None:
    first, second, other = make_task("a", FIRST), make_task("b", FIRST), make_task("c", TEXTS[2])
    samples = [make_sample(second), make_sample(second, 1), make_sample(first), make_sample(other)]
    reason = "means what row 'a' asks (cosine 1.000)"
    assert decide(base, samples, threshold=0.999) == {"b#t#0": reason, "b#t#1": reason}


def test_the_threshold_is_kept_on_both_sides(base: Path) -> None:
    near = cosine(base, TEXTS[0], TEXTS[1])
    assert near < 0.999
    samples = [make_sample(make_task("a", TEXTS[0])), make_sample(make_task("b", TEXTS[1]))]
    assert set(decide(base, samples, threshold=near - 0.001)) == {"b#t#0"}
    assert decide(base, samples, threshold=near + 0.001) == {}


def test_other_answers_other_sets_and_ones_own_copies_stay(base: Path) -> None:
    first = make_task("a", FIRST, answer="4")
    other = make_task("b", FIRST, answer="6")
    copy = make_task("a-noise", FIRST, answer="4", origin=Origin(by="noise", of=("a",), same_as="a"))
    same = make_task("c", FIRST, answer="4")
    samples = [make_sample(task) for task in (first, other, copy, same)]
    assert set(decide(base, samples)) == {"c#t#0"}
    assert decide(base, samples, {"test": [same]}) == {}


def test_what_is_rejected_rejects_nothing(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of two within the comparison change nothing either."""
    tasks = [make_task(f"{number:02d}", TEXTS[number % 4]) for number in range(11)]
    samples = [make_sample(task) for task in tasks]
    found = decide(base, samples, threshold=0.9999)
    assert set(found) == {f"{number:02d}#t#0" for number in range(4, 11)}
    assert found["10#t#0"].startswith("means what row '02' asks")
    monkeypatch.setattr("imbik.refine.checks.semantic._BLOCK", 2)
    assert decide(base, samples, threshold=0.9999) == found


def test_a_folder_that_is_not_there_is_refused_before_a_run(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such model folder"):
        check().verify(tmp_path)
    assert check().shaped_by(tmp_path) == ""


def test_another_encoder_is_another_check(base: Path, tmp_path: Path) -> None:
    make_model(tmp_path / "encoder", texts=TEXTS, seed=5)
    assert check().shaped_by(base) != check().shaped_by(tmp_path)
