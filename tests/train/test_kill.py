"""kill -9 in the middle of training, then the same command: the same weights to the bit."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from imbik.core import students
from imbik.core.files import read_json
from imbik.core.runfolder import RunFolder
from imbik.train.course import TrainingRecord

PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from imbik.core.runfolder import RunFolder
from imbik.train.stage import TrainStage
from stagekit import context_of
from trainkit import lay, STUDENT, TRAIN
from stagekit import make_recipe
train = {{**TRAIN, "steps": 60, "checkpoint_every": 2, "controls": ["answers_only"], "optimizer": "muon"}}
train["dropout"] = 0.1
folder = Path({folder!r})
if (folder / "deneme").exists():
    run, recipe = RunFolder(folder / "deneme"), make_recipe(student=STUDENT, train=train)
else:
    run, recipe = lay(folder, train=train)
TrainStage().run(context_of(TrainStage(), recipe, run))
"""


def start(folder: Path) -> subprocess.Popen[bytes]:
    tests = str(Path(__file__).resolve().parent.parent)
    program = PROGRAM.format(tests=tests, folder=str(folder))
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-c", program], env=environment, stderr=subprocess.PIPE)


def finish(folder: Path) -> dict[str, TrainingRecord]:
    process = start(folder)
    _, errors = process.communicate(timeout=250)
    assert process.returncode == 0, errors.decode()[-2000:]
    run = RunFolder(folder / "deneme")
    return {
        variant: read_json(students.trained(run, variant, 1) / "training.json", TrainingRecord)
        for variant in ("student", "answers_only")
    }


def kill_after(folder: Path, name: str, seconds: float) -> None:
    """kill -9 some time after the named variant wrote its first checkpoint."""
    process = start(folder)
    waited = folder / "deneme" / "6_student" / name / "seed-1" / "checkpoints"
    until = time.monotonic() + 200
    while process.poll() is None and not list(waited.glob("step-*")) and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.communicate()


@pytest.mark.timeout(600)
def test_killed_runs_end_in_the_same_bits(tmp_path: Path) -> None:
    wanted = finish(tmp_path / "whole")
    draw = random.Random(int.from_bytes(os.urandom(2), "big"))
    for name in ("student", "answers_only"):
        kill_after(tmp_path / "killed", name, draw.uniform(0, 0.6))
    found = finish(tmp_path / "killed")
    for variant, record in wanted.items():
        assert found[variant].sha256 == record.sha256
        assert found[variant].losses == record.losses
        assert found[variant].kept_step == record.kept_step
        assert found[variant].tokens == record.tokens
    whole, killed = (students.best_weights(RunFolder(tmp_path / name / "deneme")) for name in ("whole", "killed"))
    assert (whole / "model.safetensors").read_bytes() == (killed / "model.safetensors").read_bytes()
