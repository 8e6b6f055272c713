"""The contract between the pipeline and the stages, and what a stage is handed.

Enters: nothing. Leaves: `Stage`, `StageContext`, `StageResult`. Stages never import one another: they meet in core
types and in the run folder, so any one can be rerun, replaced, or fed by another tool.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Protocol, runtime_checkable

from imbik.core.errors import BudgetSpentError, ImbikError
from imbik.core.executor import Executor
from imbik.core.money import SpendLine
from imbik.core.progress import Progress
from imbik.core.questions import Question
from imbik.core.results import Artifact, Books
from imbik.core.runfolder import RunFolder
from imbik.core.scores import ScoreRequest, TokenScores
from imbik.core.types import Completion, Sensitivity
from imbik.recipe import Recipe


class Asker(Protocol):
    """The one way to put questions to a teacher; see `imbik.ask`."""

    def ask(
        self, teacher: str, questions: Iterable[Question], *, purpose: str, leave_pending: bool = False
    ) -> Iterator[Completion]:
        """Completions in the order of the questions. Stored answers are not asked again.

        With `leave_pending`, what ends this teacher alone leaves its questions `pending` instead of raising.
        """
        ...

    def stopped(self) -> ImbikError | None:
        """Why questions came back as `pending`, if any did: raised once the stage has done what it could."""
        ...

    def identity(self, teacher: str) -> str:
        """What shapes this teacher's answers beside the question (part of a stage's hash)."""
        ...

    def model_folder(self, teacher: str) -> Path | None:
        """The weights folder of a teacher that is a model here (in_process, run), else None."""
        ...

    def sensitivity(self, teacher: str) -> Sensitivity:
        """The sensitivity its answers carry at least: a model trained on confidential rows passes it on."""
        ...


@runtime_checkable
class Paying(Protocol):
    """An asker that knows what asking costs."""

    def most(self, teacher: str, question: Question) -> Decimal:
        """The most that one request for this question can cost, in USD; 0 where nobody is paid."""
        ...

    def share(self, teacher: str) -> Decimal:
        """The share of its price that this teacher's answers to many questions cost: less than 1 in batches."""
        ...

    def unpriced(self, teacher: str) -> bool:
        """Whether nobody knows what this teacher's answers cost."""
        ...

    def missing(self, teacher: str, questions: Iterable[Question]) -> int:
        """How many of the questions have no stored answer, and so would be paid for."""
        ...

    def left(self, purpose: str) -> Decimal | None:
        """USD that may still be spent for a purpose; None where the recipe has no budget."""
        ...

    def short_of(self, questions: int) -> BudgetSpentError | None:
        """The error for a spent budget with so many questions to come: what they will cost, and what to type."""
        ...

    def spending(self) -> Sequence[SpendLine]:
        """What the run has spent by now, by purpose and teacher."""
        ...


@runtime_checkable
class Foresees(Protocol):
    """An asker that knows ahead what the privacy gate will say."""

    def takes(self, teacher: str, sensitivity: Sensitivity) -> bool:
        """Whether a row of this level may go to this teacher, as it is or cleaned; nothing is written down."""
        ...


class Scoring(Protocol):
    """One served teacher, asked how likely it finds given token ids; see `imbik.ask.scoring`."""

    def __enter__(self) -> Scoring:
        """Itself."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        ...

    def score(self, requests: Sequence[ScoreRequest]) -> list[TokenScores]:
        """What the teacher says of each, in order; of a row that may not go there, or failed, why."""
        ...

    def forget(self, keep: Sequence[ScoreRequest] = ()) -> None:
        """Whoever asked has what it needs of all that was scored but for `keep`: other replies need not be kept."""
        ...


@runtime_checkable
class Scores(Protocol):
    """An asker through which a served teacher scores token ids."""

    def scoring(self, teacher: str, store: Path, *, purpose: str) -> Scoring:
        """Opened for one caller; replies lie in the file `store` until they are forgotten.

        Raises: RecipeError for a teacher that cannot say.
        """
        ...


@dataclass(frozen=True)
class StageContext:
    """What a stage works with. `folder` is its own output folder, already made."""

    recipe: Recipe
    run: RunFolder
    folder: Path
    asker: Asker
    executor: Executor
    progress: Progress


@dataclass(frozen=True)
class StageResult:
    """What a stage says when it is done. `leaves` are keyed row hashes of its output (core.lineage.leaf)."""

    books: Books
    leaves: Sequence[str]
    sensitivity: Sensitivity
    artifacts: Sequence[Artifact] = ()
    measured: dict[str, str] = field(default_factory=dict)
    warnings: Sequence[str] = ()


class Stage(Protocol):
    """One stage of the pipeline. `version` is raised only when the same input would give other output."""

    name: str
    folder: str
    version: int

    def needed(self, recipe: Recipe) -> bool:
        """Whether this recipe has such a stage."""
        ...

    def inputs(self, recipe: Recipe) -> Sequence[str]:
        """Names of the stages whose output it reads."""
        ...

    def settings(self, recipe: Recipe, asker: Asker) -> object:
        """JSON-able: everything of the recipe (and of files it names) that shapes the output."""
        ...

    def run(self, context: StageContext) -> StageResult:
        """Do the work, or go on with partial work of the same hash found in `context.folder`."""
        ...


@runtime_checkable
class Concludes(Protocol):
    """A stage whose output must answer to settings that shape none of it (the bars of a report), and so are no part of
    its hash: a change of those redoes nothing."""

    def conclude(self, recipe: Recipe, run: RunFolder) -> None:
        """Called in every run once the stage is finished, now or before. Raises: what stops the run then."""
        ...


@runtime_checkable
class ReadsOutside(Protocol):
    """A stage that also reads what no stage wrote (experts' verdicts, calibrations): its state is part of the hash."""

    def outside(self, recipe: Recipe, run: RunFolder, asker: Asker) -> Mapping[str, str]:
        """A name and the present state of each such input."""
        ...
