"""One trial: a run like any other, in a process of its own, under `RUN/trials/0007`.

Enters: the run that is searched, a number, a recipe. Leaves: a finished child run, or the reason why there is none. The
process is `imbik run RUN/trials/0007`, so a person can type the same; what it prints is kept in `output.log`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

from imbik.core.errors import BudgetSpentError, ExitCode, ImbikError, TeacherUnreachableError, WaitingError
from imbik.core.files import read_json, write_text
from imbik.core.runfolder import TRIALS, RunFolder
from imbik.core.types import Record
from imbik.privacy.trust import note_origin
from imbik.recipe import Recipe, to_yaml
from imbik.train.course import Position

OUTPUT = "output.log"
# A child that ends by one of these would end the same way in every other trial: the search itself stops.
_ENDS_ALL: dict[ExitCode, type[ImbikError]] = {
    ExitCode.BUDGET_SPENT: BudgetSpentError,
    ExitCode.UNREACHABLE: TeacherUnreachableError,
    ExitCode.WAITING: WaitingError,
}
_PATIENCE = 60.0
_LONGEST = 300


class _Checkpoint(Record, frozen=True, kw_only=True):
    """What is read of `checkpoint.json`."""

    position: Position


def trial_folder(run: RunFolder, number: int, suffix: str = "") -> RunFolder:
    """The folder of a trial."""
    return RunFolder(run.path / TRIALS / f"{number:04d}{suffix}")


def prepare(run: RunFolder, trial: RunFolder, recipe: Recipe) -> None:
    """Make the trial's folder with its recipe; the operator's file that holds for the run holds for it too."""
    trial.create()
    note_origin(trial.path, recipe.base)
    write_text(trial.path / "recipe.yaml", to_yaml(recipe.model_copy(update={"name": run.name})))


@dataclass
class Running:
    """A trial at work."""

    number: int
    folder: RunFolder
    process: subprocess.Popen[bytes]
    output: IO[bytes]

    @classmethod
    def start(cls, number: int, folder: RunFolder, until: str) -> Running:
        """Begin, or go on, with a prepared trial."""
        output = os.fdopen(os.open(folder.path / OUTPUT, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600), "ab")
        command = [sys.executable, "-m", "imbik", "run", str(folder.path), "--until", until, "--quiet"]
        env = {name: value for name, value in os.environ.items() if name != "IMBIK_NOTIFY"}
        process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=env)  # noqa: S603
        return cls(number, folder, process, output)

    @property
    def ended(self) -> bool:
        """Whether the process has ended."""
        return self.process.poll() is not None

    def why(self) -> str:
        """How it failed, '' where it did not: held-back rows are told in its manifest and are no failure."""
        self.output.close()
        code = self.process.returncode
        if code in (ExitCode.DONE, ExitCode.BLOCKED):
            return ""
        if code in _ENDS_ALL:
            raise _ENDS_ALL[ExitCode(code)](
                f"trial {self.folder.name} stopped: {_last_error(self.folder)}",
                where=str(self.folder.path / OUTPUT),
                next="the same command goes on with this trial",
            )
        return _last_error(self.folder) or f"ended with exit code {code}"

    def curve(self) -> list[float]:
        """Validation losses so far, by the newest checkpoint."""
        paths = sorted(self.folder.path.glob("6_student/student/seed-*/checkpoints/step-*/checkpoint.json"))
        with suppress(ImbikError, OSError):
            if paths:
                points = read_json(paths[-1], _Checkpoint).position.curve
                return [point.validation_loss for point in points if point.validation_loss is not None]
        return []

    def stop(self) -> None:
        """End the process as Ctrl-C does: what it has done stays."""
        if not self.ended:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.output.close()


def _last_error(folder: RunFolder) -> str:
    """The last error that the process printed, as one line."""
    text = (folder.path / OUTPUT).read_text(encoding="utf-8", errors="replace")
    return " ".join(text.rpartition("imbik: ")[2].split())[:_LONGEST]
