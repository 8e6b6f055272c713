"""A finished small run, made without training: real tasks, tiny random students, a teacher as good as told.

What stands in `6_student` is what training leaves behind; nothing was learned, which is all that tests of the later
stages need.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from imbik.core.errors import ImbikError
from imbik.core.executor import LocalExecutor
from imbik.core.files import digest, write_json, write_lines
from imbik.core.lineage import merkle_root
from imbik.core.progress import Progress, SilentReporter
from imbik.core.questions import Question
from imbik.core.results import Books
from imbik.core.runfolder import Manifest, RunFolder
from imbik.core.students import Best
from imbik.core.types import Completion, Outcome, Sample, Sensitivity, Usage
from imbik.models.init import make
from imbik.models.model import LanguageModel
from imbik.models.save import save
from imbik.models.train_tokenizer import train_tokenizer
from imbik.recipe import Recipe, load_recipe, to_yaml
from imbik.recipe.training import Student
from imbik.stage import Concludes, Stage, StageContext, StageResult
from imbik.tasks.read import kind_of, read_tasks
from imbik.tasks.stage import TasksStage

RECIPE = """
name: kucuk
tasks:
  source: rows.csv
  kind: {kind}
  sensitivity: {sensitivity}
  split: {{validation: 0.1, test: 0.4}}
{teachers}
student: {student}
{extra}
"""
TEACHERS = "teachers:\n  usta: {use: openai, model: big}\ngenerate: {max_tokens: 8, instruction: ''}"
MADE = "{architecture: llama, hidden_size: 32, layers: 2, heads: 2, context: 128, vocabulary: 300}"
COLOURS = ("kırmızı", "mavi", "yeşil")


@dataclass
class Teacher:
    """Answers with the reference for a share of the rows; `blocked` rows are never answered."""

    share: float = 1.0
    blocked: frozenset[str] = frozenset()
    level: Sensitivity = Sensitivity.PUBLIC
    folder: Path | None = None
    known: dict[str, str] = field(default_factory=dict)
    asked: list[Question] = field(default_factory=list)

    def ask(
        self, teacher: str, questions: Iterable[Question], *, purpose: str, leave_pending: bool = False
    ) -> Iterator[Completion]:
        for question in questions:
            self.asked.append(question)
            if question.row in self.blocked:
                yield Completion(outcome=Outcome.BLOCKED, reason="confidential rows may not go there")
                continue
            right = int(digest(question.row)[:8], 16) < self.share * 0xFFFFFFFF
            answer = self.known[question.row] if right else "-1"
            yield Completion(
                answer=answer, usage=Usage(input_tokens=9, output_tokens=2), cost=Decimal("0.001"), seconds=0.2
            )

    def stopped(self) -> ImbikError | None:
        return None

    def identity(self, teacher: str) -> str:
        return f"{teacher} {self.share}"

    def model_folder(self, teacher: str) -> Path | None:
        return self.folder

    def sensitivity(self, teacher: str) -> Sensitivity:
        return self.level


class SmallRun:
    """A run folder up to `6_student`."""

    def __init__(
        self,
        folder: Path,
        *,
        kind: str = "math",
        rows: int = 60,
        seeds: tuple[int, ...] = (1,),
        controls: tuple[str, ...] = (),
        teacher: bool = True,
        sensitivity: str = "public",
        extra: str = "",
        adapt: Callable[[LanguageModel, Path], LanguageModel] | None = None,
    ) -> None:
        write_rows(folder / "rows.csv", kind, rows)
        text = RECIPE.format(
            kind=kind, sensitivity=sensitivity, student=MADE, extra=extra,
            teachers=TEACHERS if teacher else "generate: {from: reference, max_tokens: 8}",
        )  # fmt: skip
        (folder / "recipe.yaml").write_text(text, encoding="utf-8")
        self.recipe: Recipe = load_recipe(folder / "recipe.yaml")
        self.run = RunFolder(folder / "runs" / "kucuk")
        self.run.create()
        (self.run.path / "recipe.yaml").write_text(to_yaml(self.recipe), encoding="utf-8")
        self.teacher = Teacher()
        self.stage(TasksStage())
        self.tasks = list(read_tasks(self.run))
        self.teacher.known = {task.id: task.reference.text for task, _ in self.tasks if task.reference}
        self._answers()
        self._students(seeds, controls, adapt, Sensitivity(sensitivity))

    def context(self, folder: str) -> StageContext:
        path = self.run.begin(folder, digest(folder))
        return StageContext(self.recipe, self.run, path, self.teacher, LocalExecutor(), Progress(SilentReporter()))

    def stage(self, stage: Stage) -> StageResult:
        """Run one stage as the pipeline does."""
        result = stage.run(self.context(stage.folder))
        assert result.books.balanced
        self.finish(stage.name, stage.folder, result.books, result)
        if isinstance(stage, Concludes):
            stage.conclude(self.recipe, self.run)
        return result

    def finish(self, name: str, folder: str, books: Books, result: StageResult | None = None) -> None:
        self.run.finish(
            folder,
            Manifest(
                stage=name, version=1, hash=digest(folder), inputs={}, books=books, seconds=1.0, imbik="test",
                root=merkle_root(result.leaves if result else []), finished="now",
                sensitivity=result.sensitivity if result else Sensitivity.PUBLIC,
                artifacts=tuple(result.artifacts) if result else (),
            ),
        )  # fmt: skip

    def _answers(self) -> None:
        """2_answers and 3_refined: every training row answered with its reference."""
        kind = kind_of(self.recipe, self.run)
        samples = [
            Sample(
                task=task, teacher="usta", number=0, answer=self.teacher.known[task.id], sensitivity=task.sensitivity,
                completion=Completion(
                    answer=kind.render("", self.teacher.known[task.id], task), cost=Decimal("0.002"),
                    usage=Usage(input_tokens=10, output_tokens=3),
                ),
            )
            for task, name in self.tasks
            if name in ("train", "validation")
        ]  # fmt: skip
        for stage, folder in (("generate", "2_answers"), ("refine", "3_refined")):
            path = self.run.begin(folder, digest(folder))
            write_lines(path / "part-00000.jsonl", samples)
            self.finish(stage, folder, Books(rows_in=len(samples), rows_out=len(samples)))

    def _students(
        self,
        seeds: tuple[int, ...],
        controls: tuple[str, ...],
        adapt: Callable[[LanguageModel, Path], LanguageModel] | None,
        level: Sensitivity,
    ) -> None:
        path = self.run.begin("6_student", digest("6_student"))
        texts = [(task.id, task.text) for task, name in self.tasks if name == "train"]
        train_tokenizer(texts, vocabulary=300, classes=(), folder=path / "tokenizer")
        for variant in ("student", *controls):
            for seed in seeds:
                target = path / variant / f"seed-{seed}"
                settings = self.recipe.student.model_copy(update={"seed": seed + 10 * len(variant)})
                model = make(Student.model_validate(settings.model_dump()), path / "tokenizer")
                model.sensitivity = level
                target.mkdir(parents=True)
                save(adapt(model, path / "base") if adapt else model, target / "weights")
                losses = [{"step": 10, "train_loss": 4.0, "validation_loss": 4.2}, {"step": 20, "train_loss": 3.5}]
                write_json(target / "training.json", {"losses": losses, "steps": 20, "something": "else"})
        write_json(path / "best.json", Best(seed=seeds[0]))
        self.finish("train", "6_student", Books(rows_in=len(texts), rows_out=len(texts)))


def write_rows(path: Path, kind: str, rows: int) -> None:
    """Sums for `math`, colours for `classification`."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["text", "label"] if kind == "classification" else ["question", "answer"])
        for index in range(rows):
            if kind == "classification":
                colour = COLOURS[index % 3]
                writer.writerow([f"{index}. kutudaki {colour} top nerede duruyor?", colour])
            else:
                writer.writerow([f"{index} elma ile {index % 7} armut toplam kaç meyve eder?", str(index + index % 7)])
