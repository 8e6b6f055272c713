"""One tree of errors, each with what happened, where, and what to type next; and the one table of exit codes.

Enters: facts known where something went wrong. Leaves: a paragraph a person can act on, and an exit code for scripts.
"""

from __future__ import annotations

from enum import IntEnum
from pathlib import Path

from imbik.core.secrets import masked


class ExitCode(IntEnum):
    """What the process returns; documented in docs/exit-codes.md from the docstrings below."""

    DONE = 0  # finished
    FAILED = 1  # a stage failed
    USAGE = 2  # the command, recipe or input is wrong
    BAR_NOT_MET = 3  # `evaluate.require` was not reached
    WAITING = 4  # waiting for people, or for a batch
    BUDGET_SPENT = 5  # the budget is spent
    BLOCKED = 6  # the privacy gate held rows back
    LOCKED = 7  # another process writes this run
    UNREACHABLE = 8  # a teacher could not be reached
    INTERRUPTED = 130  # Ctrl-C, or SIGTERM to a run; run the same command again


class ImbikError(Exception):
    """Base of all errors shown to a user: `what` happened, `where`, what to do `next`; none repeats a key."""

    exit_code: ExitCode = ExitCode.FAILED

    def __init__(self, what: str, *, where: str = "", next: str = "") -> None:
        self.what, self.where, self.next = masked(what), masked(where), masked(next)
        super().__init__(str(self))

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        advice = f"\n  -> {self.next}" if self.next else ""
        return f"{place}{self.what}{advice}"

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.what, self.where, self.next))


def raised_at(error: BaseException) -> str:
    """What went wrong and where in the code: `KeyError at shape.py:31`. Never the message, which may repeat a row."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f" at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace is not None else ""
    return f"{type(error).__name__}{where}"


def _rebuild(kind: type[ImbikError], what: str, where: str, next_step: str) -> ImbikError:
    """Errors cross process borders with all three parts."""
    return kind(what, where=where, next=next_step)


class UsageError(ImbikError):
    """The command line is wrong."""

    exit_code = ExitCode.USAGE


class RecipeError(UsageError):
    """The recipe, or a value set over it, is wrong; `where` is `file:line key`."""


class InputError(UsageError):
    """The user's data cannot be used; `where` is `file:line`."""


class ModelError(UsageError):
    """A model folder or tokenizer cannot be used as asked."""


class PluginError(UsageError):
    """A plug-in is unknown or its settings are wrong."""


class MissingExtraError(UsageError):
    """A library of an optional extra is not installed."""


class OperatorFileError(UsageError):
    """The operator's file cannot be read or is not trusted."""


class BlockedError(ImbikError):
    """The privacy gate held rows back."""

    exit_code = ExitCode.BLOCKED


class TeacherUnreachableError(ImbikError):
    """A teacher's endpoint did not answer, or refused the key."""

    exit_code = ExitCode.UNREACHABLE


class BudgetSpentError(ImbikError):
    """The recipe's budget does not cover the next question; what was answered is stored."""

    exit_code = ExitCode.BUDGET_SPENT


class LockedError(ImbikError):
    """Another process writes this run folder."""

    exit_code = ExitCode.LOCKED


class WaitingError(ImbikError):
    """People still have something to do, or a batch is under way at a provider."""

    exit_code = ExitCode.WAITING


class BarNotMetError(ImbikError):
    """The report is written, but a required figure was not reached."""

    exit_code = ExitCode.BAR_NOT_MET


class RunFolderError(ImbikError):
    """The run folder is from another version, or something in it is corrupted."""


class BooksError(ImbikError):
    """A stage's rows do not add up: an error of imbik, never of the user."""


class TrainingError(ImbikError):
    """Training diverged or a checkpoint is unusable."""


class DiskFullError(ImbikError):
    """A file could not be written."""
