"""Repair: rejected answers are asked for again with the reason; books stay balanced, and the rejected ones stay."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import imbik
from imbik.core.errors import TeacherUnreachableError
from imbik.core.files import read_lines
from imbik.core.questions import Question
from imbik.core.runfolder import RunFolder, read_parts
from imbik.core.types import Completion, Outcome, Sample, Sensitivity
from imbik.pipeline.preflight import preflight
from imbik.recipe import load_recipe
from imbik.refine.books import read_counts
from imbik.refine.stage import RefineStage
from imbik.stage import StageResult
from imbik.testing import FakeTeacher, Rule
from stagekit import FakeAsker, context_of, make_recipe, make_run, make_sample, make_task, samples_in


def says(answer: str) -> Completion:
    return Completion(answer=f"2 + 3 = 5\nCevap: {answer}")


def refine(run: RunFolder, asker: FakeAsker, rounds: int = 1, block_rows: int = 256, **sections: Any) -> StageResult:
    stage = RefineStage(block_rows)
    if run.stage(stage.folder).exists():
        run.retire(stage.folder)
    result = stage.run(context_of(stage, make_recipe(repair={"rounds": rounds}, **sections), run, asker=asker))
    assert result.books.balanced
    return result


def rejected_in(run: RunFolder) -> list[Sample]:
    return [s for path in sorted(run.stage("3_refined").glob("rejected-*.jsonl")) for s in read_lines(path, Sample)]


def test_a_rejected_answer_is_put_to_its_teacher_with_the_reason_and_checked_again(tmp_path: Path) -> None:
    tasks = [make_task("a"), make_task("b"), make_task("c", language="en")]
    samples = [make_sample(tasks[0]), make_sample(tasks[1], answer="6"), make_sample(tasks[2], answer="7")]
    run = make_run(tmp_path, [(task, "train") for task in tasks], samples)
    asker = FakeAsker(lambda teacher, question: says("5" if question.row == "b" else "8"))
    result = refine(run, asker, refine=["shape", "answer"])
    books = result.books
    assert (books.rows_in, books.rows_out, books.rejected, books.reasons) == (5, 2, 3, {"answer": 3})
    kept = samples_in(run, "3_refined")
    assert [(sample.id, sample.repairs) for sample in kept] == [("a#t#0", ""), ("b#t#1", "b#t#0")]
    assert [verdict.by for verdict in kept[1].verdicts] == ["shape", "answer"]
    assert {(s.id, s.repairs) for s in rejected_in(run)} == {("b#t#0", ""), ("c#t#0", ""), ("c#t#1", "c#t#0")}
    assert [question.row for _, question in asker.asked] == ["b", "c"]
    turkish, english = (question.messages for _, question in asker.asked)
    assert [message.role for message in turkish] == ["user", "assistant", "user"]
    assert turkish[1].content == "2 + 3 = 5\nCevap: 6"
    assert turkish[2].content.startswith("Bu yanıtın kabul edilmedi. Neden: '6' is not the known '5'")
    assert english[2].content.startswith("This answer was not accepted. Why: '7' is not the known '5'")
    counted = read_counts(run.stage("3_refined"))
    assert counted is not None
    assert counted.repaired is not None
    assert (counted.repaired.asked, counted.repaired.answered, counted.repaired.kept) == (2, 2, 1)
    assert [(check.kept, check.rejected) for check in counted.checks] == [(5, 0), (2, 3)]
    assert any(
        line.startswith("repair: 2 rejected answers were put to their teacher again; 2 were")
        for line in result.warnings
    )


def test_what_says_nothing_about_the_answer_is_not_repaired(tmp_path: Path) -> None:
    first, second = make_task("a", "aynı soru"), make_task("b", "aynı soru")
    run = make_run(tmp_path, [(first, "train"), (second, "train")], [make_sample(first), make_sample(second)])
    asker = FakeAsker(lambda *_: says("5"))
    result = refine(run, asker, refine=["answer", "duplicates"])
    assert result.books.reasons == {"duplicates": 1}
    assert asker.asked == []


def test_recorded_teachers_cannot_be_asked_again(tmp_path: Path) -> None:
    task, other = make_task("a"), make_task("b")
    run = make_run(tmp_path, [(task, "train"), (other, "train")], [make_sample(task), make_sample(other, answer="6")])
    asker = FakeAsker(lambda *_: says("5"))
    recorded = {"t": {"use": "recorded", "answers": {"t": "text"}}}
    assert refine(run, asker, refine=["answer"], teachers=recorded).books.rejected == 1
    assert asker.asked == []


def test_rounds_go_on_until_it_is_good_enough_and_groups_are_judged_together(tmp_path: Path) -> None:
    task = make_task("a", answer=None)
    samples = [make_sample(task, number, answer) for number, answer in enumerate(("5", "5", "6", "7"))]
    run = make_run(tmp_path, [(task, "train")], samples)
    told: list[str] = []

    def answer(teacher: str, question: Question) -> Completion:
        told.append(question.messages[-1].content)
        return says("5" if len(told) > 2 else "5" if question.sample == 2 else "8")

    result = refine(run, FakeAsker(answer), rounds=2, refine=[{"use": "agreement", "at_least": 0.5}])
    kept = samples_in(run, "3_refined")
    assert [(sample.number, sample.repairs) for sample in kept] == [(0, ""), (1, ""), (6, "a#t#2"), (11, "a#t#7")]
    assert (result.books.rows_in, result.books.rows_out, result.books.rejected) == (7, 4, 3)
    assert "where most say '5'" in told[0]
    assert len(told) == 3
    assert [sample.repairs for sample in rejected_in(run)] == ["", "", "a#t#3"]


@pytest.mark.parametrize("block_rows", [1, 3])
def test_block_size_changes_nothing(tmp_path: Path, block_rows: int) -> None:
    tasks = [make_task(f"g{number:02d}", answer=str(number)) for number in range(12)]
    samples = [
        make_sample(task, n, str(int(task.id[1:]) + (n + i) % 2)) for i, task in enumerate(tasks) for n in (0, 1)
    ]
    run = make_run(tmp_path, [(task, "train") for task in tasks], samples)
    sections: dict[str, Any] = {"refine": ["shape", "answer", "agreement", {"use": "shape", "max_answer_words": 2}]}

    def mended(teacher: str, question: Question) -> Completion:
        return says(str(int(question.row[1:])) if int(question.row[1:]) % 3 else "99")

    expected = refine(run, FakeAsker(mended), **sections)
    assert refine(run, FakeAsker(mended), block_rows=block_rows, **sections).leaves == expected.leaves
    assert expected.books.rows_out == 20


def test_new_answers_that_fail_or_wait_are_in_the_books(tmp_path: Path) -> None:
    tasks = [make_task(name) for name in "abcd"]
    samples = [make_sample(tasks[0]), *(make_sample(task, answer="6") for task in tasks[1:])]
    run = make_run(tmp_path, [(task, "train") for task in tasks], samples)
    ends = {"b": Outcome.REFUSED, "c": Outcome.PENDING, "d": Outcome.ANSWERED}
    asker = FakeAsker(lambda _, q: Completion(answer="Cevap: 5", outcome=ends[q.row]))
    books = refine(run, asker, refine=["answer"]).books
    assert (books.rows_in, books.rows_out, books.rejected, books.failed, books.pending) == (7, 2, 3, 1, 1)
    raw = [s for path in run.stage("3_refined").glob("repairs-*.jsonl") for s in read_lines(path, Sample)]
    assert [(s.task.id, s.completion.outcome) for s in raw] == list(ends.items())


def test_what_a_reason_may_tell_decides_who_may_be_asked(tmp_path: Path) -> None:
    task = make_task("a", answer=None)
    private = make_sample(task, 0, "5", sensitivity=Sensitivity.CONFIDENTIAL)
    samples = [private, make_sample(task, 1, "5"), make_sample(task, 2, "6")]
    run = make_run(tmp_path, [(task, "train")], samples)
    asker = FakeAsker(lambda *_: says("5"))
    refine(run, asker, refine=["agreement"])
    assert [question.sensitivity for _, question in asker.asked] == [Sensitivity.CONFIDENTIAL]
    assert samples_in(run, "3_refined")[-1].sensitivity is Sensitivity.CONFIDENTIAL


RECIPE = """
name: onarım
tasks: {{source: rows.csv, kind: math, sensitivity: public, split: {{validation: 0.1, test: 0.1}}}}
teachers: {{buyuk: {{use: openai, model: b, base_url: "{url}", concurrency: 4, price: {{input: 1, output: 1}}}}}}
refine: [shape, answer]
repair: {{rounds: 1}}
student: {{architecture: llama, hidden_size: 16, layers: 1, heads: 2}}
"""


def better(messages: Sequence[Mapping[str, str]]) -> str:
    """Wrong for every third row, until it is told."""
    number = int(messages[0]["content"].split()[0])
    return f"3 + 4 = 7\nCevap: {7 if number % 3 or len(messages) > 1 else 8}"


def test_repairs_over_http_are_paid_once_and_go_on_after_a_revoked_key(tmp_path: Path) -> None:
    with (tmp_path / "rows.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["question", "answer"])
        writer.writerows(
            [f"{number} numaralı kutuda 3 elma ile 4 armut var, kaç meyve eder?", "7"] for number in range(60)
        )
    recipe, runs = tmp_path / "recipe.yaml", tmp_path / "runs"
    folder = RunFolder(runs / "onarım")
    with FakeTeacher(better) as teacher:
        recipe.write_text(RECIPE.format(url=teacher.base_url), encoding="utf-8")
        assert preflight(load_recipe(recipe), folder).estimate.beside["refine"].calls > 5
        imbik.run(recipe, runs=runs, until="generate")
        first = teacher.count
        teacher.set_rules(Rule("none", times=5), Rule("401"))
        with pytest.raises(TeacherUnreachableError, match="'buyuk' refuses"):
            imbik.run(recipe, runs=runs, until="refine")
        assert folder.manifest("3_refined") is None
        teacher.set_rules()
        imbik.run(recipe, runs=runs, until="refine")
        manifest = folder.manifest("3_refined")
        assert manifest is not None
        repaired = [s for s in read_parts(folder.stage("3_refined"), Sample) if s.repairs]
        assert manifest.books.balanced
        assert manifest.books.rows_in == first + len(repaired)
        assert manifest.books.rows_out == first
        assert 10 < len(repaired) == manifest.books.rejected
        paid = [line for line in (json.loads(t) for t in (folder.path / "events.jsonl").read_text("utf-8").splitlines())
                if line.get("event") == "asked"]  # fmt: skip
        assert {line["purpose"] for line in paid} == {"generation"}
        count = teacher.count
        recipe.write_text(recipe.read_text(encoding="utf-8").replace("[shape, answer]", "[answer]"), encoding="utf-8")
        imbik.run(recipe, runs=runs, until="refine")
        assert teacher.count == count, "nothing is paid twice"
