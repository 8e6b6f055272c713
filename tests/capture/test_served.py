"""Capture from a server: the model's own distributions, the gate, the books, nothing paid twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asking import FAST
from capturekit import Asker, capture, recipe
from imbik.ask.engine import AskEngine
from imbik.capture.stage import CaptureStage
from imbik.core.errors import RecipeError
from imbik.core.executor import LocalExecutor
from imbik.core.files import remove
from imbik.core.progress import Progress, SilentReporter
from imbik.core.runfolder import RunFolder, write_parts
from imbik.core.types import Sensitivity
from imbik.models.logits import LogitStore
from imbik.privacy.addresses import endpoint
from imbik.privacy.audit import read_audit
from imbik.privacy.operator import LocalEndpoint, Operator
from imbik.recipe import Recipe
from imbik.stage import StageResult
from imbik.testing import FakeTeacher, Rule
from imbik.testing.completions import scores_of
from imbik.testing.tiny_models import TEXTS, make_model
from stagekit import context_of, make_recipe, make_run, make_sample, make_task


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teacher") / "weights"
    make_model(folder, context=128)
    return folder


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    samples = [make_sample(make_task(f"r{number}"), number % 2) for number in range(10)]
    sets = ["validation" if number > 7 else "train" for number in range(10)]
    made = make_run(tmp_path, [(sample.task, name) for sample, name in zip(samples, sets, strict=True)])
    write_parts(made.begin("3_refined", "h"), iter(samples))
    return made


def served(url: str, student: Path, **more: Any) -> Recipe:
    block = {"use": "openai", "model": "m", "base_url": url, "prompt_logprobs": 20}
    captured = {"teacher": "v", "top_k": 5, **more}
    return make_recipe(teachers={"v": block}, capture=captured, student={"model": str(student)})


@contextmanager
def asking(run: RunFolder, made: Recipe, url: str, operator: Operator | None = None) -> Iterator[AskEngine]:
    own = LocalEndpoint(host="127.0.0.1", ports=(endpoint(url).port,), attestation="the test's own machine")
    with AskEngine(
        recipe=made,
        run=run,
        executor=LocalExecutor(),
        progress=Progress(SilentReporter()),
        operator=operator or Operator(local=(own,)),
        policy=FAST,
    ) as engine:
        yield engine


def captured(run: RunFolder, made: Recipe, url: str, operator: Operator | None = None) -> StageResult:
    with asking(run, made, url, operator) as engine:
        return CaptureStage().run(context_of(CaptureStage(), made, run, engine))


@pytest.mark.parametrize("form", ["exact", "compressed"])
def test_a_server_gives_what_its_model_gives_here(run: RunFolder, weights: Path, tmp_path: Path, form: str) -> None:
    with FakeTeacher(score=scores_of(weights)) as teacher:
        result = captured(run, served(teacher.base_url, weights, form=form, top_k=6), teacher.base_url)
        assert teacher.count == 10
    assert (result.books.balanced, result.books.rows_out) == (True, 10)
    assert result.sensitivity is Sensitivity.PUBLIC
    over_http = LogitStore.open(run.stage("5_logits"))
    other = make_run(tmp_path / "here", [])
    (other.path / "1_tasks").rename(tmp_path / "unused")
    for folder in ("1_tasks", "3_refined"):
        (other.path / folder).symlink_to(run.path / folder)
    capture(other, weights, recipe(capture={"teacher": "t", "top_k": 6, "form": form}, student={"model": str(weights)}))
    here = LogitStore.open(other.stage("5_logits"))
    for row in here.rows():
        mine, theirs = (store.row(row, here.token_hash(row)) for store in (over_http, here))
        assert np.allclose(mine[1], theirs[1], atol=0.01)
        assert (mine[0] == theirs[0]).mean() > 0.9, "but for ties"
    lines = [line for line in read_audit(run.path / "audit.jsonl") if line.verdict]
    assert {line.purpose for line in lines} == {"capture"}
    assert len({row for line in lines for row in line.rows}) == 10
    assert not list(run.stage("5_logits").glob("scores.sqlite*"))


def test_what_is_captured_is_not_asked_again(run: RunFolder, weights: Path) -> None:
    with FakeTeacher(score=scores_of(weights)) as teacher:
        first = captured(run, served(teacher.base_url, weights), teacher.base_url)
        again = captured(run, served(teacher.base_url, weights), teacher.base_url)
        assert teacher.count == 10
    assert again.leaves == first.leaves


def test_rows_that_fail_or_stay_here_teach_by_their_text_and_are_counted(run: RunFolder, weights: Path) -> None:
    with FakeTeacher(score=scores_of(weights), rules=[Rule("400", after=2, times=3)]) as teacher:
        result = captured(run, served(teacher.base_url, weights), teacher.base_url)
    assert (result.books.rows_out, result.books.rejected) == (7, 3)
    assert result.books.balanced
    assert any("3 rows teach by their text alone" in warning for warning in result.warnings)


def test_rows_do_not_go_where_confidential_rows_may_not(run: RunFolder, weights: Path) -> None:
    with FakeTeacher(score=scores_of(weights)) as teacher:
        with pytest.raises(RecipeError, match=r"nothing could be captured.*cannot be read") as refused:
            captured(run, served(teacher.base_url, weights), teacher.base_url, Operator())
        assert teacher.count == 0
    assert "local:" in refused.value.next
    lines = [line for line in read_audit(run.path / "audit.jsonl") if line.verdict]
    assert {line.verdict for line in lines} == {"blocked"}


def test_another_tokenizer_and_too_few_alternatives_are_found_out(
    run: RunFolder, weights: Path, tmp_path: Path
) -> None:
    make_model(tmp_path / "other", texts=[text.upper() for text in TEXTS], context=128)
    with FakeTeacher(score=scores_of(tmp_path / "other")) as teacher, pytest.raises(RecipeError, match="another tok"):
        captured(run, served(teacher.base_url, weights), teacher.base_url)
    remove(run.stage("5_logits"))
    run.stage("5_logits").mkdir()

    def few(tokens: Any, k: int) -> Any:
        return scores_of(weights)(tokens, min(k, 3))

    with FakeTeacher(score=few) as teacher, pytest.raises(RecipeError, match=r"gives 3 alternatives|gives 4 alt"):
        captured(run, served(teacher.base_url, weights, top_k=8), teacher.base_url)


def test_nobody_to_ask_is_an_error(run: RunFolder, weights: Path) -> None:
    made = served("http://127.0.0.1:9/v1", weights)
    with pytest.raises(RecipeError, match="gives text only"):
        CaptureStage().run(context_of(CaptureStage(), made, run, Asker(None)))
