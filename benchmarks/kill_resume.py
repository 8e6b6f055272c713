"""Claim: kill -9 at any moment, then the same command, ends as if nothing had happened.

Runs a small embedded recipe (about 30 seconds) once undisturbed; then again and again in fresh folders, killed with
SIGKILL at random moments (every run folder is killed `--per-run` times at moments drawn over the undisturbed duration),
each time followed by the same command. Compares kept rows, raw answers and weights with the undisturbed run, and sees
that no stored answer was asked for again: after every kill the store is read, and at the end each answer it held must
stand there with the time at which it was first stored. (What is paid twice, of requests under way at the kill, is
counted at a server by answer_store_kill.py.)

Peer or floor: the undisturbed run of the same command in the same session.

    python benchmarks/kill_resume.py --kills 50 --per-run 5
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

RECIPE = """
name: oldur
tasks:
  source: {use: embedded, pool: 400, test: 50}
  kind: math
  sensitivity: public
teachers:
  buyuk: {use: in_process, model: "embedded:teacher", block_size: 64}
generate: {teacher: buyuk, instruction: "", max_tokens: 96}
student: {model: "embedded:base"}
capture: {teacher: buyuk, top_k: 8}
train:
  losses: [{use: cross_entropy, weight: 0.5}, {use: forward_kl, weight: 0.5}]
  steps: 60
  batch_size: 16
  learning_rate: 3.0e-3
  precision: fp32
  threads: 1
  checkpoint_every: 10
  validate_every: 20
evaluate: {against: [teacher, baseline], latency_rows: 2, resamples: 200}
"""


def command(recipe: Path, runs: Path) -> list[str]:
    """The one command, the same every time."""
    return [sys.executable, "-m", "imbik", "run", str(recipe), "--runs", str(runs)]


def environment() -> dict[str, str]:
    """One thread: the promise of equal weights is made for one."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def finish(recipe: Path, runs: Path) -> float:
    """Run to the end; returns seconds."""
    started = time.monotonic()
    done = subprocess.run(command(recipe, runs), env=environment(), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"the run failed with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return time.monotonic() - started


def kill_after(recipe: Path, runs: Path, seconds: float) -> bool:
    """Start the command and kill -9 its process group after `seconds`; False when it had ended before."""
    process = subprocess.Popen(
        command(recipe, runs),
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        process.wait(seconds)
        return False
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True


def without_times(line: bytes) -> bytes:
    """A sample's line without the seconds an answer took, the one field that may differ."""
    record = msgspec.json.decode(line)
    record.get("completion", {}).pop("seconds", None)
    return msgspec.json.encode(record, order="sorted")


def rows_digest(folder: Path) -> str:
    """Hash of all rows of a stage's parts."""
    sha = hashlib.sha256()
    for part in sorted(folder.glob("*.jsonl")):
        for line in part.read_bytes().splitlines():
            sha.update(without_times(line))
    return sha.hexdigest()


def weights_digest(run: Path) -> str:
    """Hash of the student's weights file."""
    files = sorted((run / "6_student" / "student").rglob("weights/*.safetensors"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def stored(runs: Path) -> dict[bytes, tuple[int, float]]:
    """Key, revision and time of storing of every answer in the folder's store."""
    path = runs / "answers.sqlite"
    if not path.exists():
        return {}
    connection = sqlite3.connect(path)
    try:
        if not connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'answers'").fetchone()[0]:
            return {}
        found = connection.execute("SELECT key, revision, stored FROM answers").fetchall()
        return {key: (revision, when) for key, revision, when in found}
    finally:
        connection.close()


def disturb(recipe: Path, runs: Path, moments: Sequence[float]) -> tuple[int, int]:
    """Kill at each moment, then let it finish; (kills that hit, answers that were asked for again)."""
    hits = 0
    before: dict[bytes, tuple[int, float]] = {}
    for moment in moments:
        hits += kill_after(recipe, runs, moment)
        before = {**stored(runs), **before}
    finish(recipe, runs)
    after = stored(runs)
    return hits, sum(after.get(key) != mark for key, mark in before.items())


def fingerprint(runs: Path) -> dict[str, str]:
    """What must be equal."""
    run = runs / "oldur"
    return {
        "answers": rows_digest(run / "2_answers"),
        "kept": rows_digest(run / "3_refined"),
        "weights": weights_digest(run),
    }


def main() -> None:
    """Print one line a run folder and the verdict."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--per-run", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    moments = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        recipe = home / "recipe.yaml"
        recipe.write_text(RECIPE, encoding="utf-8")
        duration = finish(recipe, home / "reference")
        expected = fingerprint(home / "reference")
        print(f"undisturbed: {duration:.1f} s; weights {expected['weights'][:12]}", flush=True)
        killed = different = folder = again = 0
        while killed < options.kills:
            folder += 1
            runs = home / f"runs-{folder}"
            hits, twice = disturb(recipe, runs, [moments.uniform(0.3, duration) for _ in range(options.per_run)])
            found = fingerprint(runs)
            wrong = [key for key in expected if found[key] != expected[key]]
            killed, different, again = killed + hits, different + bool(wrong), again + twice
            verdict = f"differs in {', '.join(wrong)}" if wrong else "equal"
            print(f"folder {folder}: {hits} kills, {verdict}, {twice} stored answers asked for again", flush=True)
    print(
        f"{killed} kills over {folder} run folders: {folder - different} of {folder} end equal to the undisturbed run; "
        f"{again} stored answers were asked for again"
    )
    raise SystemExit(1 if different or again else 0)


if __name__ == "__main__":
    main()
