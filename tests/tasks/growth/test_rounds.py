"""Growing over real HTTP: a pool of the size that was asked for, balanced, new, and the same after any kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

import imbik
from imbik.core.errors import BlockedError, BudgetSpentError, ExitCode, ImbikError
from imbik.core.files import read_lines
from imbik.core.runfolder import RunFolder, read_parts
from imbik.core.types import Sensitivity, Task
from imbik.privacy.audit import row_names
from imbik.privacy.chain import read_audit
from imbik.tasks.grams import grams, jaccard, task_text, tokens
from imbik.tasks.growth.journal import FOLDER, Refused
from imbik.testing import FakeTeacher, GrowthTeacher, Rule
from imbik.testing.answers import Messages
from tasks.growth.conftest import CATEGORIES, Write, pool, report, run


def test_a_pool_of_the_size_and_mixture_that_was_asked_for(write: Write) -> None:
    with FakeTeacher(GrowthTeacher()) as teacher:
        found = run(write(teacher.base_url, to=400))
    tasks, told = pool(found), report(found)
    assert len(tasks) == told.total == 400
    manifest = found.manifest("1_tasks")
    assert manifest is not None
    assert manifest.books.balanced
    assert manifest.books.rows_out == 400
    assert manifest.measured["grown_evolve"] == str(told.strategies[1].new)
    for line in told.strategies:
        assert line.share == pytest.approx(line.wanted_share, abs=0.06), line.strategy
    sizes = {item.category: item.seeds + item.grown for item in told.coverage}
    assert set(sizes) == {*CATEGORIES, "hukuk › borçlar › temerrüt", "finans"}
    assert max(sizes[name] for name in CATEGORIES) - min(sizes[name] for name in CATEGORIES) <= 12
    assert sum(told.refused.values()) == len(list(read_lines(found.stage("1_tasks") / "refused.jsonl", Refused)))
    assert not (found.stage("1_tasks") / FOLDER).exists()
    assert len({task.id for task, _ in tasks}) == 400


def test_no_two_grown_tasks_are_near_duplicates_by_an_independent_check(write: Write) -> None:
    with FakeTeacher(GrowthTeacher()) as teacher:
        found = run(write(teacher.base_url, to=220))
    sets = [grams(tokens(task_text(task)), 3) for task, _ in pool(found) if task.origin]
    assert len(sets) == 180
    highest = max(jaccard(left, right) for place, left in enumerate(sets) for right in sets[:place])
    assert highest < 0.85


def test_grown_tasks_are_made_of_training_seeds_only_and_belong_to_their_families(write: Write) -> None:
    with FakeTeacher(GrowthTeacher()) as teacher:
        found = run(write(teacher.base_url, to=200))
        asked = "\n".join(str(body) for body in teacher.bodies)
    rows = pool(found)
    place = {task.id: name for task, name in rows}
    by_id = {task.id: task for task, _ in rows}
    held = [task for task, name in rows if name != "train"]
    assert len(held) == 8
    assert not any(task.text in asked for task in held)
    assert sum(task.text in asked for task, name in rows if name == "train" and not task.origin) > 20
    for task, name in rows:
        if task.origin is None:
            continue
        assert name == "train"
        assert all(place[origin] == "train" for origin in task.origin.of)
        if task.origin.by == "evolve":
            (parent,) = (by_id[item] for item in task.origin.of)
            assert task.group == (parent.group or parent.id)
            assert task.origin.how in (
                "deeper",
                "broader",
                "constrained",
                "concrete",
                "longer_reasoning",
                "another_view",
            )
            assert task.category == parent.category


def test_templates_need_no_teacher_and_know_their_answers(write: Write) -> None:
    grow = "    {to: 120, strategies: [{use: templates, file: kalip.yaml}]}"
    with FakeTeacher(GrowthTeacher()) as teacher:
        found = run(write(teacher.base_url, grow=grow))
        assert teacher.count == 0
    made = [task for task, _ in pool(found) if task.origin]
    assert len(made) == 80
    assert all(task.reference and task.reference.reasoning for task in made)
    assert {task.group for task in made} == {"template: faiz"}


def test_it_stops_when_novelty_dries_up_and_says_so(write: Write) -> None:
    grow = "    {to: 500, strategies: [self_instruct, evolve]}"
    with FakeTeacher(GrowthTeacher(different=60)) as teacher:
        found = run(write(teacher.base_url, grow=grow))
        asked = teacher.count
    told = report(found)
    assert told.total == 100
    assert told.stopped.startswith(
        "the pool has 100 of 500 tasks, then nothing new came: self_instruct: novelty dried up"
    )
    manifest = found.manifest("1_tasks")
    assert manifest is not None
    assert told.stopped in manifest.warnings
    assert manifest.books.balanced
    assert asked < 700


def test_bad_parts_of_answers_are_counted_and_the_rest_is_used(write: Write) -> None:
    good = GrowthTeacher()

    def sloppy(messages: object) -> str:
        text = good(messages)  # type: ignore[arg-type]
        return text.replace('"}]}', '"}, {"question": "kısa"}, {"question": "<görevin tam metni>"}]}')

    grow = "    {to: 100, strategies: [{use: self_instruct, per_answer: 5}]}"
    with FakeTeacher(sloppy) as teacher:
        found = run(write(teacher.base_url, grow=grow))
    told = report(found)
    assert told.total == 100
    assert told.refused["shorter than 8 characters"] == told.refused["the form was given back instead of a task"] > 5
    lines = list(read_lines(found.stage("1_tasks") / "refused.jsonl", Refused))
    assert Counter(item.reason for item in lines) == told.refused


def test_a_teacher_that_writes_no_json_ends_growing_with_the_reason(write: Write) -> None:
    said = r"none of the first \d+ questions of 'self_instruct'.*malformed.*JSON"
    with FakeTeacher(lambda messages: "Tabii, işte görevler!") as teacher, pytest.raises(ImbikError, match=said):
        run(write(teacher.base_url))


def test_questions_of_rows_that_may_not_leave_are_blocked_with_the_key_to_set(write: Write, folder: Path) -> None:
    seeds = (folder / "seeds.csv").read_text(encoding="utf-8").splitlines()
    rows = [f"{seeds[0]},gizlilik", *(f"{line},internal" for line in seeds[1:])]
    (folder / "seeds.csv").write_text("\n".join(rows), encoding="utf-8")
    with FakeTeacher(GrowthTeacher()) as teacher:
        recipe = write(teacher.base_url)
        recipe.write_text(recipe.read_text(encoding="utf-8").replace("sensitivity: public", "sensitivity: gizlilik"))
        with pytest.raises(BlockedError, match="no question of 'self_instruct' may leave") as error:
            run(recipe)
        assert teacher.count == 0
    assert "column 'gizlilik'" in error.value.next


def test_sensitivity_is_that_of_what_was_shown(write: Write, folder: Path) -> None:
    operator = folder / "config" / "imbik" / "operator.yaml"
    operator.parent.mkdir(parents=True)
    grow = "    {to: 90, strategies: [evolve, {use: templates, file: kalip.yaml}]}"
    with FakeTeacher(GrowthTeacher()) as teacher:
        operator.write_text(f"local: [{{host: 127.0.0.1, ports: [{teacher.port}], attestation: test}}]\n")
        recipe = write(teacher.base_url, grow=grow)
        recipe.write_text(recipe.read_text(encoding="utf-8").replace("sensitivity: public", "sensitivity: internal"))
        found = run(recipe)
    assert {task.sensitivity for task, _ in pool(found)} == {Sensitivity.INTERNAL}


def test_grown_tasks_that_hold_identifiers_are_more_private_and_told(write: Write) -> None:
    """What a teacher writes is looked at as any row is; a question that would show it is held back."""

    def with_numbers(messages: Messages) -> str:
        return GrowthTeacher()(messages).replace("Konya ilinde", "TCKN'si 10000000146 olan, Konya ilinde")

    with FakeTeacher(with_numbers) as teacher:
        found = run(write(teacher.base_url, grow="    {to: 150, strategies: [{use: self_instruct}]}"))
    held = [task for task, _ in pool(found) if "10000000146" in task.text]
    assert held
    assert {task.sensitivity for task in held} == {Sensitivity.CONFIDENTIAL}
    assert {task.sensitivity for task, _ in pool(found) if task not in held} == {Sensitivity.PUBLIC}
    manifest = found.manifest("1_tasks")
    assert manifest is not None
    told = f"{len(held)} grown tasks hold what the detectors take for identifiers and count as confidential"
    assert any(note.startswith(told) for note in manifest.warnings)


@pytest.mark.parametrize("local", [False, True])
def test_evolve_shows_only_grown_tasks_that_may_go_to_its_teacher(write: Write, folder: Path, local: bool) -> None:
    """A parent that the gate would hold back is a question thrown away; the operator's own server may read them all."""

    def with_numbers(messages: Messages) -> str:
        return GrowthTeacher()(messages).replace("Konya ilinde", "TCKN'si 10000000146 olan, Konya ilinde")

    operator = folder / "config" / "imbik" / "operator.yaml"
    operator.parent.mkdir(parents=True)
    grow = "    {to: 700, strategies: [self_instruct, evolve]}"
    with FakeTeacher(with_numbers) as teacher:
        if local:
            operator.write_text(f"local: [{{host: 127.0.0.1, ports: [{teacher.port}], attestation: test}}]\n")
        found = run(write(teacher.base_url, grow=grow))
    tasks = [task for task, _ in pool(found)]
    held = {task.id for task in tasks if "10000000146" in task.text}
    parents = {origin for task in tasks if task.origin and task.origin.by == "evolve" for origin in task.origin.of}
    assert held
    assert bool(held & parents) is local
    assert any(name.startswith("g") for name in parents)
    assert [line.failed for line in report(found).strategies] == [0, 0]


