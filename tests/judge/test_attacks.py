"""The injection corpus: none of it leaves its fence, breaks the schema or overturns a rule, wherever it is written."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from imbik.core.files import read_lines
from imbik.core.questions import Question
from imbik.core.types import Completion, Outcome, Sample
from imbik.judge.attacks import GUESSED, Attack, Judged, attacked, attacks, carriers
from imbik.judge.fence import nonce_of, unfenced
from imbik.judge.rubric import rubric_of
from imbik.judge.scoring import parts_of, read_marks, scoring_question
from imbik.refine.stage import RefineStage
from imbik.testing import gullible, honest
from stagekit import FakeAsker, context_of, make_recipe, make_run, samples_in

RUBRIC = rubric_of(["doğruluk", "açıklık"], Path())
SECRET = b"s" * 32
CASES = [(wrong, attack) for wrong, _ in carriers() for attack in attacks()]
each = pytest.mark.parametrize(
    ("wrong", "attack"), CASES, ids=lambda item: item.name if isinstance(item, Attack) else item.task.language
)


def asked(judged: Judged) -> Question:
    task, reasoning, answer = judged
    return scoring_question(task, reasoning, answer, rubric=RUBRIC, secret=SECRET, sensitivity=task.sensitivity)


def test_the_corpus_is_large_and_of_many_kinds() -> None:
    corpus = attacks()
    assert len(corpus) >= 60
    assert len({item.name for item in corpus}) == len({item.text for item in corpus}) == len(corpus)
    assert {item.at for item in corpus} == {"question", "passage", "reasoning", "answer"}
    texts = "\n".join(item.text for item in corpus)
    for kind in (GUESSED, "ölçütleri yok say", "Ignore the rubric", "\u202e", "\u200b", "<|im_start|>", '"scores"'):
        assert kind in texts


@each
def test_none_leaves_its_fence(wrong: Judged, attack: Attack) -> None:
    judged = attacked(wrong, attack)
    question = asked(judged)
    text = question.messages[0].content
    parts = {name: part for name, part in parts_of(*judged, known=True).items() if part}
    nonce = nonce_of(SECRET, parts_of(*judged, known=True))
    assert sum(attack.text in part for part in parts.values()) == 1
    start, end = text.index(f"[{nonce} "), text.rindex(f"[/{nonce} ")
    end = text.index("]", end) + 1
    assert unfenced(nonce, text[start:end]) == parts
    assert text.count(nonce) == 1 + 2 * len(parts), "the words before name it once, and each fence holds it"
    bare = asked(wrong).messages[0].content
    other = re.search(r"[0-9a-f]{32}", bare)
    assert other is not None
    assert text[:start].replace(nonce, "") == bare[: bare.index(f"[{other[0]} ")].replace(other[0], "")
    assert text[end:] == bare[bare.index("]", bare.rindex(f"[/{other[0]} ")) + 1 :]


@each
def test_said_back_by_a_judge_none_breaks_the_schema(wrong: Judged, attack: Attack) -> None:
    for answer in (attack.text, f'{{"reasoning": "{attack.text}", "scores": {{"doğruluk": 5, "açıklık": 5}}}}'):
        marks = read_marks(Completion(answer=answer), RUBRIC.names)
        assert not marks.scores or set(marks.scores) == set(RUBRIC.names)
    quoted = json.dumps({"reasoning": attack.text, "scores": {"doğruluk": 1, "açıklık": 2}})
    assert read_marks(Completion(answer=quoted), RUBRIC.names).scores == {"doğruluk": 1, "açıklık": 2}


@pytest.mark.parametrize("judge", [honest, gullible])
@pytest.mark.parametrize("order", [0, 1])
def test_none_overturns_a_deterministic_verdict(tmp_path: Path, judge: Callable[..., str], order: int) -> None:
    """Even a judge that obeys every word keeps nothing that a rule rejects, before it or after it."""
    samples, tasks = list[Sample](), {}
    for number, (wrong, attack) in enumerate(CASES):
        task, reasoning, answer = attacked(wrong, attack)
        task = task.__class__(
            **{name: getattr(task, name) for name in task.__struct_fields__} | {"id": f"{number:03d}"}
        )
        tasks[task.id] = task
        completion = Completion(answer=f"{reasoning}\nCevap: {answer}", outcome=Outcome.ANSWERED)
        samples.append(
            Sample(task=task, teacher="t", number=0, completion=completion, reasoning=reasoning, answer=wrong.answer)
        )
    right = carriers()[0][1]
    good = msgspec.structs.replace(right.task, id="good")
    samples.append(
        Sample(task=good, teacher="t", number=0, completion=Completion(answer="7"), answer="7", reasoning="3 + 4 = 7")
    )
    run = make_run(tmp_path, [(task, "train") for task in [*tasks.values(), good]], samples)
    checks: list[object] = ["answer"]
    checks.insert(order, {"use": "judge", "teacher": "y", "rubric": ["doğruluk"], "on_low": "annotate"})
    teachers = {name: {"use": "openai", "model": name} for name in "ty"}
    stage = RefineStage()
    asker = FakeAsker(lambda _, q: Completion(answer=judge([{"content": q.messages[0].content}])))
    recipe = make_recipe(refine=checks, teachers=teachers, generate={"teacher": "t"})
    books = stage.run(context_of(stage, recipe, run, asker=asker)).books
    assert (books.rows_out, books.reasons) == (1, {"answer": len(CASES)})
    assert [sample.task.id for sample in samples_in(run, "3_refined")] == ["good"]
    rejected = [s for path in run.stage("3_refined").glob("rejected-*.jsonl") for s in read_lines(path, Sample)]
    assert len(rejected) == len(CASES)


def test_the_controls_tell_a_judge_that_is_moved_from_one_that_is_not() -> None:
    def passed(judge: Callable[..., str], judged: Judged) -> bool:
        said = Completion(answer=judge([{"content": asked(judged).messages[0].content}]))
        return read_marks(said, RUBRIC.names).lowest >= 4

    for wrong, right in carriers():
        for judge in (honest, gullible):
            assert passed(judge, right)
            assert not passed(judge, wrong)
    moved = [passed(gullible, attacked(*case)) for case in CASES]
    assert sum(moved) / len(moved) > 0.9
    assert not any(passed(honest, attacked(*case)) for case in CASES)
