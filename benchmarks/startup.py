"""Claim: imbik begins at once: `imbik --help`, and `imbik run` of a run in which nothing changed, in half a second.

Needs nothing but imbik. Makes a small run from task to report, then starts each command ten times, alternated with a
bare Python that starts and ends. Prints the medians in seconds of wall-clock and of processor time, and which heavy
libraries each of them loaded. Bar: 0.5 s each. Bytecode is written and read as after an installation, whatever
PYTHONDONTWRITEBYTECODE says; the first start of each command, which writes it, is not counted. Positive control: the
same look at what was loaded must find numpy in a process that imports it.

    python benchmarks/startup.py
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

BAR_SECONDS = 0.5
HEAVY = ("torch", "transformers", "numpy", "aiohttp", "cryptography", "matplotlib")
RECIPE = """
name: basla
tasks: {source: rows.csv, kind: math, sensitivity: public, split: {validation: 0.1, test: 0.1}}
generate: {from: reference}
student: {architecture: llama, hidden_size: 16, layers: 1, heads: 2}
train: {steps: 2, seeds: [1]}
"""


class Start(NamedTuple):
    """Seconds of one start: by the clock, and of the processor."""

    wall: float
    cpu: float


def started(command: list[str], folder: Path, environment: dict[str, str]) -> Start:
    """One start; it must end well."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Start(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def loaded(command: list[str], folder: Path, environment: dict[str, str]) -> list[str]:
    """Which heavy libraries a start imports, by Python's own account."""
    told = subprocess.run(
        [command[0], "-X", "importtime", *command[1:]],
        cwd=folder, env=environment, check=True, capture_output=True, text=True,
    )  # fmt: skip
    names = {line.rpartition("|")[2].strip() for line in told.stderr.splitlines() if line.startswith("import time:")}
    return [name for name in HEAVY if name in names]


def main() -> None:
    """Print both starts with the bar; exit 1 when one is slower or the control is not seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = "".join(f"{number} elma ile 3 armut kaç meyve eder?,{number + 3}\n" for number in range(40))
        (folder / "rows.csv").write_text(f"question,answer\n{rows}", encoding="utf-8")
        (folder / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        imbik = [sys.executable, "-m", "imbik"]
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "imbik --help": [*imbik, "--help"],
            "imbik run": [*imbik, "run", "recipe.yaml"],
        }
        for command in (*commands.values(), commands["imbik run"]):  # makes the run, then the bytecode of a current one
            started(command, folder, environment)
        found: dict[str, list[Start]] = {name: [] for name in commands}
        for _ in range(options.starts):
            for name, command in commands.items():
                found[name].append(started(command, folder, environment))
        slow = False
        for name, starts in found.items():
            wall, cpu = (statistics.median(getattr(start, field) for start in starts) for field in Start._fields)
            heavy = loaded(commands[name], folder, environment)
            print(f"{name}: {wall:.2f} s ({cpu:.2f} CPU s), loads {', '.join(heavy) or 'nothing heavy'}", flush=True)
            slow |= wall > BAR_SECONDS
        seen = loaded([sys.executable, "-c", "import numpy"], folder, environment) == ["numpy"]
    print(
        f"bar: <= {BAR_SECONDS} s each, median of {options.starts}; control, numpy is seen: {'yes' if seen else 'no'}"
    )
    raise SystemExit(1 if slow or not seen else 0)


if __name__ == "__main__":
    main()
