"""Rows in = kept + rejected + failed + pending, and every sample stands in one file: for every check there is, with
rows of every kind, with a check that raises on some of them, and after kill -9."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imbik.core.errors import ImbikError
from imbik.core.files import read_lines
from imbik.core.plugins import available, load_plugin
from imbik.core.questions import Question
from imbik.core.runfolder import RunFolder
from imbik.core.types import Completion, Outcome, Sample, Task
from imbik.refine.books import Tally
from imbik.refine.checks import CheckContext
from imbik.refine.stage import RefineStage
from imbik.stage import StageResult
from imbik.testing.tiny_models import make_model
from scorekit import classifier
from stagekit import FakeAsker, context_of, make_recipe, make_run, make_sample, make_task, samples_in

CODE = """
import os, time

def decide(sample, context, wait=0.0, raises=""):
    if wait:
        open(os.environ["IMBIK_TEST_MARK"], "a").close()
        time.sleep(wait)
    if raises and raises in sample.answer:
        raise KeyError(sample.answer)
"""
MODELS = Path(tempfile.mkdtemp(prefix="imbik-books-"))
SETTINGS: dict[str, dict[str, Any]] = {
    "balance": {"by": "category", "most": 2},
    "custom": {"function": "checks_of_the_books:decide", "options": {"raises": "7"}},
    "format": {"pattern": r"\d+"},
    "judge": {"teacher": "t", "rubric": ["doğruluk"], "at_least": 4},
    "score": {"model": str(MODELS / "reward"), "min": 0.0},
    "semantic": {"encoder": str(MODELS / "encoder")},
    "shape": {"max_answer_words": 3},
    "teachers": {"alone": "keep"},
}
TEXTS = st.sampled_from(
    ["", "5", "7", "2 + 3 = 5", "2 + 3 = 6", "ve sonra " * 12, "Üzgünüm, bir yapay zekâ olarak yapamam.", "\u202eters",
     "<b>5</b>", "{}", "İstanbul'da 3 kişi", "def f():\n    return 5", "0532 123 45 67",
     "The answer is what we have here."]
)  # fmt: skip
ROWS = st.lists(st.tuples(st.integers(0, 5), TEXTS, TEXTS, st.sampled_from([*Outcome])), min_size=1, max_size=10)


@pytest.fixture(scope="module", autouse=True)
def _models() -> Iterator[None]:
    """The models that two checks name: random, so that they keep some rows and reject others."""
    make_model(MODELS / "encoder")
    classifier(MODELS / "reward", ["reward"], MODELS / "encoder")
    yield
    shutil.rmtree(MODELS)


@pytest.fixture(autouse=True)
def _code(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path_factory.mktemp("code")
    (folder / "checks_of_the_books.py").write_text(CODE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "checks_of_the_books", raising=False)


def rows_of(drawn: Sequence[tuple[int, str, str, Outcome]]) -> tuple[list[Task], list[Sample]]:
    """Tasks, some of them with a known answer, and their samples, in task order; the first sample is a good one."""
    numbers = sorted({0, *(task for task, *_ in drawn)})
    tasks = [
        make_task(f"t{number}", answer="5" if number % 2 else None, category="ab"[number % 2], passage="5 elma vardı.")
        for number in numbers
    ]
    seen = Counter[int]({0: 1})
    samples = [make_sample(tasks[0], answer="5", reasoning="Ali'nin 2 + 3 = 5 elması oldu.")]
    for number, reasoning, answer, outcome in sorted(drawn, key=lambda row: row[0]):
        more = {} if outcome is Outcome.ANSWERED else {"completion": Completion(outcome=outcome, reason="denendi")}
        task = tasks[numbers.index(number)]
        samples.append(make_sample(task, seen[number], answer=answer, reasoning=reasoning, **more))
        seen[number] += 1
    return tasks, sorted(samples, key=lambda sample: (sample.task.id, sample.number))


def asked(_: str, question: Question) -> Completion:
    """A judge that likes some, and cannot be read now and then."""
    good = len(question.messages[-1].content) % 3
    return Completion(answer='{"doğruluk": 5}' if good else "bilmem")


def balanced(run: RunFolder, result: StageResult, samples: Sequence[Sample]) -> None:
    """The books, and the files behind them."""
    books = result.books
    assert books.balanced
    assert books.rows_in == len(samples)
    kept = [sample.id for sample in samples_in(run, "3_refined")]
    files = sorted(run.stage("3_refined").glob("rejected-*.jsonl"))
    rejected = [sample for path in files for sample in read_lines(path, Sample)]
    assert (len(kept), len(rejected)) == (books.rows_out, books.rejected)
    assert all(not sample.verdicts[-1].keep and sample.verdicts[-1].reason for sample in rejected)
    answered = {sample.id for sample in samples if sample.completion.outcome is Outcome.ANSWERED}
    every = [*kept, *(sample.id for sample in rejected)]
    assert len(every) == len(set(every))
    assert set(every) <= answered
    assert len(answered) - len(every) == books.pending - sum(
        sample.completion.outcome is Outcome.PENDING for sample in samples
    )
    assert Counter(sample.verdicts[-1].by for sample in rejected) <= Counter(books.reasons)


def refined(folder: Path, drawn: Sequence[Any], *checks: object, kind: str = "math") -> None:
    """Refine what was drawn, after a check of one row so that there is always something to learn from."""
    tasks, samples = rows_of(drawn)
    run = make_run(folder, [(task, "test" if task.id == "t5" else "train") for task in tasks], samples)
    recipe = make_recipe(tasks={"source": "rows.jsonl", "kind": kind, "sensitivity": "public"}, refine=list(checks))
    stage = RefineStage(block_rows=3)
    try:
        result = stage.run(context_of(stage, recipe, run, asker=FakeAsker(asked)))
    except ImbikError as error:  # nothing left to learn from is an error with a sentence, and no half-written books
        if "no training sample is left" not in str(error) and "crashed on all" not in str(error):
            raise
        return
    balanced(run, result, samples)


@pytest.mark.parametrize("name", sorted(available("refine/checks")))
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=ROWS)
def test_books_balance_for_every_check(name: str, tmp_path_factory: pytest.TempPathFactory, drawn: list[Any]) -> None:
    refined(tmp_path_factory.mktemp("run"), drawn, {"use": name, **SETTINGS.get(name, {})})


@pytest.mark.parametrize("name", sorted(available("refine/checks")))
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=ROWS)
def test_books_balance_when_a_check_raises(
    name: str, tmp_path_factory: pytest.TempPathFactory, drawn: list[Any]
) -> None:
    plugin = load_plugin("refine/checks", name)
    with pytest.MonkeyPatch.context() as patch:
        for method in {"judge", "judge_many", "edit", "sketch", "questions"} & set(vars(plugin)):
            patch.setattr(plugin, method, raising(getattr(plugin, method)))
        refined(tmp_path_factory.mktemp("run"), drawn, "shape", {"use": name, **SETTINGS.get(name, {})}, "answer")


def raising(method: Callable[..., Any]) -> Callable[..., Any]:
    """The method, which raises where a sample's answer is 7."""

    def raises(self: object, samples: Any, context: CheckContext) -> Any:
        if any(sample.answer == "7" for sample in ([samples] if isinstance(samples, Sample) else samples)):
            raise KeyError("7")
        return method(self, samples, context)

    return raises


