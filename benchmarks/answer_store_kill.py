"""Claim: kill -9 at any moment of a generation loses no answer handed on, and pays twice at most what was in flight.

A process asks 5,000 questions of a fake teacher (in a process of its own) and writes down how many answers it has
been handed. It is killed with SIGKILL at random points of the way, several times a folder, and started again with the
same command until it finishes. After each kill: every answer that was handed on is in the store, the database is
sound, and (at the end) the audit chain verifies. After each finish: all answers are there and right, and of the
requests the server counted, those beyond 5,000 are at most the kills times what can be in flight (the concurrency, and
an eighth as many replies on their way to the disk); the same command once more asks nothing.

Positive control: seven answers are taken out of a finished store; the same checks must find seven lost and, after the
same command, seven requests paid twice.

    python benchmarks/answer_store_kill.py --kills 200
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import NamedTuple

import msgspec

from imbik.ask.engine import AskEngine
from imbik.ask.key import question_key
from imbik.core.executor import LocalExecutor
from imbik.core.progress import Progress, SilentReporter
from imbik.core.questions import Question
from imbik.core.runfolder import RunFolder
from imbik.core.types import Message, Sensitivity
from imbik.privacy.audit import verify
from imbik.privacy.operator import Operator
from imbik.recipe import build

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.serving import serving

CONCURRENCY = 64
IN_FLIGHT = CONCURRENCY + CONCURRENCY // 8  # at the server, and replies on their way to the disk (ask.limits)
SERVER = "import sys; from imbik.testing import run; run(int(sys.argv[1]), latency=float(sys.argv[2]))"


class Count(NamedTuple):
    """What the server was asked."""

    requests: int
    different: int


def questions(salt: str, rows: int) -> list[Question]:
    """The same questions in every process."""
    return [
        Question(
            messages=(Message(role="user", content=f"{salt} soru {number}"),),
            row=f"r{number}",
            sensitivity=Sensitivity.PUBLIC,
        )
        for number in range(rows)
    ]


def make_engine(folder: Path, url: str) -> AskEngine:
    """An engine on the folder's store."""
    recipe = build(
        {
            "name": "oldur",
            "tasks": {"source": "x.jsonl", "kind": "qa"},
            "teachers": {"b": {"use": "openai", "model": "m", "base_url": url, "concurrency": CONCURRENCY}},
            "student": {"architecture": "llama"},
        }
    )
    return AskEngine(
        recipe=recipe,
        run=RunFolder(folder / "oldur"),
        executor=LocalExecutor(),
        progress=Progress(SilentReporter()),
        operator=Operator(),
    )


