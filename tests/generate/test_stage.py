"""Generation: everything asked is written, in order, with its outcome; more is asked only where answers disagree."""

from __future__ import annotations

from pathlib import Path

import pytest

from imbik.core.errors import BlockedError, ExitCode, ImbikError
from imbik.core.questions import Question
from imbik.core.types import Completion, Outcome, Sensitivity
from imbik.generate.rounds import needed_share
from imbik.generate.stage import GenerateStage
from imbik.tasks.questions import row_seed
from stagekit import FakeAsker, context_of, make_recipe, make_run, make_task, recorded, samples_in, train

STAGE = GenerateStage()


def plain(teacher: str, question: Question) -> Completion:
    return Completion(answer=f"2 + 3 = 5\nCevap: {5 + question.sample}")


def test_training_and_validation_tasks_are_asked_in_order(tmp_path: Path) -> None:
    tasks = [(make_task(f"r{n}"), ("train", "validation", "test", "B")[n % 4]) for n in range(40)]
    run, asker = make_run(tmp_path, tasks), FakeAsker(plain)
    result = STAGE.run(context_of(STAGE, make_recipe(), run, asker))
    wanted = [task.id for task, name in tasks if name in ("train", "validation")]
    found = samples_in(run, "2_answers")
    assert [sample.task.id for sample in found] == wanted == [question.row for _, question in asker.asked]
    assert {(sample.reasoning, sample.answer, sample.teacher) for sample in found} == {("2 + 3 = 5", "5", "t")}
    assert result.books.balanced
    assert (result.books.rows_in, result.books.rows_out) == (20, 20)
    assert len(set(result.leaves)) == 20
    assert not list(run.stage("2_answers").glob(".round*"))


def test_the_question_is_put_as_the_recipe_says(tmp_path: Path) -> None:
    run, asker = make_run(tmp_path, train([make_task("a")])), FakeAsker(plain)
    generate = {"instruction": "", "temperature": 0.7, "top_p": 0.9, "max_tokens": 99, "seed": 3, "samples": 2}
    STAGE.run(context_of(STAGE, make_recipe(generate=generate), run, asker))
    first, second = (question for _, question in asker.asked)
    assert first.messages == make_task("a").messages
    assert (first.sampling.temperature, first.sampling.top_p, first.sampling.max_tokens) == (0.7, 0.9, 99)
    assert first.sampling.seed == row_seed(3, "a", 0) != second.sampling.seed
    assert [first.sample, second.sample] == [0, 1]


def test_greedy_answers_need_no_seed_so_equal_questions_are_one(tmp_path: Path) -> None:
    run, asker = make_run(tmp_path, train([make_task("a")])), FakeAsker(plain)
    STAGE.run(context_of(STAGE, make_recipe(), run, asker))
    assert asker.asked[0][1].sampling.seed is None


def until(minimum: int, maximum: int, lead: int = 1, **more: object) -> dict[str, object]:
    samples = {"min": minimum, "max": maximum, "until": "agreement", "lead": lead}
    return {"samples": samples, "temperature": 0.7, **more}


ANSWERS = {"agree": "5 5", "late": "5 7 5", "never": "1 2 3 4 5 6", "failing": "- - 5 5 5 5", "tie": "5 7 7 5 5"}


def scripted(teacher: str, question: Question) -> Completion:
    answer = ANSWERS[question.row].split()[question.sample]
    if answer == "-":
        return Completion(outcome=Outcome.TRUNCATED, reason="too long")
    return Completion(answer=f"Cevap: {answer} elma" if question.sample % 2 else f"Cevap: {answer},0")


def test_more_is_asked_only_while_answers_disagree(tmp_path: Path) -> None:
    tasks = [make_task(name) for name in ANSWERS]
    run, asker = make_run(tmp_path, train(tasks)), FakeAsker(scripted)
    recipe = make_recipe(generate=until(2, 6), refine=["agreement"])
    result = STAGE.run(context_of(STAGE, recipe, run, asker))
    found = samples_in(run, "2_answers")
    assert [(s.task.id, s.number) for s in found] == sorted(
        ((s.task.id, s.number) for s in found), key=lambda pair: (list(ANSWERS).index(pair[0]), pair[1])
    )
    counts = {name: sum(s.task.id == name for s in found) for name in ANSWERS}
    # of "never" no answer can be half of six any more after five
    assert counts == {"agree": 2, "late": 3, "never": 5, "failing": 4, "tie": 3}
    assert result.books.rows_in == len(asker.asked) == 17
    assert (result.books.failed, result.books.reasons) == (2, {"truncated": 2})
    assert result.books.balanced


