"""Taxonomies: topics with rubrics and tasks, read with their lines, and as a source of rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from imbik.core.errors import InputError
from imbik.core.types import Sensitivity
from imbik.tasks.taxonomy import SHIPPED, read_taxonomy

SMALL = """
language: tr
personas: [Konya'da yaşayan emekli bir çiftçi, İzmir'de bir avukat]
branches:
  hukuk:
    rubric: Yürürlükteki Türk mevzuatına dayanır.
    tasks:
    - Kanun ile yönetmelik arasındaki fark nedir?
    branches:
      borçlar:
        branches:
          temerrüt:
            about: borçlunun temerrüdü ve sonuçları
            tasks:
            - {question: 'Temerrüt faizi ne zaman işlemeye başlar?', answer: Borçlu temerrüde düştüğünde}
            - Borçlu ihtar olmadan da temerrüde düşer mi?
  tarih:
    rubric: [Olayları tarihleriyle anar., Yoruma değil kaynağa dayanır.]
    tasks:
    - {question: 'Kösedağ Savaşı hangi yıl oldu?', answer: 1243}
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "konular.yaml"
    path.write_text(SMALL, encoding="utf-8")
    return path


def test_branches_have_paths_rubrics_and_lines(small: Path) -> None:
    found = read_taxonomy("konular.yaml", small.parent)
    assert [branch.name for branch in found.branches] == [
        "hukuk", "hukuk › borçlar", "hukuk › borçlar › temerrüt", "tarih",
    ]  # fmt: skip
    assert [branch.name for branch in found.topics] == ["hukuk › borçlar › temerrüt", "tarih"]
    default, history = found.topics
    assert default.rubric == "Yürürlükteki Türk mevzuatına dayanır."
    assert history.rubric == "- Olayları tarihleriyle anar.\n- Yoruma değil kaynağa dayanır."
    assert [task.line for task in default.tasks] == [15, 16]
    assert default.tasks[1].values == {"question": "Borçlu ihtar olmadan da temerrüde düşer mi?"}
    assert [branch.name for branch in found.above(default)][0::2] == ["hukuk › borçlar › temerrüt", "hukuk"]
    assert len(found.personas) == 2


def test_a_rubric_may_be_criteria_with_anchors_and_is_handed_down(tmp_path: Path) -> None:
    text = """
branches:
  hukuk:
    rubric: {dayanak: {what: "Kanuna dayanıyor mu?", anchors: {1: Hayır., 5: Maddesiyle.}}}
    branches: {iş: {}, aile: {rubric: Kısa olsun.}}
"""
    (tmp_path / "k.yaml").write_text(text, encoding="utf-8")
    above, work, family = read_taxonomy("k.yaml", tmp_path).branches
    assert work.criteria == above.criteria
    assert work.criteria["dayanak"].anchors == {1: "Hayır.", 5: "Maddesiyle."}
    assert work.rubric == "- dayanak: Kanuna dayanıyor mu? 5/5: Maddesiyle."
    assert (family.rubric, family.criteria) == ("Kısa olsun.", {})


def test_its_tasks_are_rows_with_their_branch_as_category(small: Path, load: Any) -> None:
    tasks = load({"use": "taxonomy", "path": "konular.yaml"}, sensitivity="internal").tasks
    assert [(task.category, task.source.line) for task in tasks] == [
        ("hukuk", 8), ("hukuk › borçlar › temerrüt", 15), ("hukuk › borçlar › temerrüt", 16), ("tarih", 20),
    ]  # fmt: skip
    assert tasks[3].reference.text == "1243"
    assert {task.sensitivity for task in tasks} == {Sensitivity.INTERNAL}


@pytest.mark.parametrize(
    ("text", "said", "line"),
    [
        ("branches: {}", "branches", 1),
        ("- a", "branches", 1),
        ("branches:\n  hukuk:\n    rubrik: x", "rubrik", 3),
        ("branches:\n  hukuk:\n    tasks:\n    - a\n    - {question: [1]}", "question", 5),
        ("branches:\n  a: {}\n  a: {}", "written twice", 3),
        ("branches:\n  a:\n    rubric: {b: {what: c, anchors: {6: d}}}", "rubric", 3),
        ("branches:\n  a:\n    rubric: {b: {what: c}}", "anchors", 3),
    ],
)
def test_what_is_no_taxonomy_is_said_with_its_line(tmp_path: Path, text: str, said: str, line: int) -> None:
    (tmp_path / "k.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=said) as error:
        read_taxonomy("k.yaml", tmp_path)
    assert error.value.where.endswith(f"k.yaml:{line}")


def test_a_name_that_is_nothing_says_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no taxonomy 'turkcee'"):
        read_taxonomy("turkcee", tmp_path)


def test_every_shipped_taxonomy_reads() -> None:
    for path in sorted(SHIPPED.glob("*.yaml")):
        found = read_taxonomy(path.stem, Path())
        assert found.topics
        assert all(branch.rubric for branch in found.topics)
