"""Claim: generating answers holds what is under way, never all rows: at most 120 MB at 100,000 rows.

Needs nothing but imbik. Makes a tasks folder of 100,000 rows and runs the whole `generate` stage over it against a fake
teacher in a process of its own, at concurrency 64 and 0 ms. Prints the peak resident memory of the asking process alone
(VmHWM), beside its floor (the same process once everything it uses is imported) and a run of a tenth of the rows, so
that what grows with the rows is seen. How soon imbik begins is measured by startup.py.

Bar: 120 MB. Positive control: the same process holding every sample in a list must pass the bar.

    python benchmarks/generation_memory.py --rows 100000
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.serving import serving

SERVER = """
import sys
import asyncio, uvloop
asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
from imbik.testing import run
run(int(sys.argv[1]), answer=lambda messages: "Adım adım: " + "12 + 30 = 42. " * 20 + "\\nCevap: 42")
"""
RECIPE = """
name: bellek
tasks: {{source: rows.csv, kind: math, sensitivity: public, split: {{validation: 0.1, test: 0.1}}}}
teachers: {{b: {{use: openai, model: m, base_url: "{url}", concurrency: 64}}}}
student: {{architecture: llama, hidden_size: 16, layers: 1, heads: 2}}
"""
BAR_MB = 120.0


def peak_mb() -> float:
    """Peak resident memory of this process in MB (10^6 bytes)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) * 1024 / 1e6


def make_tasks(folder: Path, url: str, rows: int) -> None:
    """A finished tasks stage, streamed to the disk."""
    from imbik.core.files import write_lines
    from imbik.core.results import Books
    from imbik.core.runfolder import Manifest, RunFolder, write_parts
    from imbik.core.types import Message, NumberReference, Sensitivity, Task
    from imbik.tasks.split import Assignment

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recipe.yaml").write_text(RECIPE.format(url=url), encoding="utf-8")
    run = RunFolder(folder / "runs" / "bellek")
    run.create()
    text = "Ayşe pazardan 12 elma, 30 armut aldı; kaç meyvesi olur? " * 5

    def tasks() -> Iterator[Task]:
        for number in range(rows):
            yield Task(
                id=f"rows.csv:{number}",
                kind="math",
                messages=(Message(role="user", content=f"{number}: {text}"),),
                reference=NumberReference(text="42"),
                sensitivity=Sensitivity.PUBLIC,
            )

    write_parts(run.begin("1_tasks", "h"), tasks())
    sets = (Assignment(id=f"rows.csv:{number}", set="train") for number in range(rows))
    write_lines(run.stage("1_tasks") / "splits.jsonl", sets)
    books = Books(rows_in=rows, rows_out=rows)
    run.finish(
        "1_tasks",
        Manifest(
            stage="tasks", version=1, hash="h", inputs={}, root="", books=books, sensitivity=Sensitivity.PUBLIC,
            seconds=0.0, imbik="0", finished="",
        ),
    )  # fmt: skip


def worker(folder: Path, hold: bool) -> None:
    """Run the stage; print rows answered, floor and peak. `hold` keeps every sample: the control."""
    from imbik.ask.engine import AskEngine
    from imbik.core.executor import LocalExecutor
    from imbik.core.progress import Progress, SilentReporter
    from imbik.core.runfolder import RunFolder
    from imbik.core.types import Sample
    from imbik.generate import rounds
    from imbik.generate.stage import GenerateStage
    from imbik.privacy.operator import Operator
    from imbik.recipe import load_recipe
    from imbik.stage import StageContext

    recipe, run = load_recipe(folder / "recipe.yaml"), RunFolder(folder / "runs" / "bellek")
    progress = Progress(SilentReporter())
    held: list[Sample] = []
    if hold:
        made = rounds.Rounds._sample

        def keeping(self: rounds.Rounds, *given: object) -> Sample:
            held.append(made(self, *given))  # type: ignore[arg-type]
            return held[-1]

        rounds.Rounds._sample = keeping  # type: ignore[method-assign,assignment]
    import aiohttp  # noqa: F401 - part of the floor

    floor, began = peak_mb(), time.monotonic()
    stage, executor = GenerateStage(), LocalExecutor()
    with AskEngine(recipe=recipe, run=run, executor=executor, progress=progress, operator=Operator()) as asker:
        folder_of = run.begin(stage.folder, "h")
        result = stage.run(StageContext(recipe, run, folder_of, asker, executor, progress))
    print(result.books.rows_out, floor, peak_mb(), time.monotonic() - began)


def measured(folder: Path, url: str, rows: int, *, hold: bool = False) -> tuple[float, float, float]:
    """Floor and peak in MB, and seconds, of a process that generates `rows` answers."""
    make_tasks(folder, url, rows)
    command = [sys.executable, __file__, "--worker", str(folder), "hold" if hold else ""]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    answered, floor, peak, seconds = done.stdout.split()
    if int(answered) != rows:
        raise SystemExit(f"{answered} of {rows} rows were answered: this measurement says nothing")
    return float(floor), float(peak), float(seconds)


def main() -> None:
    """Print memory; exit 1 when the bar is not met or the control is not seen."""
    if sys.argv[1:2] == ["--worker"]:
        worker(Path(sys.argv[2]), sys.argv[3] == "hold")
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--port", type=int, default=18477)
    options = parser.parse_args()
    url = f"http://127.0.0.1:{options.port}/v1"
    with serving(SERVER, options.port, url=f"{url}/models"), tempfile.TemporaryDirectory() as name:
        home = Path(name)
        _, small, _ = measured(home / "a", url, options.rows // 10)
        floor, peak, seconds = measured(home / "b", url, options.rows)
        print(
            f"{options.rows:,} rows: peak {peak:.0f} MB, floor {floor:.0f} MB, a tenth of the rows {small:.0f} MB, "
            f"{options.rows / seconds:,.0f} rows/s (bar: <= {BAR_MB:.0f} MB)",
            flush=True,
        )
        _, held, _ = measured(home / "c", url, options.rows, hold=True)
        print(f"control, every sample held: {held:.0f} MB (must be above {BAR_MB:.0f})", flush=True)
    raise SystemExit(0 if peak <= BAR_MB and held > BAR_MB else 1)


if __name__ == "__main__":
    main()