def test_by_default_an_early_majority_is_three_ahead(tmp_path: Path) -> None:
    said = {"clear": "5 5 5", "late": "5 7 5 5 5", "close": "5 7 7 5 5 7 6"}

    def answer(teacher: str, question: Question) -> Completion:
        return Completion(answer=f"Cevap: {said[question.row].split()[question.sample]}")

    run = make_run(tmp_path, train([make_task(name) for name in said]))
    samples = {"min": 2, "max": 8, "until": "agreement"}
    recipe = make_recipe(generate={"samples": samples, "temperature": 0.7}, refine=["agreement"])
    STAGE.run(context_of(STAGE, recipe, run, FakeAsker(answer)))
    found = samples_in(run, "2_answers")
    assert {name: sum(s.task.id == name for s in found) for name in said} == {"clear": 3, "late": 5, "close": 7}


def test_asking_goes_on_to_the_share_that_the_agreement_check_will_want(tmp_path: Path) -> None:
    ANSWERS_75 = {"late": "5 7 5 5 5 5"}

    def answer(teacher: str, question: Question) -> Completion:
        return Completion(answer=f"Cevap: {ANSWERS_75[question.row].split()[question.sample]}")

    run = make_run(tmp_path, train([make_task("late")]))
    recipe = make_recipe(generate=until(2, 6), refine=[{"use": "agreement", "at_least": 0.75}])
    assert needed_share(recipe) == 0.75
    STAGE.run(context_of(STAGE, recipe, run, FakeAsker(answer)))
    assert len(samples_in(run, "2_answers")) == 4


def test_asking_goes_on_until_the_lead_is_what_the_recipe_wants(tmp_path: Path) -> None:
    def answer(teacher: str, question: Question) -> Completion:
        return Completion(
            answer=f"Cevap: {({'sure': '5 5 5 5', 'late': '5 7 5 5 5 7'}[question.row]).split()[question.sample]}"
        )

    run = make_run(tmp_path, train([make_task("sure"), make_task("late")]))
    generate = {"samples": {"min": 2, "max": 6, "until": "agreement", "lead": 3}, "temperature": 0.7}
    STAGE.run(context_of(STAGE, make_recipe(generate=generate, refine=["agreement"]), run, FakeAsker(answer)))
    found = samples_in(run, "2_answers")
    assert [sum(s.task.id == name for s in found) for name in ("sure", "late")] == [3, 5]


def test_answers_that_mean_the_same_agree_whatever_their_unit(tmp_path: Path) -> None:
    def answer(teacher: str, question: Question) -> Completion:
        return Completion(answer=f"Cevap: {('3 km', '3000 m', '3 m')[question.sample]}")

    run = make_run(tmp_path, train([make_task("a", answer=None)]))
    STAGE.run(context_of(STAGE, make_recipe(generate=until(2, 3), refine=["agreement"]), run, FakeAsker(answer)))
    assert len(samples_in(run, "2_answers")) == 2


def test_samples_without_until_are_all_asked(tmp_path: Path) -> None:
    run = make_run(tmp_path, train([make_task("a"), make_task("b")]))
    recipe = make_recipe(generate={"samples": {"min": 1, "max": 3}, "temperature": 1})
    STAGE.run(context_of(STAGE, recipe, run, FakeAsker(plain)))
    assert [(s.task.id, s.number) for s in samples_in(run, "2_answers")] == [(t, n) for t in "ab" for n in range(3)]


ROUTED = {
    "teachers": {"buyuk": {"use": "openai", "model": "m"}, "yerel": {"use": "openai", "model": "n"}},
    "generate": {"teacher": {"public": "buyuk", "otherwise": "yerel"}},
}


def test_rows_are_routed_by_sensitivity_and_stay_in_order(tmp_path: Path) -> None:
    levels = list(Sensitivity)
    tasks = [make_task(f"r{n}", sensitivity=levels[n % 4]) for n in range(12)]
    run, asker = make_run(tmp_path, train(tasks)), FakeAsker(plain)
    result = STAGE.run(context_of(STAGE, make_recipe(**ROUTED), run, asker))
    found = samples_in(run, "2_answers")
    assert [s.task.id for s in found] == [task.id for task in tasks]
    assert all((s.teacher == "buyuk") == (s.task.sensitivity is Sensitivity.PUBLIC) for s in found)
    assert all(q.sensitivity is task.sensitivity for _, q in asker.asked for task in tasks if task.id == q.row)
    assert result.sensitivity is Sensitivity.SPECIAL