def test_whole_families_without_a_seed_can_be_held_out(write: Write, folder: Path) -> None:
    text = (folder / "kalip.yaml").read_text(encoding="utf-8")
    one = text.partition("- name")[2]
    words = ("pazarda", "bankada", "okulda", "limanda", "köyde", "hastanede", "yolda", "evde")
    more = [f"- name{one}".replace("faiz\n", f"f{n}\n", 1).replace("şubesinde", w) for n, w in enumerate(words)]
    (folder / "kalip.yaml").write_text("templates:\n" + "".join(more), encoding="utf-8")
    grow = (
        """    {to: 300, held_out: {validation: 0.25, test: 0.25}, strategies: [{use: templates, file: kalip.yaml}]}"""
    )
    with FakeTeacher(GrowthTeacher()) as teacher:
        found = run(write(teacher.base_url, grow=grow))
    sets: dict[str, set[str]] = {}
    for task, name in pool(found):
        if task.origin:
            sets.setdefault(task.group, set()).add(name)
    assert all(len(names) == 1 for names in sets.values())
    assert {name for names in sets.values() for name in names} > {"train"}


def test_a_spent_budget_stops_with_its_code_and_the_same_command_goes_on(write: Write) -> None:
    price = "price: {input: 100, output: 100}}"
    with FakeTeacher(GrowthTeacher()) as teacher:
        free = [task for task, _ in pool(run(write(teacher.base_url, to=200), runs="free"))]
        teacher.reset()
        recipe = write(teacher.base_url, to=200, more="budget: {total: 1, reserve_for_evaluation: 0, pilot: 0}")
        recipe.write_text(recipe.read_text(encoding="utf-8").replace("served_as: sahte}", f"served_as: sahte, {price}"))
        with pytest.raises(BudgetSpentError) as error:
            run(recipe)
        assert error.value.exit_code is ExitCode.BUDGET_SPENT
        first = teacher.count
        assert first > 3
        recipe.write_text(recipe.read_text(encoding="utf-8").replace("total: 1", "total: 400"))
        assert [task for task, _ in pool(run(recipe))] == free
        assert max(teacher.asked.values()) == 1 or teacher.count - len(teacher.asked) <= 60  # evolve may ask alike


