"""Learning at the student's own attempts: which rows, what is learned there, exact resume, a served teacher."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from asking import FAST
from imbik.ask.engine import AskEngine
from imbik.core.errors import TrainingError
from imbik.core.executor import LocalExecutor
from imbik.core.files import read_json, read_lines
from imbik.core.plugins import PluginBlock, make
from imbik.core.progress import Progress, SilentReporter
from imbik.core.questions import Sampling
from imbik.models.engines import Generated
from imbik.models.load import load
from imbik.privacy.addresses import endpoint
from imbik.privacy.audit import read_audit
from imbik.privacy.operator import LocalEndpoint, Operator
from imbik.recipe.training import OnPolicy
from imbik.stage import Asker
from imbik.testing import FakeTeacher, Rule
from imbik.testing.completions import scores_of
from imbik.testing.tiny_models import TEXTS, make_model
from imbik.train.attempts import Attempt, AttemptStore
from imbik.train.batches import Order, lay_out
from imbik.train.course import TrainingRecord
from imbik.train.losses import Loss
from imbik.train.module import StudentModule
from imbik.train.on_policy import NO_PROMPT, NO_ROOM, Attempts
from imbik.train.rows import UNLABELLED, Row, TeacherRow
from imbik.train.stage import TrainStage
from imbik.train.trainer import StudentTrainer
from stagekit import FakeAsker, context_of
from trainkit import STUDENT, Beside, Ready, lay

KD = [{"use": "cross_entropy", "weight": 0.5}, "reverse_kl"]
TEACHERS = {"t": {"use": "in_process", "model": "m"}}


def some(count: int = 40) -> list[Row]:
    """Rows with a prompt of four tokens."""
    return [
        Row(f"r{number}", np.arange(10, 18 + number % 3, dtype=np.int32), np.arange(3, 7 + number % 3), prompt=4)
        for number in range(count)
    ]


class Writer:
    """Writes 100, 101, … after every prompt, ended where there is room; counts what it was asked."""

    def __init__(self, length: int = 3, finished: bool = True) -> None:
        self.length, self.finished = length, finished
        self.asked: list[tuple[list[int], Sampling, int]] = []

    def __call__(
        self, prompts: Sequence[Sequence[int]], samplings: Sequence[Sampling], seeds: Sequence[int]
    ) -> list[Generated]:
        self.asked += [(list(p), s, n) for p, s, n in zip(prompts, samplings, seeds, strict=True)]
        return [
            Generated(list(range(100, 100 + min(self.length, how.max_tokens))), self.finished, "metin")
            for how in samplings
        ]


def attempts(
    folder: Path, rows: Sequence[Row], write: Writer | None = None, *, longest: int = 64, reader: Any = None, **how: Any
) -> Attempts:
    order = Order(rows, seed=1, size=4, total=len(rows) * 2)
    store = AttemptStore(folder / "attempts.jsonl")
    return Attempts(OnPolicy(**how), order, rows, longest, write or Writer(), store, reader)


def steps(mix: Attempts, rows: Sequence[Row], first: int = 0, last: int = 20) -> list[list[Row]]:
    return [mix.mixed(step, [rows[index] for index in mix._order.batch(step)]) for step in range(first, last)]


def test_about_the_share_of_rows_become_attempts_the_same_every_time(tmp_path: Path) -> None:
    rows = some(400)
    found = [row for batch in steps(attempts(tmp_path / "a", rows, share=0.3), rows, last=200) for row in batch]
    share = sum(not row.labelled for row in found) / len(found)
    assert share == pytest.approx(0.3, abs=0.05)
    again = [row for batch in steps(attempts(tmp_path / "b", rows, share=0.3), rows, last=200) for row in batch]
    assert [row.labelled for row in again] == [row.labelled for row in found]


def test_an_attempt_is_the_prompt_and_what_was_written_learned_from_its_first_token(tmp_path: Path) -> None:
    rows = some()
    [first, *_] = steps(attempts(tmp_path, rows, share=1), rows)
    for row in first:
        assert row.ids[:4].tolist() == [10, 11, 12, 13]
        assert row.ids[4:7].tolist() == [100, 101, 102]
        assert len(row.ids) == 8, "the token that ends a row ends it"
        assert row.places.tolist() == [3, 4, 5, 6]
        assert set(row.labels.tolist()) == {UNLABELLED}


def test_an_attempt_that_was_cut_off_has_no_end(tmp_path: Path) -> None:
    rows = some()
    mix = attempts(tmp_path, rows, Writer(length=50, finished=False), share=1, max_tokens=5)
    [row, *_] = steps(mix, rows)[0]
    assert row.ids.tolist() == [10, 11, 12, 13, 100, 101, 102, 103, 104]


def test_rows_without_a_prompt_or_room_stay_as_they_are_and_are_counted(tmp_path: Path) -> None:
    rows = [Row("a", np.arange(9, dtype=np.int32), np.arange(8)), *some(3)]
    mix = attempts(tmp_path, rows, longest=5, share=1)
    found = [row for batch in steps(mix, rows, last=2) for row in batch]
    assert all(row.labelled for row in found)
    books = mix.store.books(2)
    assert books.reasons == {NO_PROMPT: 2, NO_ROOM: 6}
    assert books.balanced


def test_what_was_written_is_read_and_not_written_again(tmp_path: Path) -> None:
    rows, writer = some(), Writer()
    first = steps(attempts(tmp_path, rows, writer, share=0.5), rows)
    count = len(writer.asked)
    again = steps(attempts(tmp_path, rows, Writer(length=9), share=0.5), rows)
    assert count
    assert [[row.ids.tolist() for row in batch] for batch in again] == [
        [row.ids.tolist() for row in batch] for batch in first
    ]
    assert attempts(tmp_path, rows, share=0.5).store.books(20).rows == count


def test_several_steps_are_written_at_once_by_the_student_as_it_is_then(tmp_path: Path) -> None:
    rows, sizes = some(), []

    def write(prompts: Sequence[Any], samplings: Sequence[Any], seeds: Sequence[int]) -> list[Generated]:
        sizes.append(len(prompts))
        return Writer()(prompts, samplings, seeds)

    steps(attempts(tmp_path / "a", rows, write, share=1, every=5), rows, last=20)  # type: ignore[arg-type]
    assert sizes == [20, 20, 20, 20]
    whole = [row for batch in steps(attempts(tmp_path / "b", rows, share=1), rows) for row in batch]
    several = [row for batch in steps(attempts(tmp_path / "c", rows, share=1, every=5), rows) for row in batch]
    assert [row.ids.tolist() for row in whole] == [row.ids.tolist() for row in several]


def test_each_attempt_has_a_seed_of_its_own(tmp_path: Path) -> None:
    rows, writer = some(), Writer()
    steps(attempts(tmp_path, rows, writer, share=1, temperature=0.7, top_p=0.9), rows, last=20)
    seeds = [seed for _, _, seed in writer.asked]
    assert len(set(seeds)) == len(seeds)
    assert {(how.temperature, how.top_p) for _, how, _ in writer.asked} == {(0.7, 0.9)}


class Half:
    """A teacher that reads every other attempt."""

    def __init__(self) -> None:
        self.kept: list[str] = []

    def read(self, rows: Sequence[Row]) -> list[TeacherRow | str]:
        said: TeacherRow = (np.zeros((1, 2), np.uint32), np.zeros((1, 2), np.float32))
        return ["the server was busy" if number % 2 else said for number in range(len(rows))]

    def forget(self, keep: Sequence[Row]) -> None:
        self.kept = [row.id for row in keep]


def test_what_the_teacher_does_not_read_is_learned_as_the_row_stands(tmp_path: Path) -> None:
    rows, reader = some(), Half()
    mix = attempts(tmp_path, rows, reader=reader, share=1)
    found = steps(mix, rows, last=2)
    assert [row.labelled for row in found[0]] == [False, True, False, True]
    assert found[0][0].taught
    assert mix.store.books(2).reasons == {"the server was busy": 4}
    mix.checkpointed()
    assert reader.kept == [row.id for row in found[1] if not row.labelled]


@pytest.mark.parametrize("use", ["cross_entropy", "forward_kl", "reverse_kl"])
def test_the_text_of_an_attempt_is_no_label(tmp_path: Path, use: str) -> None:
    """Losses of the text are 0 on attempts; losses of distributions take them as any row."""
    network = make_model(tmp_path / "s").network
    loss: Loss = make("train/losses", PluginBlock(use=use))
    draw = np.random.default_rng(1)
    teacher = (draw.integers(0, 300, (4, 3)).astype(np.uint32), np.log(np.full((4, 3), 0.25, np.float32)))
    plain = Row("a", np.arange(10, 18, dtype=np.int32), np.arange(3, 7), recall=lambda: teacher)
    own = Row("b", np.arange(20, 28, dtype=np.int32), np.arange(3, 7), recall=lambda: teacher, labelled=False)

    def value(rows: list[Row]) -> tuple[float, torch.Tensor]:
        network.zero_grad()
        batch = lay_out(rows, "padded").tensors("cpu")
        made = StudentModule(network, [loss])(**batch, tokens=torch.tensor(1.0))
        made.backward()
        return float(made.detach()), torch.cat([p.grad.flatten() for p in network.parameters()])

    (both, by_both), (first, by_first), (second, by_second) = value([plain, own]), value([plain]), value([own])
    assert both == pytest.approx(first + second, rel=1e-5)
    assert torch.allclose(by_both, by_first + by_second, atol=1e-5)
    assert (second == 0) is (use == "cross_entropy")
    assert bool(by_second.abs().sum() == 0) is (use == "cross_entropy")


# ---- whole trainings ----


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teacher") / "weights"
    make_model(folder, hidden_size=24, context=96, seed=3)
    return folder


def run_stage(run: Any, recipe: Any, asker: Asker) -> tuple[Path, TrainingRecord]:
    stage = TrainStage()
    stage.run(context_of(stage, recipe, run, asker))
    folder = run.stage("6_student") / "student" / "seed-1"
    return folder, read_json(folder / "training.json", TrainingRecord)


def train(ready: Callable[..., Ready], asker: Asker, **train: Any) -> tuple[Path, TrainingRecord]:
    """A student that learns at its own attempts, with a teacher beside it."""
    own = {"share": 0.5, "max_tokens": 12}
    settings = {"losses": KD, "teacher": "t", "on_policy": own, "checkpoint_every": 4, **train}
    run, recipe = ready(teachers=TEACHERS, train=settings, student={**STUDENT, "tokenizer": "teacher"})
    return run_stage(run, recipe, asker)


def test_a_student_learns_at_its_own_attempts(ready: Callable[..., Ready], weights: Path) -> None:
    folder, record = train(ready, Beside(weights))
    books = record.attempts
    assert books is not None
    assert books.balanced
    assert 0 < books.taught < 48
    assert books.rows == books.taught
    lines = list(read_lines(folder / "attempts.jsonl", Attempt))
    assert len(lines) == books.rows
    assert {line.step for line in lines} <= set(range(12))
    tokenizer = load(weights).tokenizer
    line = next(line for line in lines if line.text)
    assert line.text.strip() in str(tokenizer.decode(list(line.tokens), skip_special_tokens=True))


def test_attempts_come_from_the_student_as_it_is_at_that_step(ready: Callable[..., Ready], weights: Path) -> None:
    folder, _ = train(ready, Beside(weights), on_policy={"share": 1.0, "temperature": 0, "max_tokens": 12})
    lines = list(read_lines(folder / "attempts.jsonl", Attempt))
    by_row: dict[str, set[tuple[int, ...]]] = {}
    for line in lines:
        by_row.setdefault(line.row, set()).add(line.tokens)
    assert any(len(written) > 1 for written in by_row.values()), "the same row is answered otherwise later on"


@pytest.mark.parametrize("more", [{}, {"method": "lora"}, {"on_policy": {"share": 0.5, "every": 3, "max_tokens": 12}}])
def test_a_training_that_is_stopped_goes_on_bit_for_bit(
    ready: Callable[..., Ready], weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any]
) -> None:
    own = {"losses": KD, "teacher": "t", "on_policy": {"share": 0.5, "max_tokens": 12}, "checkpoint_every": 4, **more}
    made = {"teachers": TEACHERS, "train": own, "student": {**STUDENT, "tokenizer": "teacher"}}
    whole = run_stage(*lay(tmp_path / "whole", **made), Beside(weights))[1]
    run, recipe = lay(tmp_path / "stopped", **made)
    inner = StudentTrainer.training_step

    def stops(self: StudentTrainer, model: Any, inputs: Any, count: Any = None) -> Any:
        if int(inputs) == 7:
            raise KeyboardInterrupt
        return inner(self, model, inputs, count)

    monkeypatch.setattr(StudentTrainer, "training_step", stops)
    with pytest.raises(KeyboardInterrupt):
        run_stage(run, recipe, Beside(weights))
    monkeypatch.setattr(StudentTrainer, "training_step", inner)
    _, again = run_stage(run, recipe, Beside(weights))
    assert again.sha256 == whole.sha256
    assert again.attempts == whole.attempts


def test_controls_make_no_attempts(ready: Callable[..., Ready], weights: Path) -> None:
    folder, _ = train(ready, Beside(weights), controls=["text_only"])
    control = folder.parent.parent / "text_only" / "seed-1"
    assert read_json(control / "training.json", TrainingRecord).attempts is None
    assert not (control / "attempts.jsonl").exists()


# ---- a served teacher ----


def own_server(url: str) -> Operator:
    port = endpoint(url).port
    return Operator(local=(LocalEndpoint(host="127.0.0.1", ports=(port,), attestation="the test's own machine"),))


@contextmanager
def served(run: Any, recipe: Any, url: str, operator: Operator | None = None) -> Iterator[AskEngine]:
    with AskEngine(
        recipe=recipe,
        run=run,
        executor=LocalExecutor(),
        progress=Progress(SilentReporter()),
        operator=operator or own_server(url),
        policy=FAST,
    ) as engine:
        yield engine


def lay_served(ready: Callable[..., Ready], url: str, student: Path, **train: Any) -> Ready:
    own = {"share": 0.5, "max_tokens": 12}
    settings = {"losses": KD, "teacher": "v", "on_policy": own, "checkpoint_every": 4, "top_k": 5, **train}
    block = {"use": "openai", "model": "m", "base_url": url, "prompt_logprobs": 20}
    return ready(teachers={"v": block}, train=settings, student={"model": str(student)})


def test_a_served_teacher_reads_the_attempts(ready: Callable[..., Ready], weights: Path, tmp_path: Path) -> None:
    make_model(tmp_path / "student", tokenizer=weights, context=96, hidden_size=16)
    with FakeTeacher(score=scores_of(weights)) as teacher:
        run, recipe = lay_served(ready, teacher.base_url, tmp_path / "student")
        with served(run, recipe, teacher.base_url) as engine:
            folder, record = run_stage(run, recipe, engine)
        asked = teacher.count
        bodies = teacher.bodies
    books = record.attempts
    assert books is not None
    assert (books.balanced, books.taught) == (True, books.rows)
    lines = list(read_lines(folder / "attempts.jsonl", Attempt))
    assert asked == len({(line.row, line.tokens) for line in lines}), "each different attempt is asked about once"
    assert {tuple(body["prompt"])[-len(line.tokens) :] for body, line in zip(bodies, lines, strict=False)}
    audit = [line for line in read_audit(run.path / "audit.jsonl") if line.verdict]
    assert {line.purpose for line in audit} == {"training"}
    assert len({row for line in audit for row in line.rows}) == len({line.row for line in lines})
    assert not list((run.stage("6_student")).glob("scores.sqlite*")), "replies are not kept once they are learned"


def test_a_served_teacher_is_not_asked_twice_after_a_stop(
    ready: Callable[..., Ready], weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_model(tmp_path / "student", tokenizer=weights, context=96, hidden_size=16)
    inner = StudentTrainer.training_step

    def stops(self: StudentTrainer, model: Any, inputs: Any, count: Any = None) -> Any:
        made = inner(self, model, inputs, count)
        if int(inputs) == 6:
            raise KeyboardInterrupt
        return made

    with FakeTeacher(score=scores_of(weights)) as teacher:
        run, recipe = lay_served(ready, teacher.base_url, tmp_path / "student")
        monkeypatch.setattr(StudentTrainer, "training_step", stops)
        with pytest.raises(KeyboardInterrupt), served(run, recipe, teacher.base_url) as engine:
            run_stage(run, recipe, engine)
        monkeypatch.setattr(StudentTrainer, "training_step", inner)
        with served(run, recipe, teacher.base_url) as engine:
            folder, record = run_stage(run, recipe, engine)
        lines = list(read_lines(folder / "attempts.jsonl", Attempt))
        assert teacher.count == len({(line.row, line.tokens) for line in lines})
    assert record.attempts is not None
    assert record.attempts.balanced


def test_attempts_that_the_gate_keeps_here_end_the_training_with_the_reason(
    ready: Callable[..., Ready], weights: Path, tmp_path: Path
) -> None:
    make_model(tmp_path / "student", tokenizer=weights, context=96)
    with FakeTeacher(score=scores_of(weights)) as teacher:
        run, recipe = lay_served(ready, teacher.base_url, tmp_path / "student")
        with served(run, recipe, teacher.base_url, Operator()) as engine, pytest.raises(TrainingError) as error:
            run_stage(run, recipe, engine)
        assert teacher.count == 0
    assert "may see none of the student's attempts" in error.value.what


def test_a_server_with_another_tokenizer_is_found_out(
    ready: Callable[..., Ready], weights: Path, tmp_path: Path
) -> None:
    make_model(tmp_path / "other", texts=[text.upper() for text in TEXTS], context=96)
    make_model(tmp_path / "student", tokenizer=weights, context=96)
    with FakeTeacher(score=scores_of(tmp_path / "other")) as teacher:
        run, recipe = lay_served(ready, teacher.base_url, tmp_path / "student")
        with served(run, recipe, teacher.base_url) as engine, pytest.raises(TrainingError) as error:
            run_stage(run, recipe, engine)
    assert "another tokenizer" in error.value.what


def test_a_server_that_fails_now_and_then_costs_those_attempts_alone(
    ready: Callable[..., Ready], weights: Path, tmp_path: Path
) -> None:
    make_model(tmp_path / "student", tokenizer=weights, context=96)
    with FakeTeacher(score=scores_of(weights), rules=[Rule("400", after=3, times=2)]) as teacher:
        run, recipe = lay_served(ready, teacher.base_url, tmp_path / "student")
        with served(run, recipe, teacher.base_url) as engine:
            _, record = run_stage(run, recipe, engine)
    books = record.attempts
    assert books is not None
    assert sum(books.reasons.values()) == 2
    assert books.balanced
    assert any("not taught" in warning for warning in record.warnings)


def test_nobody_to_ask_is_an_error(ready: Callable[..., Ready], weights: Path, tmp_path: Path) -> None:
    make_model(tmp_path / "student", tokenizer=weights, context=96)
    run, recipe = lay_served(ready, "http://127.0.0.1:9/v1", tmp_path / "student")
    with pytest.raises(TrainingError, match="token ids"):
        run_stage(run, recipe, FakeAsker(lambda teacher, question: pytest.fail("nobody is asked")))
