"""What a run returns to a program, and what the command line prints from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from imbik.evaluate.scores import Scores
    from imbik.pipeline.estimate import Estimate

Status = Literal["done", "current", "planned"]


@dataclass(frozen=True)
class StageOutcome:
    """How one stage ended: run now (`done`), unchanged (`current`), or to be run (`planned`, in a dry run).

    `seconds` is what it took when it last ran, `forecast` what was expected (0: no forecast).
    """

    name: str
    status: Status
    seconds: float
    forecast: float
    rows_out: int


@dataclass(frozen=True)
class RunResult:
    """A run: its folder, its stages, its scores where the report is there, and what a person should know."""

    run: Path
    stages: Sequence[StageOutcome]
    scores: Scores | None = None
    warnings: Sequence[str] = ()
    children: Sequence[RunResult] = field(default_factory=tuple)
    estimate: Estimate | None = None
    held_back: int = 0  # answers that the privacy gate held back, here and in recipes that train a teacher

    @property
    def report(self) -> Path:
        """The report's page."""
        return self.run / "8_report" / "report.html"

    @property
    def evaluated(self) -> bool:
        """Whether this call went as far as the report, which is then its own and no older one."""
        return any(stage.name == "evaluate" and stage.status != "planned" for stage in self.stages)

    @property
    def changed(self) -> bool:
        """Whether anything was done, here or in a recipe that trains a teacher."""
        return any(s.status == "done" for s in self.stages) or any(child.changed for child in self.children)

    @property
    def planned(self) -> bool:
        """Whether a dry run found work to do, here or in a recipe that trains a teacher."""
        return any(s.status == "planned" for s in self.stages) or any(child.planned for child in self.children)
