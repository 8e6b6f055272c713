"""From a command line to a verb, and from however that ends to one exit code of the one table.

Enters: argv. Leaves: the process, with a paragraph on stderr where something went wrong. A user's mistake never shows a
traceback; a mistake of ours leaves one in a file, whose place is said.
"""

from __future__ import annotations

import gc
import os
import sys
import traceback
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from tempfile import gettempdir
from typing import Annotated

import typer

from imbik import __version__
from imbik.core.errors import ExitCode, ImbikError, MissingExtraError, raised_at
from imbik.core.secrets import masked

VERBS = {
    "Start": ("demo", "init", "audition", "run", "search"),
    "Use a run": ("chat", "predict", "review", "judge", "data", "push"),
    "Look at a run": ("show", "batches", "diagnose", "ls", "gc"),
    "Look things up": ("explain", "plugins", "models", "schema", "doctor"),
    "Privacy and testing": ("privacy", "fake_teacher"),
}
DEBUG = "IMBIK_DEBUG"
_NEW_OBJECTS = 50_000  # between looks for garbage: starting makes hundreds of thousands of objects, and none of them is


def _version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


def _top(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks, also of expected errors.")] = False,
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Distil a large language model into a small one, and know how much of it is left."""
    if debug:
        os.environ[DEBUG] = "1"


def application() -> typer.Typer:
    """All verbs. Their files import nothing heavy until a verb is called."""
    app = typer.Typer(name="imbik", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    app.callback()(_top)
    for panel, names in VERBS.items():
        for name in names:
            module, shown = import_module(f"imbik.cli.{name}"), name.replace("_", "-")
            if hasattr(module, "app"):
                app.add_typer(module.app, name=shown, rich_help_panel=panel)
            else:
                app.command(shown, rich_help_panel=panel)(getattr(module, name))
    return app


def main() -> None:
    """Run the command line and leave with its exit code."""
    gc.set_threshold(_NEW_OBJECTS, *gc.get_threshold()[1:])
    sys.exit(run_command())


def run_command() -> int:
    """Run the command line; returns the exit code."""
    try:
        application()()
    except SystemExit as ended:
        return _code(ended.code)
    except KeyboardInterrupt:
        return _interrupted()
    except ImbikError as error:
        return _refused(error)
    except ModuleNotFoundError as error:
        missing = _missing_extra(error.name or "")
        return _refused(missing) if missing else _crashed(error)
    except Exception as error:
        return _crashed(error)
    return ExitCode.DONE


def _refused(error: ImbikError) -> int:
    """What an expected error looks like: one paragraph."""
    if os.environ.get(DEBUG):
        print(masked(traceback.format_exc()), end="", file=sys.stderr)
    print(f"imbik: {error}", file=sys.stderr)
    return error.exit_code


def _missing_extra(module: str) -> ImbikError | None:
    """The error for a library of an extra that is not installed; None for any other missing module."""
    from imbik.advise.doctor import extra_of

    package = module.partition(".")[0]
    extra = extra_of(package)
    if not extra:
        return None
    return MissingExtraError(
        f"this needs {package}, which is not installed (imbik doctor shows what is)",
        next=f"pip install 'imbik[{extra}]'",
    )


def _code(code: object) -> int:
    """Exit codes of the command-line library: 130 is Ctrl-C, and None is success."""
    if code == ExitCode.INTERRUPTED:
        return _interrupted()
    return code if isinstance(code, int) else ExitCode.DONE if code is None else ExitCode.FAILED


def _interrupted() -> int:
    print("\nimbik: stopped. Nothing finished is lost: run the same command again to go on.", file=sys.stderr)
    return ExitCode.INTERRUPTED


def _crashed(error: Exception) -> int:
    """A mistake of ours: one line for the person, the traceback in a file (or on the terminal with --debug)."""
    if os.environ.get(DEBUG):
        print(masked(traceback.format_exc()), end="", file=sys.stderr)
    name = f"imbik-crash-{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.getpid()}.log"
    runs = Path(os.environ.get("IMBIK_RUNS") or "runs")
    path = (runs if os.access(runs, os.W_OK) else Path(gettempdir())) / name
    try:
        with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as stream:
            stream.write(f"imbik {__version__}\n{' '.join(sys.argv[:2])}\n")
            stream.write(masked(_without_messages(error)))
        place = f"the details are in {path}"
    except OSError:
        place = "run it again with imbik --debug to see the details"
    print(f"imbik: this is an error of imbik ({raised_at(error)}); {place}", file=sys.stderr)
    return ExitCode.FAILED


def _without_messages(error: BaseException) -> str:
    """The traceback with the kinds of errors and not their words, which may repeat a row: `--debug` shows those."""
    chain = [error]
    while (before := chain[-1].__cause__ or chain[-1].__context__) is not None and before not in chain:
        chain.append(before)
    parts = [
        f"Traceback of {type(item).__name__}:\n" + "".join(traceback.format_tb(item.__traceback__)) for item in chain
    ]
    return "\n".join([*reversed(parts), "What these errors say may repeat a row: imbik --debug shows it.", ""])