def test_a_level_without_teacher_is_held_back_and_counted(tmp_path: Path) -> None:
    tasks = [make_task("open"), make_task("closed", sensitivity=Sensitivity.CONFIDENTIAL)]
    run = make_run(tmp_path, train(tasks))
    recipe = make_recipe(generate={"teacher": {"public": "t"}})
    result = STAGE.run(context_of(STAGE, recipe, run, FakeAsker(plain)))
    closed = samples_in(run, "2_answers")[1]
    assert (closed.teacher, closed.completion.outcome) == ("none", Outcome.BLOCKED)
    assert result.books.reasons == {"blocked": 1}
    assert "otherwise" in result.warnings[0]


def test_samples_carry_the_higher_of_row_and_teacher(tmp_path: Path) -> None:
    run = make_run(tmp_path, train([make_task("a")]))
    STAGE.run(context_of(STAGE, make_recipe(), run, FakeAsker(plain, level=Sensitivity.INTERNAL)))
    assert samples_in(run, "2_answers")[0].sensitivity is Sensitivity.INTERNAL


def blocked(teacher: str, question: Question) -> Completion:
    return Completion(outcome=Outcome.BLOCKED, reason="confidential rows may not leave this machine")


def test_when_every_row_is_held_back_the_error_says_which_key_to_set(tmp_path: Path) -> None:
    run = make_run(tmp_path, train([make_task("a", sensitivity=Sensitivity.CONFIDENTIAL)]))
    recipe = make_recipe(tasks={"source": "rows.jsonl", "kind": "math"})
    with pytest.raises(BlockedError) as raised:
        STAGE.run(context_of(STAGE, recipe, run, FakeAsker(blocked)))
    assert raised.value.exit_code is ExitCode.BLOCKED
    assert "tasks.sensitivity: public" in str(raised.value)
    assert "any teacher may read them" in str(raised.value)
    assert "may not leave this machine" in str(raised.value)


def test_rows_that_detectors_raised_are_not_told_to_be_called_public_again(tmp_path: Path) -> None:
    run = make_run(tmp_path, train([make_task("a", sensitivity=Sensitivity.CONFIDENTIAL)]))
    with pytest.raises(BlockedError) as raised:
        STAGE.run(context_of(STAGE, make_recipe(), run, FakeAsker(blocked)))  # a recipe that says public
    assert "sensitivity: public" not in str(raised.value)
    assert "imbik privacy declassify" in str(raised.value)


def test_when_nothing_is_answered_the_commonest_reason_and_the_remedy_are_named(tmp_path: Path) -> None:
    run = make_run(tmp_path, train([make_task("a"), make_task("b")]))
    asker = FakeAsker(
        lambda teacher, question: Completion(outcome=Outcome.TRUNCATED, reason="1024 tokens were not enough")
    )
    with pytest.raises(ImbikError, match="1024 tokens were not enough") as raised:
        STAGE.run(context_of(STAGE, make_recipe(), run, asker))
    assert "generate.max_tokens" in raised.value.next


def test_no_task_at_all_is_an_error(tmp_path: Path) -> None:
    run = make_run(tmp_path, [(make_task("a"), "test")])
    with pytest.raises(ImbikError, match="no training task"):
        STAGE.run(context_of(STAGE, make_recipe(), run, FakeAsker(plain)))


def test_many_failures_unread_answers_and_useless_samples_are_said(tmp_path: Path) -> None:
    def answer(teacher: str, question: Question) -> Completion:
        if question.row != "r0":
            return Completion(outcome=Outcome.FAILED, reason="status 500")
        return Completion(answer="Bilmiyorum.")

    run = make_run(tmp_path, train([make_task(f"r{n}") for n in range(4)]))
    result = STAGE.run(context_of(STAGE, make_recipe(generate={"samples": 2}), run, FakeAsker(answer)))
    told = "\n".join(result.warnings)
    assert "more than half: 6 of 8 ended failed (status 500)" in told
    assert "--from generate" in told
    assert "no final answer was found in 2 of 2" in told
    assert "temperature 0" in told


def test_an_answer_that_cannot_be_read_is_kept_as_malformed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from imbik.tasks.kinds.math import Math

    original = Math.read

    def broken(self: Math, completion: Completion, task: object) -> object:
        if "bad" in completion.answer:
            raise RuntimeError("oops")
        return original(self, completion, task)  # type: ignore[arg-type]

    monkeypatch.setattr(Math, "read", broken)
    run = make_run(tmp_path, train([make_task("a"), make_task("b")]))
    asker = FakeAsker(lambda teacher, question: Completion(answer="bad" if question.row == "a" else "Cevap: 5"))
    result = STAGE.run(context_of(STAGE, make_recipe(), run, asker))
    first = samples_in(run, "2_answers")[0]
    assert (first.completion.outcome, first.completion.answer) == (Outcome.MALFORMED, "bad")
    assert "RuntimeError at test_stage.py:" in first.completion.reason
    assert "oops" not in first.completion.reason  # an error's words may repeat a row
    assert result.books.failed == 1