def worker(folder: Path, url: str, rows: int) -> None:
    """What is killed: hands answers on in order and writes down how many."""
    handed = os.open(folder / "handed", os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with make_engine(folder, url) as engine:
        asked = questions(folder.name, rows)
        for number, (question, answer) in enumerate(zip(asked, engine.ask("b", asked, purpose="x"), strict=True), 1):
            if answer.answer != f"Duydum: {question.messages[0].content}":
                raise SystemExit(f"row {number} has a wrong answer: {answer}")
            os.pwrite(handed, b"%8d" % number, 0)


def start(folder: Path, url: str, rows: int) -> subprocess.Popen[bytes]:
    """The worker in a process of its own."""
    command = [sys.executable, __file__, "--worker", str(folder), url, str(rows)]
    return subprocess.Popen(command)


def kill_at(process: subprocess.Popen[bytes], url: str, asked: int, wait: float) -> bool:
    """SIGKILL `wait` seconds after the server was asked so many different questions; False when it had finished."""
    while count(url).different < asked:
        if process.poll() is not None:
            return False
        time.sleep(0.002)
    time.sleep(wait)
    if process.poll() is not None:
        return False
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return True


def finish(folder: Path, url: str, rows: int) -> float:
    """Run to the end; seconds it took."""
    started = time.monotonic()
    if start(folder, url, rows).wait() != 0:
        raise SystemExit(f"the worker on {folder} failed")
    return time.monotonic() - started


def lost(folder: Path, url: str, rows: int) -> int:
    """Answers that were handed on and are not in the store; 0 is right. Also checks the database."""
    file = folder / "handed"
    handed = int(file.read_bytes() or b"0") if file.exists() else 0
    path = folder / "answers.sqlite"
    if not path.exists():
        return handed
    with make_engine(folder, url) as engine:
        identity = engine.identity("b")
    connection = sqlite3.connect(path)
    try:
        if connection.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
            raise SystemExit(f"{path} is damaged")
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        stored = {key for (key,) in connection.execute("SELECT key FROM answers")} if "answers" in tables else set()
    finally:
        connection.close()
    asked = questions(folder.name, rows)[:handed]
    return sum(question_key(identity, question, local=False) not in stored for question in asked)


def count(url: str) -> Count:
    """What the server was asked so far."""
    with urllib.request.urlopen(url.removesuffix("/v1") + "/count", timeout=10) as reply:
        found = msgspec.json.decode(reply.read())
    return Count(found["count"], found["different"])


def one_folder(folder: Path, url: str, options: argparse.Namespace, chance: random.Random) -> tuple[int, int, int]:
    """Kills, requests paid twice, answers lost; finishes the folder and checks that nothing is asked again."""
    folder.mkdir()
    before, kills, gone = count(url), 0, 0
    for point in sorted(chance.randrange(options.rows) for _ in range(options.per_folder)):
        process = start(folder, url, options.rows)
        kills += kill_at(process, url, before.different + point, chance.uniform(0.0, 0.05))
        gone += lost(folder, url, options.rows)
    finish(folder, url, options.rows)
    after = count(url)
    finish(folder, url, options.rows)
    if count(url) != after:
        raise SystemExit("the same command asked stored answers again")
    verify(folder / "oldur" / "audit.jsonl")
    new = after.different - before.different
    if new != options.rows:
        raise SystemExit(f"{new} different questions were asked, not {options.rows}")
    return kills, (after.requests - before.requests) - new, gone


def control(folder: Path, url: str, rows: int) -> tuple[int, int]:
    """Take seven answers out of a finished store; what the checks say of it (lost, paid twice)."""
    with sqlite3.connect(folder / "answers.sqlite") as connection:
        connection.execute("DELETE FROM answers WHERE key IN (SELECT key FROM answers LIMIT 7)")
    connection.close()
    missing, before = lost(folder, url, rows), count(url)
    finish(folder, url, rows)
    after = count(url)
    return missing, (after.requests - before.requests) - (after.different - before.different)


def main() -> None:
    """Print one line a folder, and the verdict."""
    if sys.argv[1:2] == ["--worker"]:
        _, _, folder, url, rows = sys.argv
        worker(Path(folder), url, int(rows))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--per-folder", type=int, default=20)
    parser.add_argument("--rows", type=int, default=5_000)
    parser.add_argument("--latency", type=float, default=0.02)
    parser.add_argument("--port", type=int, default=18475)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=None, help="where stores are made: name a real disk")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    url = f"http://127.0.0.1:{options.port}/v1"
    total = twice = gone = 0
    here = f"http://127.0.0.1:{options.port}/count"
    with (
        serving(SERVER, options.port, options.latency, url=here),
        tempfile.TemporaryDirectory(dir=options.folder) as home,
    ):
        (Path(home) / "undisturbed").mkdir()
        duration = finish(Path(home) / "undisturbed", url, options.rows)
        print(f"undisturbed: {options.rows:,} rows in {duration:.1f} s", flush=True)
        number = 0
        while total < options.kills:
            number += 1
            kills, paid, missing = one_folder(Path(home) / f"klasor-{number}", url, options, chance)
            total, twice, gone = total + kills, twice + paid, gone + missing
            print(f"folder {number}: {kills} kills, {paid} requests paid twice, {missing} answers lost", flush=True)
            if paid > kills * IN_FLIGHT or missing:
                raise SystemExit(1)
        found = control(Path(home) / "undisturbed", url, options.rows)
    print(
        f"{total} kills of a {options.rows:,}-row generation: {gone} answers lost, {twice} requests paid twice "
        f"({twice / max(total, 1):.1f} a kill, at most {IN_FLIGHT} in flight); control: {found[0]} and {found[1]} of 7"
    )
    raise SystemExit(0 if found == (7, 7) else 1)


if __name__ == "__main__":
    main()
