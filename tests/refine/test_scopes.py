"""Checks that mend, and checks that ask: counted edits, questions through the asker, pending rows, balanced books."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from imbik.core import plugins
from imbik.core.errors import ImbikError
from imbik.core.files import read_lines
from imbik.core.questions import Question
from imbik.core.runfolder import RunFolder
from imbik.core.types import Completion, Message, Outcome, Sample, Sensitivity, Verdict
from imbik.refine.books import Counted, read_counts
from imbik.refine.checks import CheckContext
from imbik.refine.stage import RefineStage
from imbik.stage import StageResult
from stagekit import FakeAsker, context_of, make_recipe, make_run, make_sample, make_task, samples_in, train

TWO = {"t": {"use": "openai", "model": "m"}, "u": {"use": "openai", "model": "n"}}


class _Mending:
    """Takes `<b>` out of answers; raises on `bad`."""

    Settings = plugins.PluginSettings
    version = 1
    scope = "edit"

    def __init__(self, settings: plugins.PluginSettings) -> None: ...

    def edit(self, sample: Sample, context: CheckContext) -> tuple[Sample, Mapping[str, int]]:
        if sample.answer == "bad":
            raise ZeroDivisionError
        if sample.answer == "other":
            return msgspec.structs.replace(sample, number=99), {}
        answer = sample.answer.replace("<b>", "")
        return msgspec.structs.replace(sample, answer=answer), {"html": sample.answer.count("<b>"), "nfc": 0}


class _Asking:
    """Asks every teacher twice whether an answer is right; keeps what all call right."""

    Settings = plugins.PluginSettings
    version = 1
    scope = "asked"
    teachers: tuple[str, ...] = ("t", "u")
    seen: tuple[dict[str, str], ...] = ()

    def __init__(self, settings: plugins.PluginSettings) -> None: ...

    def questions(self, sample: Sample, context: CheckContext) -> Sequence[Question]:
        if sample.answer == "bad question":
            raise ZeroDivisionError
        if sample.answer == "nothing to ask":
            return []
        turns = [(Message(role="user", content=f"{part}: {sample.answer}"),) for part in ("a", "b")]
        return [Question(messages=turn, row=sample.task.id, sensitivity=sample.sensitivity) for turn in turns]

    def decide(self, sample: Sample, completions: Mapping[str, Sequence[Completion]], context: CheckContext) -> Verdict:
        if sample.answer == "bad decision":
            raise ZeroDivisionError
        type(self).seen = (*self.seen, dict(context.identities))
        said = [item.answer for found in completions.values() for item in found]
        return Verdict(by="asking", keep=all("wrong" not in text for text in said), reason=",".join(said))


class _Many:
    """Judges a block at once; the block raises where an answer is bad, and then each alone."""

    Settings = plugins.PluginSettings
    version = 1
    scope = "row"

    def __init__(self, settings: plugins.PluginSettings) -> None: ...

    def judge(self, sample: Sample, context: CheckContext) -> Verdict:
        return self.judge_many([sample], context)[0]

    def judge_many(self, samples: Sequence[Sample], context: CheckContext) -> Sequence[Verdict]:
        return [Verdict(by="many", keep=1 / (sample.answer != "bad") > 0, score=len(samples)) for sample in samples]


class _Reading:
    """Rejects answers that are a word of a file."""

    class Settings(plugins.PluginSettings):
        file: str

    version = 1
    scope = "row"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def files(self, base: Path) -> Sequence[Path]:
        return [base / self.settings.file]

    def judge(self, sample: Sample, context: CheckContext) -> Verdict:
        words = (context.base / self.settings.file).read_text(encoding="utf-8").split()
        return Verdict(by="reading", keep=sample.answer not in words, reason=context.language)


MADE = {"mending": _Mending, "asking": _Asking, "many": _Many, "reading": _Reading}


@pytest.fixture(autouse=True)
def _made_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    original = plugins.load_plugin
    monkeypatch.setattr(plugins, "load_plugin", lambda group, name: MADE.get(name) or original(group, name))
    monkeypatch.setattr(_Asking, "seen", ())


def agreeable(teacher: str, question: Question) -> Completion:
    """Calls every answer right but `wrong`."""
    return Completion(answer=f"{teacher} {question.messages[0].content}")


def refine(run: RunFolder, asker: FakeAsker | None = None, block_rows: int = 256, **sections: Any) -> StageResult:
    stage = RefineStage(block_rows)
    if run.stage(stage.folder).exists():
        run.retire(stage.folder)
    recipe = make_recipe(**{"teachers": TWO, "generate": {"teacher": "t"}, **sections})
    result = stage.run(context_of(stage, recipe, run, asker=asker or FakeAsker(agreeable)))
    assert result.books.balanced
    return result


def rejected_in(run: RunFolder) -> list[Sample]:
    return [s for path in sorted(run.stage("3_refined").glob("rejected-*.jsonl")) for s in read_lines(path, Sample)]


def run_of(folder: Path, *answers: str) -> RunFolder:
    tasks = [make_task(f"g{number:02d}") for number in range(len(answers))]
    return make_run(
        folder, train(tasks), [make_sample(task, answer=text) for task, text in zip(tasks, answers, strict=True)]
    )


def counted(run: RunFolder) -> Counted:
    found = read_counts(run.stage("3_refined"))
    assert found is not None
    return found


def test_edits_are_made_counted_and_said(tmp_path: Path) -> None:
    run = run_of(tmp_path, "5", "<b>6", "<b>7<b>")
    refine(run, refine=["mending", "shape"])
    kept = samples_in(run, "3_refined")
    assert [sample.answer for sample in kept] == ["5", "6", "7"]
    assert [sample.verdicts[0].reason for sample in kept] == ["", "html 1", "html 2"]
    mending, shape = counted(run).checks
    assert (mending.name, mending.scope, mending.kept, mending.edits) == ("mending", "edit", 3, {"html": 3})
    assert (shape.kept, shape.edits) == (3, {})


def test_an_edit_that_raises_or_changes_the_id_rejects_its_row_alone(tmp_path: Path) -> None:
    run = run_of(tmp_path, "5", "bad", "other")
    books = refine(run, refine=["mending"]).books
    assert (books.rows_in, books.rows_out, books.rejected) == (3, 1, 2)
    told = [sample.verdicts[-1].reason for sample in rejected_in(run)]
    assert told[0].startswith("check mending crashed: ZeroDivisionError")
    assert told[1].startswith("check mending crashed: ValueError")


@pytest.mark.parametrize("block_rows", [1, 256])
def test_a_check_that_asks_is_asked_for_in_order_and_decides(tmp_path: Path, block_rows: int) -> None:
    run, asker = run_of(tmp_path, "5", "nothing to ask", "wrong", "6", "nothing to ask"), FakeAsker(agreeable)
    books = refine(run, asker, block_rows, refine=["shape", "asking", {"use": "shape", "max_answer_words": 3}]).books
    assert (books.rows_out, books.rejected, books.reasons) == (4, 1, {"asking": 1})
    assert [sample.answer for sample in samples_in(run, "3_refined")] == ["5", "nothing to ask", "6", "nothing to ask"]
    (wrong,) = rejected_in(run)
    assert wrong.verdicts[-1].reason == "t a: wrong,t b: wrong,u a: wrong,u b: wrong"
    assert [(teacher, question.row) for teacher, question in asker.asked] == [
        (teacher, row) for teacher in "tu" for row in ("g00", "g00", "g02", "g02", "g03", "g03")
    ]
    assert counted(run).checks[1].asked == {"t answered": 6, "u answered": 6}
    assert _Asking.seen[0] == {"t": "identity of t", "u": "identity of u"}
    assert not list(run.stage("3_refined").glob(".*.jsonl"))


def test_questions_and_decisions_that_raise_reject_their_row_alone(tmp_path: Path) -> None:
    run = run_of(tmp_path, "bad question", "5", "bad decision")
    books = refine(run, refine=["asking"]).books
    assert (books.rows_in, books.rows_out, books.rejected) == (3, 1, 2)
    assert all(s.verdicts[-1].reason.startswith("check asking crashed: Zero") for s in rejected_in(run))
    with pytest.raises(ImbikError, match="'asking' crashed on all 2 samples"):
        refine(run_of(tmp_path / "b", "bad question", "bad decision"), refine=["asking"])


def test_questions_that_cannot_be_asked_yet_leave_their_rows_pending(tmp_path: Path) -> None:
    def short(teacher: str, question: Question) -> Completion:
        late = teacher == "u" and question.row == "g01"
        return Completion(outcome=Outcome.PENDING) if late else agreeable(teacher, question)

    run = run_of(tmp_path, "5", "6", "wrong")
    books = refine(run, FakeAsker(short), refine=["asking", "duplicates"]).books
    assert (books.rows_in, books.rows_out, books.rejected, books.pending) == (3, 1, 1, 1)
    nothing = refine(
        run_of(tmp_path / "b", "5"),
        FakeAsker(lambda *_: Completion(outcome=Outcome.PENDING)),
        refine=["asking"],
    ).books
    assert (nothing.rows_out, nothing.pending) == (0, 1)


def test_blocked_questions_are_counted_and_said(tmp_path: Path) -> None:
    held = Completion(outcome=Outcome.BLOCKED, reason="internal rows may not go there. And so on")
    run = run_of(tmp_path, "5", "6")
    asker = FakeAsker(lambda teacher, question: held if teacher == "u" else agreeable(teacher, question))
    result = refine(run, asker, refine=["asking"])
    assert "asking: 4 of 4 questions to 'u' were held back (internal rows may not go there)" in result.warnings
    assert counted(run).checks[0].asked == {"t answered": 4, "u blocked": 4}


def test_a_judge_trained_on_secrets_makes_its_verdicts_secret(tmp_path: Path) -> None:
    run = run_of(tmp_path, "5")
    result = refine(run, FakeAsker(agreeable, level=Sensitivity.INTERNAL), refine=["asking"])
    assert result.sensitivity is Sensitivity.INTERNAL
    assert samples_in(run, "3_refined")[0].sensitivity is Sensitivity.INTERNAL


def test_a_block_is_judged_at_once_and_alone_where_that_crashes(tmp_path: Path) -> None:
    run = run_of(tmp_path, "5", "6", "7")
    refine(run, refine=["many"])
    assert [s.verdicts[-1].score for s in samples_in(run, "3_refined")] == [3, 3, 3]
    run = run_of(tmp_path / "b", "5", "bad", "7")
    books = refine(run, refine=["many"]).books
    assert (books.rows_out, books.rejected) == (2, 1)
    assert [s.verdicts[-1].score for s in samples_in(run, "3_refined")] == [1, 1]


def test_the_content_of_a_named_file_is_part_of_the_hash_and_is_found_from_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("6", encoding="utf-8")
    recipe = make_recipe(refine=[{"use": "reading", "file": "words.txt"}]).model_copy(update={"base": tmp_path})
    stage, run = RefineStage(), run_of(tmp_path, "5", "6")
    result = stage.run(context_of(stage, recipe, run))
    assert (result.books.rows_out, result.books.rejected) == (1, 1)
    assert samples_in(run, "3_refined")[0].verdicts[0].reason == "tr"
    asker = FakeAsker(agreeable)
    before = stage.settings(recipe, asker)
    assert stage.settings(recipe, asker) == before
    (tmp_path / "words.txt").write_text("7", encoding="utf-8")
    assert stage.settings(recipe, asker) != before


def test_who_is_asked_is_part_of_the_hash(tmp_path: Path) -> None:
    class _Other(FakeAsker):
        def identity(self, teacher: str) -> str:
            return f"another {teacher}"

    recipe = make_recipe(teachers=TWO, refine=["asking"])
    stage = RefineStage()
    assert stage.settings(recipe, FakeAsker(agreeable)) != stage.settings(recipe, _Other(agreeable))


def test_clean_mends_first_and_its_changes_are_counted(tmp_path: Path) -> None:
    tasks = [make_task(f"t{number}") for number in range(3)]
    samples = [
        make_sample(tasks[0], answer="<b>5</b>", reasoning="2 + 3 = 5 &amp; bitti"),
        make_sample(tasks[1], answer="5\u200b", reasoning="Ã§iÃ§ek"),
        make_sample(tasks[2]),
    ]
    run = make_run(tmp_path, [(task, "train") for task in tasks], samples)
    result = refine(run, refine=["clean", "answer"])
    assert (result.books.rows_out, result.books.rejected) == (3, 0)
    mended = samples_in(run, "3_refined")
    assert [sample.answer for sample in mended] == ["5", "5", "5"]
    assert [sample.reasoning for sample in mended[:2]] == ["2 + 3 = 5 & bitti", "çiçek"]
    assert [sample.verdicts[0].reason for sample in mended] == ["html 3", "control 1, mojibake 1", ""]
    assert [sample.completion for sample in mended] == [sample.completion for sample in samples]
    counted = read_counts(run.stage("3_refined"))
    assert counted is not None
    assert counted.checks[0].edits == {"html": 3, "control": 1, "mojibake": 1}
