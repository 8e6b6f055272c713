"""A disk that is really full: a small tmpfs under the runs folder. Part of `make nightly`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from imbik.core.errors import ExitCode

RECIPE = """name: dolu
tasks:
  source: rows.csv
  kind: classification
  sensitivity: public
generate: {from: reference}
student: {architecture: llama, hidden_size: 16, layers: 1, heads: 2, context: 128, vocabulary: 300}
train: {steps: 4, batch_size: 8, learning_rate: 1e-2, precision: fp32, threads: 1, checkpoint_every: 1}
evaluate: {latency_rows: 1, resamples: 100}
"""
# In a mount namespace of its own: a full disk, the same command with room, and what both left behind.
SCRIPT = """
set -u
mount -t tmpfs -o size={size} none runs || exit 99
{python} -m imbik run recipe.yaml -q; first=$?
mount -o remount,size=200m runs
{python} -m imbik run recipe.yaml -q; second=$?
cp -r runs/dolu/8_report report 2>/dev/null
find runs -name '*.tmp' > leftovers
echo "$first $second"
"""


@pytest.mark.nightly
@pytest.mark.parametrize("size", ["60k", "200k", "400k", "800k"])
def test_a_full_disk_at_any_stage_is_explained_and_survived(tmp_path: Path, size: str) -> None:
    assert shutil.which("unshare"), "util-linux brings unshare: apt-get install util-linux"
    rows = "".join(f"metin {i} burada duruyor,{'ab'[i % 2]}\n" for i in range(300))
    (tmp_path / "rows.csv").write_text("text,label\n" + rows)
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    (tmp_path / "runs").mkdir()
    script = SCRIPT.format(size=size, python=sys.executable)
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split()[-2:] == [str(int(ExitCode.FAILED)), str(int(ExitCode.DONE))], done.stdout + done.stderr
    assert "same command again" in done.stderr
    assert "error of imbik" not in done.stderr
    assert (tmp_path / "report" / "report.html").exists()
    assert (tmp_path / "leftovers").read_text() == ""
