"""Runs: does the program pass its tests, in a sandbox without network and files of others?

Enters: one sample whose task knows its tests. Leaves: a verdict that names the first test that failed, and why. A
program without tests only has to end well. On a machine that cannot shut programs in, preflight refuses the recipe.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from imbik.core.plugins import PluginSettings
from imbik.core.types import ProgramReference, Sample, Verdict
from imbik.refine.checks import CheckContext
from imbik.tasks.sandbox import Limits, ready, tested


class Runs:
    """The program passes the tests of its task."""

    class Settings(PluginSettings):
        """What a program may use, and what becomes of tasks without tests."""

        seconds: float = Field(5.0, gt=0, le=300, description="longest time of one run (all asserts, or one input)")
        memory_mb: int = Field(512, ge=64, description="most memory of a program")
        without_tests: Literal["run", "keep", "reject"] = Field(
            "run", description="tasks without tests: the program has to end well, is kept unread, or is rejected"
        )

    version = 1
    scope = "row"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._limits = Limits(seconds=settings.seconds, memory_mb=settings.memory_mb)

    def verify(self, base: Path) -> None:  # noqa: ARG002 - the contract of checks
        """Raises: ImbikError where programs cannot be shut in here."""
        ready()

    def judge(self, sample: Sample, context: CheckContext) -> Verdict:  # noqa: ARG002 - the contract of checks
        """Rejects with the test that failed."""
        reference = sample.task.reference
        known = reference if isinstance(reference, ProgramReference) else ProgramReference()
        if not (known.tests or known.cases) and self.settings.without_tests != "run":
            keep = self.settings.without_tests == "keep"
            return Verdict(by="runs", keep=keep, reason="the task has no tests to run the program against")
        found = tested(sample.answer, known, self._limits)
        if found.passed:
            return Verdict(by="runs", keep=True)
        told = f"the program fails `{found.which:.120}`: {found.why}" if found.which else f"the program: {found.why}"
        return Verdict(by="runs", keep=False, reason=told)
