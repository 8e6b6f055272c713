"""Small things that tests of single stages share: tasks, a run folder with a tasks stage in it, an asker that answers
from a function, and a stage's context."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from imbik.core.errors import ImbikError
from imbik.core.executor import Executor, LocalExecutor
from imbik.core.files import write_lines
from imbik.core.progress import Progress, SilentReporter
from imbik.core.questions import Question
from imbik.core.results import Books
from imbik.core.runfolder import Manifest, RunFolder, read_parts, write_parts
from imbik.core.types import Completion, Message, NumberReference, Recorded, Sample, Sensitivity, Task
from imbik.recipe import Recipe, build
from imbik.stage import Stage, StageContext, StageResult
from imbik.tasks.split import Assignment

Answerer = Callable[[str, Question], Completion]


def make_task(name: str, text: str = "", answer: str | None = "5", **more: Any) -> Task:
    """A math task, public unless said otherwise."""
    content = text or f"{name} numaralı soruda kaç elma vardır?"
    return Task(
        id=name,
        kind="math",
        messages=(Message(role="user", content=content),),
        reference=None if answer is None else NumberReference(text=answer),
        **{"sensitivity": Sensitivity.PUBLIC, **more},
    )


def make_sample(task: Task, number: int = 0, answer: str = "5", reasoning: str = "2 + 3 = 5", **more: Any) -> Sample:
    """An answered sample."""
    given = {"completion": Completion(answer=f"{reasoning}\nCevap: {answer}"), "sensitivity": task.sensitivity, **more}
    return Sample(task=task, teacher="t", number=number, reasoning=reasoning, answer=answer, **given)


def make_recipe(**sections: Any) -> Recipe:
    """A recipe with one recorded-like teacher that nobody builds; sections replace the defaults."""
    data: dict[str, Any] = {
        "name": "deneme",
        "tasks": {"source": "rows.jsonl", "kind": "math", "sensitivity": "public"},
        "teachers": {"t": {"use": "openai", "model": "m"}},
        "student": {"architecture": "llama"},
    }
    return build({**data, **sections})


def make_run(folder: Path, tasks: Iterable[tuple[Task, str]], samples: Iterable[Sample] | None = None) -> RunFolder:
    """A run folder whose tasks stage (and answers, where given) is finished."""
    run = RunFolder(folder / "deneme")
    run.create()
    rows = list(tasks)
    write_parts(run.begin("1_tasks", "h"), iter([task for task, _ in rows]))
    write_lines(run.stage("1_tasks") / "splits.jsonl", [Assignment(id=task.id, set=name) for task, name in rows])
    finish(run, "1_tasks", StageResult(Books(rows_in=len(rows), rows_out=len(rows)), [], Sensitivity.PUBLIC))
    if samples is not None:
        count = write_parts(run.begin("2_answers", "h"), iter(list(samples)))
        finish(run, "2_answers", StageResult(Books(rows_in=count, rows_out=count), [], Sensitivity.PUBLIC))
    return run


def finish(run: RunFolder, folder: str, result: StageResult) -> None:
    """Write a manifest as the pipeline does."""
    run.finish(
        folder,
        Manifest(
            stage=folder, version=1, hash="h", inputs={}, root="", books=result.books, sensitivity=result.sensitivity,
            seconds=0.0, imbik="0", finished="", warnings=tuple(result.warnings), measured=result.measured,
        ),
    )  # fmt: skip


class FakeAsker:
    """Answers from a function and remembers what it was asked; draws questions one by one, as the real one may."""

    def __init__(self, answer: Answerer, level: Sensitivity = Sensitivity.PUBLIC, ahead: int = 4) -> None:
        self.answer, self.level, self.ahead = answer, level, ahead
        self.asked: list[tuple[str, Question]] = []

    def ask(
        self, teacher: str, questions: Iterable[Question], *, purpose: str, leave_pending: bool = False
    ) -> Iterator[Completion]:
        assert purpose in ("generation", "evaluation", "judge")
        source, waiting = iter(questions), list[Question]()
        while True:
            while len(waiting) < self.ahead and (question := next(source, None)) is not None:
                waiting.append(question)
            if not waiting:
                return
            question = waiting.pop(0)
            self.asked.append((teacher, question))
            yield self.answer(teacher, question)

    def stopped(self) -> ImbikError | None:
        return None

    def identity(self, teacher: str) -> str:
        return f"identity of {teacher}"

    def model_folder(self, teacher: str) -> Path | None:
        return None

    def sensitivity(self, teacher: str) -> Sensitivity:
        return self.level


def context_of(
    stage: Stage, recipe: Recipe, run: RunFolder, asker: FakeAsker | None = None, executor: Executor | None = None
) -> StageContext:
    """What the pipeline would hand the stage."""
    asker = asker or FakeAsker(lambda teacher, question: Completion(answer="Cevap: 5"))
    progress = Progress(SilentReporter())
    return StageContext(recipe, run, run.begin(stage.folder, "h"), asker, executor or LocalExecutor(), progress)


def samples_in(run: RunFolder, folder: str) -> list[Sample]:
    """The samples a stage wrote."""
    return list(read_parts(run.stage(folder), Sample))


def recorded(*pairs: tuple[str, str]) -> tuple[Recorded, ...]:
    """Recorded answers by name."""
    return tuple(Recorded(name=name, text=text) for name, text in pairs)


def train(tasks: Sequence[Task]) -> list[tuple[Task, str]]:
    """All of them training tasks."""
    return [(task, "train") for task in tasks]
