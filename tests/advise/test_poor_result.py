"""A result that is not good enough: causes in the order in which to try them, with lines that the recipe takes."""

from __future__ import annotations

from factskit import DATA, GOOD, facts, lines, manifest, scores, training
from imbik.advise.poor_result import poor_result
from imbik.core.results import Books
from imbik.pipeline.sizes import Size
from imbik.recipe import build

POOR = scores(0.4, 0.45, teacher=0.9)


def test_a_small_retention_is_found_and_causes_come_in_order() -> None:
    unlearned = training([(3.0, 3.1), (2.9, 3.0), (2.8, 2.9), (2.7, 2.8), (2.6, 2.7)], tokens=500 * 16 * 100)
    problem = poor_result(facts("train.learning_rate=1e-6", scores=POOR, learned=400, training=unlearned))
    assert problem is not None
    assert "40.0%, 45% of its teacher" in problem.words
    causes = [mend.why.split(":")[0] for mend in problem.mends]
    assert causes == ["data", "learning rate", "duration", "base model", "tokenisation"]
    found = lines(problem)
    for line in ("generate.samples=4", "learning_rate=4.5e-03", "epochs=16", "hidden_size=128", "vocabulary=4096"):
        assert line in found


def test_a_weak_teacher_comes_first() -> None:
    problem = poor_result(facts(scores=scores(0.3, 0.6, teacher=0.5)))
    assert problem is not None
    assert "the teacher itself is right in 50%" in problem.mends[0].why


def test_many_rejected_answers_are_data() -> None:
    books = Books(rows_in=1000, rows_out=300, rejected=700)
    problem = poor_result(facts(scores=POOR, manifests={"refine": manifest("refine", books)}))
    assert problem is not None
    assert "refine turned 70%" in problem.mends[0].why


def test_a_loss_that_did_not_fall_asks_for_a_lower_rate() -> None:
    flat = training([(3.0, 3.1), (3.2, 3.3), (3.4, 3.5)])
    assert "train.learning_rate=1.0e-03" in lines(poor_result(facts(scores=POOR, training=flat)))


def test_too_few_passes_come_before_another_model() -> None:
    level = training([(4.4, 4.35), (4.3, 4.3)], steps=30, planned_steps=30, rows=8764)
    short = facts("train.steps=30", "train.batch_size=32", scores=POOR, training=level, learned=8764)
    problem = poor_result(short)
    assert problem is not None
    assert problem.mends[0].why.startswith("duration: 0.11 passes over the rows are few")
    assert problem.mends[0].line == "--set train.steps=2191"
    assert problem.mends[1].line == "--set student.hidden_size=128 --set train.steps=2191"
    lines(problem)


def test_too_few_passes_of_a_pretrained_model() -> None:
    data = {**DATA, "student": {"model": "org/small-1b"}, "train": {"method": "lora", "learning_rate": 2e-4}}
    short = training([(2.0, 2.1)], steps=30, planned_steps=30, rows=2000)
    sized = {"size": Size(1_000_000_000, True), "scores": POOR, "training": short}
    found = poor_result(facts(recipe=build(data, overrides=["train.steps=30", "train.batch_size=16"]), **sized))
    assert found is not None
    assert found.mends[0].line == "--set train.steps=375"
    found = poor_result(facts(recipe=build(data, overrides=["train.epochs=0.24", "train.batch_size=16"]), **sized))
    assert found is not None
    assert found.mends[0].line == "--set train.epochs=3"
    found = poor_result(facts(recipe=build(data), **{**sized, "size": Size(227_000, True)}))
    assert found is not None
    assert "or a small one, needs 8 or more" in found.mends[0].why
    enough = {**sized, "training": training(GOOD)}
    found = poor_result(facts(recipe=build(data), **enough))
    assert found is not None
    assert "passes" not in found.mends[0].why


def test_a_training_loss_that_is_still_high_is_found_where_the_schedule_flattens_its_end() -> None:
    flat = training([(4.4, 4.4), (4.0, 4.1), (3.85, 4.0), (3.8, 3.99), (3.8, 3.99)], rows=800)
    problem = poor_result(facts(scores=POOR, training=flat))
    assert problem is not None
    assert "training loss is still high (4.40 at first, 3.80 at last)" in problem.mends[0].why
    assert problem.mends[0].line == "--set train.epochs=16"


def test_recorded_answers_cannot_be_sampled_again() -> None:
    recorded = build({**DATA, "teachers": {"t": {"use": "recorded"}}})
    found = lines(poor_result(facts(recipe=recorded, scores=POOR, learned=400)))
    assert "generate." not in found
    assert "tasks.split.test=0.05" in found
    books = Books(rows_in=1000, rows_out=300, rejected=700)
    refined = {"refine": manifest("refine", books)}
    assert "generate." not in lines(poor_result(facts(recipe=recorded, scores=POOR, manifests=refined)))


def test_a_plain_classifier_that_does_better_is_said() -> None:
    problem = poor_result(facts(scores=scores(0.8, tfidf=0.9)))
    assert problem is not None
    assert "TF-IDF" in problem.words
    assert poor_result(facts(scores=scores(0.8, tfidf=0.7))) is None


def test_a_pretrained_student_gets_other_advice() -> None:
    data = {**DATA, "student": {"model": "org/small-1b"}, "train": {"method": "lora", "learning_rate": 2e-4}}
    problem = poor_result(facts(recipe=build(data), size=Size(1_000_000_000, True), scores=POOR))
    assert problem is not None
    found = " ".join(mend.line for mend in problem.mends)
    assert "student.model=OWNER/LARGER-MODEL" in found
    assert "train.method=full" in found
