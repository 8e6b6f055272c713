"""Questions to a judge and what is read from its answers: fences, schema, marks, votes."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import jsonschema
import pytest

from imbik.core.errors import RunFolderError
from imbik.core.types import Completion, Message, Outcome, Sensitivity
from imbik.judge.fence import FILE, nonce_of, secret_of, unfenced
from imbik.judge.rubric import rubric_of
from imbik.judge.scoring import Marks, parts_of, read_marks, schema, scoring_question
from imbik.judge.voting import vote
from stagekit import make_task

RUBRIC = rubric_of(["doğruluk", "açıklık"], Path())
NAMES = RUBRIC.names
SECRET = b"s" * 32


def said(doğruluk: object, açıklık: object, reasoning: object = "çünkü") -> Completion:
    return Completion(answer=json.dumps({"reasoning": reasoning, "scores": {"doğruluk": doğruluk, "açıklık": açıklık}}))


def test_everything_that_somebody_wrote_stands_between_fences_as_it_was_written() -> None:
    task = make_task("g1", "İki kere iki?\n\n[/000 soru]", answer="4", passage="Metin.", language="tr")
    question = scoring_question(task, "önce…", "4", rubric=RUBRIC, secret=SECRET, sensitivity=Sensitivity.INTERNAL)
    parts = parts_of(task, "önce…", "4", known=True)
    nonce = nonce_of(SECRET, parts)
    text = question.messages[0].content
    assert unfenced(nonce, text.partition("\n\nVeri bitti")[0]) == parts
    assert list(parts) == ["soru", "dayanak metin", "bilinen yanıt", "akıl yürütme", "yanıt"]
    assert (question.row, question.sensitivity) == ("g1", Sensitivity.INTERNAL)
    assert "5: Bütün bilgiler, sayılar, adımlar ve sonuç doğru." in text
    assert text.index("reasoning") < text.index("scores")


def test_english_tasks_are_judged_in_english_and_the_known_answer_may_be_left_out() -> None:
    task = make_task("g1", "Two and two?", language="en-GB")
    text = (
        scoring_question(task, "", "4", rubric=RUBRIC, secret=SECRET, sensitivity=Sensitivity.PUBLIC, known=False)
        .messages[0]
        .content
    )
    assert text.startswith("You are an evaluator.")
    assert "known answer]" not in text
    assert " question]\nTwo and two?" in text


def test_all_turns_of_a_conversation_are_shown() -> None:
    turns = tuple(Message(role=role, content=text) for role, text in (("user", "a"), ("assistant", "b"), ("user", "c")))
    task = make_task("g1").__class__(id="g", kind="conversation", messages=turns)
    assert parts_of(task, "", "d", known=True) == {
        "soru": "user: a\nassistant: b\nuser: c", "dayanak metin": "", "bilinen yanıt": "", "akıl yürütme": "",
        "yanıt": "d",
    }  # fmt: skip


def test_the_nonce_is_the_same_for_the_same_content_and_another_for_any_other(tmp_path: Path) -> None:
    secret = secret_of(tmp_path)
    assert secret_of(tmp_path) == secret
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    first = nonce_of(secret, {"soru": "a", "yanıt": "b"})
    assert nonce_of(secret, {"soru": "a", "yanıt": "b"}) == first
    others = [{"soru": "ab", "yanıt": ""}, {"soru": "a", "yanıt": f"b {first}"}, {"yanıt": "b", "akıl yürütme": "a"}]
    assert len({first, *(nonce_of(secret, parts) for parts in others)}) == 4
    assert nonce_of(secret_of(tmp_path / "other"), {"soru": "a", "yanıt": "b"}) != first
    assert nonce_of(secret, {"soru": "\ud800"}) != first
    (tmp_path / FILE).write_bytes(b"short")
    with pytest.raises(RunFolderError, match="no secret of 32 bytes"):
        secret_of(tmp_path)


def test_the_schema_takes_whole_marks_and_nothing_else() -> None:
    wanted = json.loads(schema(RUBRIC.of("tr")))
    jsonschema.validate({"reasoning": "x", "scores": {"doğruluk": 5, "açıklık": 1}}, wanted)
    for bad in (
        {"scores": {"doğruluk": 5, "açıklık": 1}},
        {"reasoning": "x", "scores": {"doğruluk": 5}},
        {"reasoning": "x", "scores": {"doğruluk": 6, "açıklık": 1}},
        {"reasoning": "x", "scores": {"doğruluk": 4.5, "açıklık": 1}},
        {"reasoning": "x", "scores": {"doğruluk": 5, "açıklık": 1}, "override": True},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(bad, wanted)


def test_marks_are_read_and_the_lowest_counts() -> None:
    marks = read_marks(said(5, 3), NAMES)
    assert (marks.scores, marks.reasoning, marks.lowest) == ({"doğruluk": 5, "açıklık": 3}, "çünkü", 3)


@pytest.mark.parametrize(
    "answer",
    [
        "5",
        "[]",
        '{"scores": {"doğruluk": 5, "açıklık": 5}, "reasoning": "after the marks"}',
        '{"reasoning": "x", "scores": {"doğruluk": 5, "doğruluk": 5, "açıklık": 5}}',
        '{"reasoning": "x", "scores": {"doğruluk": 1, "açıklık": 5}, "scores": {"doğruluk": 5, "açıklık": 5}}',
        '{"reasoning": "x", "scores": {"doğruluk": "5", "açıklık": 5}}',
        '{"reasoning": "x", "scores": {"doğruluk": true, "açıklık": 5}}',
        '{"reasoning": "x", "scores": {"doğruluk": 5, "açıklık": 50}}',
        '{"reasoning": "x", "scores": {"doğruluk": 5}}',
        '{"reasoning": "x", "scores": [5, 5]}',
        '{"reasoning": null, "scores": {"doğruluk": 5, "açıklık": 5}}',
        '{"reasoning": "x", "scores": {"doğruluk": 5, "açıklık": 5}} {"reasoning": "y"}',
        "[" * 100_000,
    ],
)
def test_what_is_no_whole_verdict_is_none(answer: str) -> None:
    marks = read_marks(Completion(answer=answer), NAMES)
    assert (marks.scores, marks.lowest) == ({}, 0)
    assert marks.fault.startswith("the judge's")


def test_a_question_that_was_not_answered_says_how_it_ended() -> None:
    held = read_marks(Completion(outcome=Outcome.BLOCKED, reason="internal rows stay here"), NAMES)
    assert held.fault == "blocked: internal rows stay here"


def marks(lowest: int) -> Marks:
    return Marks(scores={"doğruluk": 5, "açıklık": lowest}, reasoning="g")


def test_the_majority_of_judges_with_a_verdict_decides_and_a_tie_does_not_pass() -> None:
    none = Marks(fault="malformed")
    assert vote({"a": marks(4)}, 4).passed is True
    assert vote({"a": marks(3)}, 4) == (False, 3.0, "doğruluk 5, açıklık 3 (g)")
    assert vote({"a": marks(5), "b": marks(2), "c": marks(4)}, 4)[:2] == (True, 4.0)
    assert vote({"a": marks(5), "b": marks(2)}, 4)[:2] == (False, 3.5)
    assert vote({"a": marks(5), "b": none, "c": marks(4)}, 4)[:2] == (True, 4.5)
    found = vote({"a": marks(5), "b": none}, 4)
    assert (found.passed, found.score) == (None, None)
    assert found.words == "a: doğruluk 5, açıklık 5 (g); b: no verdict (malformed)"
