"""Claim: on real messages (Banking77) a teacher trained here from nothing reaches 89%, and a student 8x smaller keeps
of it what docs/banking77.md says.

Runs `recipes/banking77-teacher.yaml` and `recipes/banking77.yaml` as anybody would (10,003 messages to learn from, all
3,080 test messages, 77 intents) and reads the figures from their `scores.json`: accuracy of teacher, student, text_only
and baseline, retention, latency, and what soft labels added.

Peer, on the same rows in the same run: TF-IDF with a linear SVM. Controls: `baseline`, the student before training,
must stand near 1/77; `text_only` is the student without the teacher's probabilities.
Floor: 89% for the teacher (exit 1 below it).

    python benchmarks/banking77.py --data ../shared/data/banking77 [--runs DIR]      (about 20 minutes on two cores)
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from imbik.core.runfolder import RunFolder
from imbik.evaluate.scores import Scores, SystemScores, read_scores

RECIPES = Path(__file__).resolve().parent.parent / "recipes"
FLOOR = 0.89
CHANCE = 0.05


def run(name: str, data: Path, runs: Path) -> Scores:
    """Run a recipe, or see that it is done; its scores."""
    command = [sys.executable, "-m", "imbik", "run", str(RECIPES / f"{name}.yaml"), "--runs", str(runs)]
    done = subprocess.run(command, env={**os.environ, "IMBIK_BANKING77": str(data.resolve())}, check=False)
    scores = read_scores(RunFolder(runs / name))
    if done.returncode != 0 or scores is None:
        raise SystemExit(f"{name} ended with {done.returncode}")
    return scores


def accuracy(system: SystemScores) -> float:
    """The point value."""
    return system.metrics["accuracy"].value


def shown(scores: Scores) -> None:
    """One line a system: accuracy with its interval, parameters, median latency."""
    for name, system in scores.systems.items():
        found = system.metrics["accuracy"]
        latency = f"{system.latency_ms.p50:6.2f} ms" if system.latency_ms else ""
        size = f"{system.parameters:>9,}" if system.parameters else " " * 9
        print(f"  {name:<22}{found.value:7.1%} ({found.low:.1%} to {found.high:.1%}) {size} {latency}")


def main() -> None:
    """Print both tables, the ratios, and whether the floor is reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        runs = options.runs or Path(name)
        teacher = run("banking77-teacher", options.data, runs)
        student = run("banking77", options.data, runs)
    print("\nteacher, from gold labels")
    shown(teacher)
    print("\nstudent, from that teacher")
    shown(student)
    reached, words = accuracy(teacher.systems["student"]), accuracy(teacher.systems["tfidf"])
    smaller = (teacher.systems["student"].parameters or 0) / (student.systems["student"].parameters or 1)
    kept = student.retention["accuracy"]
    gain = student.paired["student-text_only"]["accuracy"]
    print(f"\nteacher {reached:.1%}, {reached / words:.3f} of TF-IDF; the student has {smaller:.1f}x fewer parameters")
    print(f"kept of the teacher: {kept.value:.1%} ({kept.low:.1%} to {kept.high:.1%})")
    print(f"probabilities beside labels: {gain.value:+.1%} ({gain.low:+.1%} to {gain.high:+.1%})")
    held = reached >= FLOOR and accuracy(student.systems["baseline"]) < CHANCE
    print("held" if held else "NOT HELD")
    sys.exit(not held)


if __name__ == "__main__":
    main()
