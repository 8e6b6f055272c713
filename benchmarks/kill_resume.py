"""Claim: kill -9 at any moment, then the same command, ends as if nothing had happened.

Runs a small embedded recipe (about 30 seconds) once undisturbed; then again and again in fresh folders, killed with
SIGKILL at random moments (every run folder is killed `--per-run` times at moments drawn over the undisturbed duration),
each time followed by the same command. Compares kept rows, raw answers and weights with the undisturbed run, and counts
what was asked of the teacher twice (stored answers are compared by key and time of storing).

Peer or floor: the undisturbed run of the same command in the same session.

    python benchmarks/kill_resume.py --kills 50 --per-run 5
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
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
        killed = different = folder = 0
        while killed < options.kills:
            folder += 1
            runs = home / f"runs-{folder}"
            hits = [kill_after(recipe, runs, moments.uniform(0.3, duration)) for _ in range(options.per_run)]
            finish(recipe, runs)
            found = fingerprint(runs)
            wrong = [key for key in expected if found[key] != expected[key]]
            killed, different = killed + sum(hits), different + bool(wrong)
            print(
                f"folder {folder}: {sum(hits)} kills, {'differs in ' + ', '.join(wrong) if wrong else 'equal'}",
                flush=True,
            )
    print(
        f"{killed} kills over {folder} run folders: {folder - different} of {folder} end equal to the undisturbed run"
    )
    raise SystemExit(1 if different else 0)


if __name__ == "__main__":
    main()