def test_a_row_that_a_check_raises_on_is_rejected_with_the_reason(tmp_path: Path) -> None:
    tasks = [make_task(f"t{number}", answer=None) for number in range(4)]
    samples = [make_sample(task, answer="57" if task.id == "t2" else "5") for task in tasks]
    run = make_run(tmp_path, [(task, "train") for task in tasks], samples)
    stage = RefineStage()
    recipe = make_recipe(refine=[{"use": "custom", **SETTINGS["custom"]}])
    result = stage.run(context_of(stage, recipe, run))
    balanced(run, result, samples)
    assert result.books.reasons == {"custom": 1}
    assert "1 samples rejected because check custom crashed: KeyError at checks_of_the_books.py:" in " ".join(
        result.warnings
    )


CHILD = """
import sys
from pathlib import Path
from imbik.core.runfolder import RunFolder
from imbik.refine.checks import CheckContext
from imbik.refine.books import Tally
from imbik.refine.stage import RefineStage
from stagekit import context_of, make_recipe

wait = float(sys.argv[2])
recipe = make_recipe(refine=["shape", "answer", "duplicates",
                             {"use": "custom", "function": "checks_of_the_books:decide", "options": {"wait": wait}}])
stage = RefineStage(block_rows=4)
result = stage.run(context_of(stage, recipe, RunFolder(Path(sys.argv[1]) / "deneme")))
books = result.books
assert books.balanced
print(books.rows_in, books.rows_out, books.rejected, result.leaves[0])
"""


def test_a_killed_run_ends_as_one_that_was_never_interrupted(tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "checks_of_the_books.py").write_text(CODE, encoding="utf-8")
    mark = tmp_path / "begun"
    paths = [str(code), str(Path(__file__).parent.parent), *filter(None, sys.path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "IMBIK_TEST_MARK": str(mark)}
    made = []
    for name in ("killed", "whole"):
        tasks = [make_task(f"t{number:02d}", answer="57" if number % 5 == 0 else "5") for number in range(20)]
        samples = [make_sample(task) for task in tasks]
        run = make_run(tmp_path / name, [(task, "train") for task in tasks], samples)
        command = [sys.executable, "-c", CHILD, str(tmp_path / name)]
        if name == "killed":
            child = subprocess.Popen([*command, "30"], env=environment)
            while not mark.exists():
                assert child.poll() is None
                time.sleep(0.02)
            child.send_signal(signal.SIGKILL)
            assert child.wait() == -signal.SIGKILL
        done = subprocess.run([*command, "0"], env=environment, capture_output=True, text=True, check=True)
        files = sorted(path for path in run.stage("3_refined").iterdir() if path.suffix == ".jsonl")
        made.append((done.stdout, {path.name: path.read_bytes() for path in files}))
    assert made[0] == made[1]
    assert made[0][0].startswith("20 16 4 ")
    assert not [name for name in made[0][1] if name.startswith(".")]


def test_where_nothing_is_left_the_line_to_look_at_rows_names_the_run() -> None:
    tally = Tally("3_refined", "'runs/müşteri desteği'", frozenset(), rows=2, rejected_by=Counter(shape=2))
    with pytest.raises(ImbikError, match="no training sample is left: of 2 samples 2 rejected by shape") as raised:
        tally.books(0)
    assert "`imbik show 'runs/müşteri desteği' refine` shows rejected rows" in raised.value.next
