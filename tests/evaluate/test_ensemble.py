"""Several teachers as one in the report: `teacher` and `teacher:NAME` each, and nobody is asked more for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from asking import FAST
from imbik.ask.engine import AskEngine
from imbik.core.executor import LocalExecutor
from imbik.core.plugins import make
from imbik.core.progress import Progress, SilentReporter
from imbik.core.runfolder import RunFolder
from imbik.core.types import Outcome, Sensitivity
from imbik.evaluate.roster import _teachers
from imbik.evaluate.teacher import TeacherSystem
from imbik.privacy.operator import Operator
from imbik.recipe import Recipe
from imbik.testing import FakeTeacher
from stagekit import make_recipe, make_task

TASKS = [make_task(f"r{number}", f"r{number} kaç?", sensitivity=Sensitivity.PUBLIC) for number in range(12)]


def recipe(a: FakeTeacher, b: FakeTeacher, **how: Any) -> Recipe:
    """Two teachers and one made of them."""
    served = {name: {"use": "openai", "model": name, "base_url": one.base_url} for name, one in (("a", a), ("b", b))}
    return make_recipe(
        teachers={**served, "hep": {"use": "ensemble", "teachers": ["a", "b"], **how}}, generate={"teacher": "hep"}
    )


@pytest.mark.parametrize("how", [{"by": "vote"}, {"by": "mix"}])
def test_members_stand_apart_in_the_report_and_are_paid_once(tmp_path: Path, how: dict[str, Any]) -> None:
    with FakeTeacher(lambda _: "Cevap: 5") as a, FakeTeacher(lambda _: "Cevap: 6") as b:
        made = recipe(a, b, **how)
        kind = make("tasks/kinds", made.tasks.kind)
        with AskEngine(
            recipe=made,
            run=RunFolder(tmp_path / "deneme"),
            executor=LocalExecutor(),
            progress=Progress(SilentReporter()),
            operator=Operator(),
            policy=FAST,
        ) as asker:
            systems = [system for system in _teachers(made, asker) if isinstance(system, TeacherSystem)]
            assert [system.name for system in systems] == ["teacher", "teacher:a", "teacher:b"]
            whole, first, second = (
                next(iter(system.answer(TASKS, kind, lambda done: None).completions.values())) for system in systems
            )
        if how["by"] == "vote":
            assert {one.by for one in whole} == {"a"}
            assert (a.count, b.count) == (12, 12)
            assert {one.answer for one in first} == {"Cevap: 5"}
            assert {one.answer for one in second} == {"Cevap: 6"}
        else:
            assert a.count + b.count == 12
            assert sum(one.outcome is Outcome.PENDING for one in first) == b.count
            assert sum(one.outcome is Outcome.PENDING for one in second) == a.count
            assert all(
                (one.by == "a") == (mine.outcome is Outcome.ANSWERED) for one, mine in zip(whole, first, strict=True)
            )
