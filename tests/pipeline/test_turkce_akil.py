"""recipes/turkce-akil.yaml goes its whole way at a small size, against a scripted teacher over real HTTP.

Hand-written Turkish tasks are grown by four strategies, answered step by step, checked and judged, and a student is
trained and compared.
"""

from __future__ import annotations

import json
import struct
from collections import Counter
from pathlib import Path

import pytest

from akilkit import ENGLISH, LOOP, OTHER, RECIPE, SLIP, Scripted, run_small
from imbik.core.files import read_json
from imbik.core.runfolder import RunFolder, read_parts
from imbik.core.types import Sample, Sensitivity
from imbik.recipe import load_recipe
from imbik.tasks.growth.report import GrowthReport
from imbik.tasks.read import read_tasks
from imbik.testing import FakeTeacher
from refinery_screenshots import take
from reviewkit import browser

TASKS = 260


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, Scripted, FakeTeacher]:
    folder = tmp_path_factory.mktemp("akil")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
        return run_small(folder, TASKS)


def test_the_pool_is_grown_by_all_four_ways(ran: tuple[RunFolder, Scripted, FakeTeacher]) -> None:
    run, _, _ = ran
    told = read_json(run.stage("1_tasks") / "growth.json", GrowthReport)
    assert told.total == TASKS
    assert told.seeds == 107
    assert {line.strategy for line in told.strategies if line.new} == {"grid", "evolve", "self_instruct", "templates"}
    assert len(told.coverage) == 27
    tasks = list(read_tasks(run))
    assert {task.sensitivity for task, _ in tasks} == {Sensitivity.PUBLIC}
    families = {task.group: name for task, name in tasks if task.origin and task.origin.by == "templates"}
    assert {"train", "test"} <= set(families.values()), "whole templates are kept for the test set"


def test_answers_are_checked_and_wrong_ones_are_out(ran: tuple[RunFolder, Scripted, FakeTeacher]) -> None:
    run, scripted, _ = ran
    for stage in ("1_tasks", "2_answers", "3_refined"):
        made = run.manifest(stage)
        assert made is not None
        assert made.books.balanced
        assert made.books.failed == made.books.pending == 0
    kept = list(read_parts(run.stage("3_refined"), Sample))
    assert len(kept) > 150
    answered = list(read_parts(run.stage("2_answers"), Sample))
    assert sum(map(mistaken, answered)) > 3
    assert not any(map(mistaken, kept))
    assert {sample.task.text for sample in kept} & set(scripted.planted), "the other answer to the same task stays"
    by = Counter(verdict.by for sample in kept for verdict in sample.verdicts)
    assert {"answer", "language", "arithmetic", "facts", "judge"} <= set(by), by
    assert all(sample.reasoning and sample.answer for sample in kept)


def test_a_student_is_trained_and_compared(ran: tuple[RunFolder, Scripted, FakeTeacher]) -> None:
    run, _, _ = ran
    scores = json.loads((run.path / "8_report" / "scores.json").read_text(encoding="utf-8"))
    assert {"teacher", "baseline", "answers_only", "student"} <= set(scores["systems"])
    assert 0.5 < scores["systems"]["teacher"]["metrics"]["same_answer"]["value"] <= 1
    report = (run.path / "8_report" / "report.md").read_text(encoding="utf-8")
    assert "hukuk › borçlar › temerrüt" in report


def test_what_the_recipe_says_of_itself_is_so() -> None:
    """3 of 10 by templates: the first lines of the recipe and docs/growing.md quote the numbers."""
    recipe = load_recipe(RECIPE)
    grow = recipe.tasks.grow
    assert grow is not None
    shares = {block.use: block.raw["share"] for block in grow.strategies}
    grown = grow.to - 107
    assert round(grown * shares["templates"] / sum(shares.values())) == 2968


def mistaken(sample: Sample) -> bool:
    """Whether the teacher was told to be wrong here."""
    return any(mark in f"{sample.reasoning} {sample.answer} " for mark in (OTHER, SLIP, LOOP, ENGLISH))


@pytest.mark.browser
def test_the_pictures_of_the_documentation_are_taken_of_such_a_run(
    ran: tuple[RunFolder, Scripted, FakeTeacher], tmp_path: Path
) -> None:
    with browser() as made:
        pictures = take(tmp_path, made, ran[0])
    assert [path.name for path in pictures] == ["refinery-funnel.png", "refinery-growth.png"]
    for path in pictures:
        width, height = png_size(path)
        assert width >= 900, path.name
        assert height >= 200, path.name
        assert (RECIPE.parents[1] / "docs" / "images" / path.name).exists()


def png_size(path: Path) -> tuple[int, int]:
    """Width and height in pixels, from the header (RFC 2083, 11.2.1)."""
    return struct.unpack(">II", path.read_bytes()[16:24])  # type: ignore[return-value]