RECORDED = {"teachers": {"eski": {"use": "recorded", "answers": {"small": "s.text", "large": "l.text"}}}}


def test_recorded_teachers_answer_once_for_each_name(tmp_path: Path) -> None:
    tasks = [
        make_task("a", recorded=recorded(("small", "Cevap: 4"), ("large", "Cevap: 5"))),
        make_task("b", recorded=recorded(("large", "Cevap: 6"))),
        make_task("c"),
    ]

    def answer(teacher: str, question: Question) -> Completion:
        names = [item.name for item in question.recorded]
        wanted = ("small", "large")[question.sample]
        if wanted not in names:
            return Completion(outcome=Outcome.FAILED, reason=f"no recorded answer '{wanted}'")
        return Completion(answer=question.recorded[names.index(wanted)].text)

    run, asker = make_run(tmp_path, train(tasks)), FakeAsker(answer)
    result = STAGE.run(context_of(STAGE, make_recipe(**RECORDED), run, asker))
    found = samples_in(run, "2_answers")
    assert [(s.id, s.answer) for s in found] == [
        ("a#eski#0", "4"), ("a#eski#1", "5"), ("b#eski#1", "6"), ("c#eski#0", ""),
    ]  # fmt: skip
    assert result.books.failed == 1


def test_recorded_answers_of_the_source_itself_need_no_names(tmp_path: Path) -> None:
    run = make_run(tmp_path, train([make_task("a", recorded=recorded(("chat", "Cevap: 4")))]))
    recipe = make_recipe(teachers={"eski": {"use": "recorded"}})
    asker = FakeAsker(lambda teacher, question: Completion(answer=question.recorded[question.sample].text))
    STAGE.run(context_of(STAGE, recipe, run, asker))
    assert [s.answer for s in samples_in(run, "2_answers")] == ["4"]


def test_the_rows_own_answers_can_take_the_teachers_place(tmp_path: Path) -> None:
    run = make_run(tmp_path, train([make_task("a", answer="12"), make_task("b", answer=None)]))
    recipe = make_recipe(teachers={}, generate={"from": "reference"})
    asker = FakeAsker(plain)
    result = STAGE.run(context_of(STAGE, recipe, run, asker))
    first, second = samples_in(run, "2_answers")
    assert (first.id, first.answer, asker.asked) == ("a#reference#0", "12", [])
    assert second.completion.outcome is Outcome.FAILED
    assert result.books.reasons == {"failed": 1}


def test_the_same_answers_again_have_the_same_leaves_whatever_they_took(tmp_path: Path) -> None:
    def timed(seconds: float) -> FakeAsker:
        return FakeAsker(lambda teacher, question: Completion(answer="Cevap: 5", seconds=seconds))

    leaves = []
    for number in (1, 2):
        run = make_run(tmp_path / str(number), train([make_task("a")]))
        leaves.append(STAGE.run(context_of(STAGE, make_recipe(), run, timed(number))).leaves)
    assert leaves[0] == leaves[1]


def test_partial_work_is_done_again_cleanly(tmp_path: Path) -> None:
    run = make_run(tmp_path, train([make_task("a")]))
    context = context_of(STAGE, make_recipe(), run, FakeAsker(plain))
    for name in ("part-00000.jsonl", "part-00007.jsonl", ".round-000.jsonl", ".part-00001.jsonl.123.tmp"):
        (context.folder / name).write_text("half a li")
    STAGE.run(context)
    assert len(samples_in(run, "2_answers")) == 1
    assert sorted(path.name for path in context.folder.iterdir()) == [".begun.json", "part-00000.jsonl"]


def test_the_stage_hash_follows_what_shapes_answers() -> None:
    asker = FakeAsker(plain)
    base = STAGE.settings(make_recipe(), asker)
    assert base == STAGE.settings(make_recipe(name="other"), asker)
    for change in ({"seed": 1}, {"temperature": 0.5}, {"max_tokens": 7}, {"instruction": "x"}, {"samples": 3}):
        assert STAGE.settings(make_recipe(generate=change), asker) != base
    agreement = [{"use": "agreement", "at_least": 0.9}]
    assert STAGE.settings(make_recipe(refine=agreement), asker) == base
    waiting = STAGE.settings(make_recipe(generate=until(1, 2)), asker)
    assert STAGE.settings(make_recipe(generate=until(1, 2), refine=agreement), asker) != waiting


