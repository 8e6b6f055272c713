"""Telling somebody that a run has ended or waits: calls a command of the user's.

Enters: a command line, how the run ended. Leaves: nothing; what the command does never changes how the run ends.

The command comes from `--notify` or the environment (IMBIK_NOTIFY), never from a recipe: a recipe may come from
elsewhere, and nothing of it may start a program. No shell reads it: it is split as a shell would split it and started
as it is.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from imbik.advise.spend import unpriced
from imbik.ask import ledger
from imbik.core.errors import ExitCode, ImbikError, UsageError
from imbik.core.money import totals
from imbik.core.runfolder import RunFolder
from imbik.pipeline.run import located

_SECONDS = 60.0


def parse_command(text: str) -> list[str]:
    """The command's words.

    Raises: UsageError where quotes do not end, or there is no such program: a night would be lost by it.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(
            f"this is no command line ({error})", where="--notify", next="--notify 'PROGRAM ARGUMENT \"two words\"'"
        ) from None
    if words and shutil.which(words[0]) is None:
        raise UsageError(
            f"there is no program '{words[0]}' that can be started",
            where="--notify",
            next="write its name as it stands in PATH, or its whole path; a script needs chmod +x",
        )
    return words


def notify(command: Sequence[str], run: RunFolder | None, code: int) -> str:
    """Call the command with how the run ended in its environment; what went wrong with it, in words, or nothing.

    IMBIK_EXIT_CODE (a number), IMBIK_STATUS (its name, such as BUDGET_SPENT), IMBIK_RUN (the run's folder),
    IMBIK_SPENT_USD (decimal; empty where a price is not known). Nothing of the rows, and no error's text, which may
    name a file of the user's.
    """
    status = ExitCode(code).name if code in set(ExitCode) else "FAILED"
    told = {"IMBIK_EXIT_CODE": str(int(code)), "IMBIK_STATUS": status, "IMBIK_RUN": "", "IMBIK_SPENT_USD": ""}
    if run is not None:
        with suppress(Exception):  # a damaged store must not keep the news back
            lines = ledger.read(run.store, run.account)
            unknown = unpriced(run)
            if not any(line.teacher in unknown for line in lines):
                told["IMBIK_SPENT_USD"] = f"{sum(totals(lines)):f}"
        told["IMBIK_RUN"] = str(run.path)
    try:
        done = subprocess.run(list(command), env={**os.environ, **told}, timeout=_SECONDS, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        return f"--notify: '{command[0]}' took more than {_SECONDS:g} s and was stopped"
    except OSError as error:
        return f"--notify: '{command[0]}' could not be started ({error.strerror})"
    return f"--notify: '{command[0]}' ended with {done.returncode}" if done.returncode else ""


def run_of(recipe: Path, runs: Path | None, overrides: Sequence[str]) -> RunFolder | None:
    """The run folder that a recipe works in, None where the recipe cannot be read."""
    try:
        return located(recipe, runs, overrides)[1]
    except ImbikError:
        return None