def test_the_rest_is_forecast_after_the_first_round_and_not_begun_where_it_cannot_be_paid(write: Write) -> None:
    price = "price: {input: 100, output: 100}}"
    grow = "    {to: 2000, strategies: [self_instruct]}"
    with FakeTeacher(GrowthTeacher()) as teacher:
        recipe = write(teacher.base_url, grow=grow, more="budget: {total: 4, reserve_for_evaluation: 0}")
        recipe.write_text(recipe.read_text(encoding="utf-8").replace("served_as: sahte}", f"served_as: sahte, {price}"))
        with pytest.raises(BudgetSpentError, match="the rest of growing will cost .* so it was not begun") as error:
            run(recipe)
        first = teacher.count
        assert 0 < first <= 96
        enough = error.value.next.split('"')[1]
        imbik.run(recipe, runs=recipe.parent / "runs", until="tasks", overrides=[f"budget.total={enough}"])
    assert report(RunFolder(recipe.parent / "runs" / "havuz")).total == 2000


def test_a_question_that_failed_for_good_stays_failed_and_costs_its_strategy_nothing_else(write: Write) -> None:
    grow = "    {to: 150, strategies: [{use: self_instruct}]}"
    with FakeTeacher(GrowthTeacher(), rules=[Rule("refusal", times=4)]) as teacher:
        found = run(write(teacher.base_url, grow=grow))
    told = report(found)
    assert told.total == 150
    assert told.strategies[0].failed == 4
    manifest = found.manifest("1_tasks")
    assert manifest is not None
    assert manifest.books.failed == 4
    assert manifest.books.balanced