BOTH = {"teachers": {name: {"use": "openai", "model": name} for name in ("a", "b", "yerel")}}


def test_each_of_several_teachers_answers_every_task(tmp_path: Path) -> None:
    run, asker = make_run(tmp_path, train([make_task("r1"), make_task("r2")])), FakeAsker(plain)
    recipe = make_recipe(**BOTH, generate={"teacher": ["a", "b"], "samples": 2, "temperature": 0.7})
    result = STAGE.run(context_of(STAGE, recipe, run, asker))
    found = [sample.id for sample in samples_in(run, "2_answers")]
    assert found == [f"{row}#{name}#{number}" for row in ("r1", "r2") for number in (0, 1) for name in ("a", "b")]
    assert (result.books.rows_in, len(set(result.leaves))) == (8, 8)
    assert not list(run.stage("2_answers").glob(".round*"))


def test_several_teachers_are_asked_further_only_where_they_differ(tmp_path: Path) -> None:
    said = {"same": {"a": "5 1 1", "b": "5 1 1"}, "late": {"a": "5 5 1", "b": "7 5 1"}}

    def answer(teacher: str, question: Question) -> Completion:
        return Completion(answer=f"Cevap: {said[question.row][teacher].split()[question.sample]}")

    run = make_run(tmp_path, train([make_task("same"), make_task("late")]))
    recipe = make_recipe(**BOTH, generate={**until(1, 3), "teacher": ["a", "b"]}, refine=["agreement"])
    STAGE.run(context_of(STAGE, recipe, run, FakeAsker(answer)))
    found = [sample.id for sample in samples_in(run, "2_answers")]
    assert found == ["same#a#0", "same#b#0", "late#a#0", "late#b#0", "late#a#1", "late#b#1"]


def test_an_answer_still_to_come_decides_nothing_whichever_teacher_owes_it(tmp_path: Path) -> None:
    def answer(teacher: str, question: Question) -> Completion:
        if teacher == "a":
            return Completion(outcome=Outcome.PENDING, reason="later")
        return Completion(answer="Cevap: 5")

    run = make_run(tmp_path, train([make_task("r")]))
    recipe = make_recipe(**BOTH, generate={**until(1, 3), "teacher": ["a", "b"]}, refine=["agreement"])
    result = STAGE.run(context_of(STAGE, recipe, run, FakeAsker(answer)))
    assert [sample.id for sample in samples_in(run, "2_answers")] == ["r#a#0", "r#b#0"]
    assert result.books.balanced
    assert result.books.pending == 1


def test_who_may_not_see_a_row_disagrees_with_nobody(tmp_path: Path) -> None:
    def answer(teacher: str, question: Question) -> Completion:
        if teacher == "a":
            return Completion(outcome=Outcome.BLOCKED, reason="may not leave")
        return Completion(answer="Cevap: 5")

    run = make_run(tmp_path, train([make_task("r")]))
    refine = [{"use": "agreement", "at_least": 1}]
    recipe = make_recipe(**BOTH, generate={**until(1, 3), "teacher": ["a", "b"]}, refine=refine)
    STAGE.run(context_of(STAGE, recipe, run, FakeAsker(answer)))
    assert [sample.id for sample in samples_in(run, "2_answers")] == ["r#a#0", "r#b#0"]


def test_several_teachers_by_sensitivity(tmp_path: Path) -> None:
    tasks = [make_task("open"), make_task("closed", sensitivity=Sensitivity.CONFIDENTIAL)]
    run, asker = make_run(tmp_path, train(tasks)), FakeAsker(plain)
    recipe = make_recipe(**BOTH, generate={"teacher": {"public": ["a", "b"], "otherwise": "yerel"}})
    assert recipe.answering_teachers() == ["a", "b", "yerel"]
    assert recipe.most_teachers == 2
    STAGE.run(context_of(STAGE, recipe, run, asker))
    assert [sample.id for sample in samples_in(run, "2_answers")] == ["open#a#0", "open#b#0", "closed#yerel#0"]


@pytest.mark.parametrize("names", [[], ["a", "a"], ["a", ""], {"public": ["b", "b"], "otherwise": "a"}])
def test_each_of_several_teachers_is_named_once(names: object) -> None:
    with pytest.raises(ImbikError, match="name each teacher once"):
        make_recipe(**BOTH, generate={"teacher": names})


def test_a_teacher_of_several_that_is_not_there_is_told() -> None:
    with pytest.raises(ImbikError, match="'c' is not under"):
        make_recipe(**BOTH, generate={"teacher": ["a", "c"]})
