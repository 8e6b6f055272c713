"""Pass rate: 1 when a program passes all tests of its task (pass@1 over all rows, Chen et al. 2021).

Enters: a task with its tests and a program. Leaves: 0 or 1. Programs run in `tasks.sandbox`. Where a row knows a
program but no tests, 1 is the same program without regard to comments and spacing.
"""

from __future__ import annotations

from pydantic import Field

from imbik.core.plugins import PluginSettings
from imbik.core.types import ProgramReference, Task
from imbik.tasks.kinds import Kind
from imbik.tasks.sandbox import Limits, ready, tested


class PassRate:
    """The share of programs that pass all their tests."""

    class Settings(PluginSettings):
        """What a program may use."""

        seconds: float = Field(5.0, gt=0, le=300, description="longest time of one run (all asserts, or one input)")
        memory_mb: int = Field(512, ge=64, description="most memory of a program")

    version = 1

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._limits = Limits(seconds=settings.seconds, memory_mb=settings.memory_mb)

    def verify(self) -> None:
        """Raises: ImbikError where programs cannot be shut in here."""
        ready()

    def score(self, task: Task, answer: str, kind: Kind) -> float:
        """1.0 when every test passes, else 0.0."""
        reference = task.reference
        if not isinstance(reference, ProgramReference) or not answer.strip():
            return 0.0
        if reference.tests or reference.cases:
            return float(tested(answer, reference, self._limits).passed)
        return float(kind.canonical(answer, task) == kind.canonical(reference.text, task))
