"""However a command ends, it ends with one code of the one table, a paragraph, and never a traceback for a mistake."""

from __future__ import annotations

import importlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli.conftest import Imbik
from imbik.cli.main import VERBS
from imbik.core import errors
from imbik.core.errors import ExitCode, ImbikError

ROOT = Path(__file__).resolve().parent.parent.parent
NAMES = [name for names in VERBS.values() for name in names]


def test_the_documented_table_is_the_one_in_the_code() -> None:
    text = (ROOT / "docs" / "exit-codes.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (\d+) \| `(\w+)` \|", text, flags=re.MULTILINE))
    assert {int(code): name for code, name in rows.items()} == {int(code): code.name for code in ExitCode}


def test_every_error_stands_in_the_table() -> None:
    text = (ROOT / "docs" / "exit-codes.md").read_text(encoding="utf-8")
    for name, item in vars(errors).items():
        if isinstance(item, type) and issubclass(item, ImbikError) and item is not ImbikError:
            assert f"`{name}`" in text, f"docs/exit-codes.md does not name {name}"


@pytest.mark.parametrize(
    "kind", [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, ImbikError)]
)
def test_an_expected_error_is_one_paragraph(
    imbik: Imbik, monkeypatch: pytest.MonkeyPatch, kind: type[ImbikError]
) -> None:
    def fails(key: str) -> str:
        raise kind(f"'{key}' went wrong", where="recipe.yaml:7", next="try this")

    monkeypatch.setattr("imbik.advise.explain.explain", fails)
    ended = imbik("explain", "x")
    assert ended.code == kind.exit_code
    assert ended.err == "imbik: recipe.yaml:7: 'x' went wrong\n  -> try this\n"
    assert ended.out == ""


def test_debug_shows_the_traceback(imbik: Imbik, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ))
    ended = imbik("--debug", "explain", "trian")
    assert ended.code == ExitCode.USAGE
    assert "Traceback" in ended.err


def test_a_mistake_of_ours_leaves_its_traceback_in_a_private_file(
    imbik: Imbik, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    words = "secret row 1/0 of gsk_9a8b7c6d5e4f3a2b1c0d"

    def fails(key: str) -> str:
        raise ZeroDivisionError(words)

    (tmp_path / "runs").mkdir()
    monkeypatch.setattr("imbik.advise.explain.explain", fails)
    ended = imbik("explain", "x")
    assert ended.code == ExitCode.FAILED
    assert "Traceback" not in ended.err
    assert "this is an error of imbik (ZeroDivisionError" in ended.err
    (log,) = (tmp_path / "runs").glob("imbik-crash-*.log")
    assert "Traceback" in log.read_text()
    assert oct(log.stat().st_mode & 0o777) == "0o600"
    assert log.name in ended.err
    assert "test_endings.py" in log.read_text()
    assert "9a8b" not in log.read_text() + ended.err
    assert "secret row" not in log.read_text() + ended.err


def test_a_library_that_is_not_installed_names_the_extra(imbik: Imbik, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(key: str) -> str:
        raise ModuleNotFoundError("No module named 'sklearn'", name="sklearn.svm")

    monkeypatch.setattr("imbik.advise.explain.explain", fails)
    ended = imbik("explain", "x")
    assert ended.code == ExitCode.USAGE
    assert "this needs sklearn" in ended.err
    assert "'imbik[train]'" in ended.err


@pytest.mark.parametrize(
    "words",
    [
        ["rnu"],
        ["run"],
        ["run", "x", "--form", "train"],
        ["show"],
        ["explain"],
        ["gc", "--what"],
        ["show", "a", "-n", "x"],
    ],
)
def test_wrong_usage_is_code_two(imbik: Imbik, words: list[str]) -> None:
    ended = imbik(*words)
    assert ended.code == ExitCode.USAGE
    assert "Traceback" not in ended.err


def test_without_a_verb_the_help_is_shown(imbik: Imbik) -> None:
    ended = imbik()
    assert "demo" in ended.out + ended.err


def test_the_version(imbik: Imbik) -> None:
    from imbik import __version__

    assert imbik("--version").out.strip() == __version__


@pytest.mark.parametrize("name", NAMES)
def test_every_verb_has_a_file_help_and_a_docstring(imbik: Imbik, name: str) -> None:
    module = importlib.import_module(f"imbik.cli.{name}")
    assert (module.__doc__ or "").startswith(f"imbik {name.replace('_', '-')}")
    ended = imbik(name.replace("_", "-"), "--help")
    assert ended.code == ExitCode.DONE
    assert "Usage" in ended.out


def test_every_file_is_a_verb() -> None:
    files = {path.stem for path in (ROOT / "src" / "imbik" / "cli").glob("*.py")}
    assert files - {"__init__", "main", "console", "options"} == set(NAMES)


def test_python_m_imbik_is_imbik() -> None:
    done = subprocess.run([sys.executable, "-m", "imbik", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == importlib.import_module("imbik").__version__


def test_help_is_instant_and_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom imbik.cli.main import run_command\nsys.argv = ['imbik', '--help']\nrun_command()\n"
        "heavy = {'torch', 'transformers', 'pydantic', 'numpy', 'yaml', 'aiohttp'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    least = 9.0
    for _ in range(3):
        before = os.times()
        subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=True)
        after = os.times()
        least = min(least, after.children_user + after.children_system - before.children_user - before.children_system)
    assert least < 0.4, f"imbik --help took {least:.2f} s of processor time"


def test_ctrl_c_says_to_run_the_same_command_again(tmp_path: Path) -> None:
    code = (
        "import signal, sys, time, imbik.advise.explain as e\nfrom imbik.cli.main import main\n"
        # A job in the background of a script inherits an ignored SIGINT; a person's terminal does not.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "e.explain = lambda key: (print('ready', flush=True), time.sleep(30))\n"
        "sys.argv = ['imbik', 'explain', 'x']\nmain()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == ExitCode.INTERRUPTED
    assert "same command again" in err
    assert "Traceback" not in err


def test_a_closed_pipe_is_no_crash() -> None:
    done = subprocess.run(
        f"{sys.executable} -m imbik schema | head -1", shell=True, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    assert "error of imbik" not in done.stderr
