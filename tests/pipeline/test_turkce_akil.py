"""recipes/turkce-akil.yaml goes its whole way at a small size, against a scripted teacher over real HTTP.

Hand-written Turkish tasks are grown by four strategies, answered step by step, checked and judged, and a student is
trained and compared.
"""

from __future__ import annotations

import json
from collections import Counter
from hashlib import blake2b
from itertools import count
from pathlib import Path

import pytest

import imbik
from imbik.core.files import read_json
from imbik.core.runfolder import RunFolder, read_parts
from imbik.core.types import Sample, Sensitivity
from imbik.recipe import load_recipe
from imbik.tasks.growth.report import GrowthReport
from imbik.tasks.read import read_tasks
from imbik.tasks.strategies import Ground
from imbik.tasks.strategies.templates import Templates
from imbik.tasks.taxonomy import read_taxonomy
from imbik.testing import FakeTeacher, GrowthTeacher
from imbik.testing.answers import Messages
from imbik.testing.judges import judging

RECIPE = Path(__file__).resolve().parents[2] / "recipes" / "turkce-akil.yaml"
TASKS = 260
SMALL = [
    f"tasks.grow.to={TASKS}",
    "generate.samples=2",
    "student={architecture: llama, hidden_size: 16, layers: 1, heads: 2, context: 256, vocabulary: 300}",
    "train={steps: 4, batch_size: 4, learning_rate: 1.0e-2, precision: fp32, threads: 1, controls: [answers_only]}",
    "evaluate={against: [teacher, baseline, answers_only], metrics: [same_answer], latency_rows: 1, resamples: 100, "
    "max_tokens: 16, rows: 12}",
]


def known() -> dict[str, tuple[str, str]]:
    """Reasoning and answer of what the templates make first, and of the hand-written tasks that have one."""
    made = Templates(Templates.Settings(file="turkce"))
    categories = made.prepare(
        Ground(seeds=(), fields=("question",), base=Path(), language="tr", level=Sensitivity.PUBLIC)
    )
    found: dict[str, tuple[str, str]] = {}
    for category in categories:
        for number in range(3):
            idea = made.idea(category, number)
            for row in idea.rows if idea else ():
                found[row["question"]] = row["reasoning"], row["answer"]
    for branch in read_taxonomy("turkce", Path()).branches:
        for task in branch.tasks:
            if "answer" in task.values:
                found[str(task.values["question"])] = "", str(task.values["answer"])
    return found


class Scripted:
    """Right where the answer is known, but for one in eight; otherwise some sentences. `planted` are the wrong ones."""

    def __init__(self) -> None:
        self.known, self.number, self.planted = known(), count(), set[str]()

    def __call__(self, messages: Messages) -> str:
        text = messages[-1]["content"]
        question = text.partition("\n\nÖnce adım adım")[0]
        place = blake2b(question.encode(), digest_size=4).digest()[0]
        start = f"Önce verilenleri sırayla yazalım, sonra istenen şeyi bulalım ({next(self.number)}. kez)."
        if question not in self.known:
            return f"{start} Soru şunu anlatıyor: {question}\nCevap: {('uygundur', 'başvurulmalıdır')[place % 2]}"
        reasoning, answer = self.known[question]
        if place % 8 == 0:
            self.planted.add(question)
            return f"{start}\nCevap: {answer} değil, 1"
        return f"{start} {reasoning}\nCevap: {answer}"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, Scripted, FakeTeacher]:
    folder = tmp_path_factory.mktemp("akil")
    scripted = Scripted()
    with pytest.MonkeyPatch.context() as patch, FakeTeacher(judging("honest", GrowthTeacher(scripted))) as teacher:
        patch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
        imbik.run(RECIPE, runs=folder / "runs", overrides=[f"teachers.buyuk.base_url={teacher.base_url}", *SMALL])
    return RunFolder(folder / "runs" / "turkce-akil"), scripted, teacher


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
    asked = {sample.task.text for sample in read_parts(run.stage("2_answers"), Sample)}
    assert len(scripted.planted & asked) > 3
    assert not {sample.task.text for sample in kept} & scripted.planted
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