def test_a_current_pool_is_left_alone_and_another_teacher_grows_another(write: Write) -> None:
    with FakeTeacher(GrowthTeacher()) as teacher:
        recipe = write(teacher.base_url, to=120)
        first = pool(run(recipe))
        count = teacher.count
        assert pool(run(recipe)) == first
        assert teacher.count == count
        recipe.write_text(recipe.read_text(encoding="utf-8").replace("served_as: sahte", "served_as: baska"))
        run(recipe)
        assert teacher.count > count


def test_killed_at_any_moment_the_same_command_ends_with_the_same_pool(write: Write, folder: Path) -> None:
    with FakeTeacher(GrowthTeacher(), latency=0.02) as teacher:
        recipe = write(teacher.base_url, to=700)
        whole = list(read_parts(run(recipe, runs="whole").stage("1_tasks"), Task))
        for moment in (0.15, 0.6):
            runs = f"killed-{moment}"
            teacher.reset()
            command = [
                sys.executable,
                "-m",
                "imbik",
                "run",
                str(recipe),
                "--until",
                "tasks",
                "--runs",
                str(folder / runs),
            ]
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ)
            wanted = int(moment * 190)
            while teacher.count < wanted and process.poll() is None:
                time.sleep(0.005)
            process.send_signal(signal.SIGKILL)
            process.wait()
            before = teacher.count
            assert list(read_parts(run(recipe, runs=runs).stage("1_tasks"), Task)) == whole
            assert teacher.count - before < 190 - before + 16  # what was under way at the kill, and no more


def test_the_audit_names_every_row_that_a_question_showed(write: Write) -> None:
    grow = "    {to: 60, strategies: [{use: self_instruct, examples: 3}]}"
    with FakeTeacher(GrowthTeacher()) as teacher:
        found = run(write(teacher.base_url, grow=grow))
    keyed = row_names(found.path)
    assert keyed is not None
    left = {row for line in read_audit(found.path / "audit.jsonl") if line.purpose == "growth" for row in line.rows}
    shown = {name for task, _ in pool(found) if task.origin for name in task.origin.of}
    assert len(shown) > 8
    assert {keyed(name) for name in shown} <= left
    assert not {keyed(task.id) for task, name in pool(found) if name != "train"} & left
