"""Claim: the whole deterministic refinery goes through 100,000 samples at 2,000 or more a CPU second, and its memory is
that of a block and of some hundred bytes a sample, whatever the samples are.

Needs nothing but imbik. Makes a run of Turkish word problems with worked steps (the generator that ships), answered
well and badly: one answer in ten is wrong, in wrong arithmetic, in English, cut to a loop, a refusal, or unclean; some
problems stand twice or are told nearly alike, and some stand in the test set. Answers are numbers; one in five has a
unit, one in twenty is a fraction or LaTeX, one in a hundred a root, which sympy alone can read. Then the refine stage,
all of it, files and books too, in a process of its own at 10,000 and at 100,000 samples: clean, shape, format,
repetition, refusal, language, toxicity, pii, answer, arithmetic, agreement, duplicates, leakage, balance.

Printed: samples a CPU second (bar 2,000), the share of them that sympy never saw, math-verify alone on the same
answers, peak resident memory (VmHWM) at both sizes and what a sample adds to it (bar 250 bytes: hashes and
places of each row, where the rows themselves lie on the disk; a sample here is 2 kB), CPU time of each check, and what
each rejected. Control: every planted fault has to be rejected by a check that looks for it.

    python benchmarks/refinery.py [--samples 100000]
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

SPEED, BYTES_EACH = 2_000, 250
CHECKS = [
    "clean", "shape", {"use": "format", "step": r"\d+\)", "least_steps": 0}, "repetition", "refusal", "language",
    "toxicity", "pii", "answer", "arithmetic", "agreement", {"use": "duplicates", "threshold": 0.85}, "leakage",
    {"use": "balance", "by": "category", "most": 1_000_000},
]  # fmt: skip
FAULTS = {
    "wrong": ("answer",), "sum": ("arithmetic",), "english": ("language",), "loop": ("repetition", "shape"),
    "refusal": ("refusal",), "pii": ("pii",), "twice": ("duplicates",), "leaked": ("leakage",),
}  # fmt: skip
ENGLISH = (
    "First we find how many things there are in all, then we take away what was given to the others, and what is left "
    "is shared among them evenly, so each of them gets the same number of things at the end of the day."
)


FRAME = (
    "Önce soruda verilenleri yazalım ve neyin istendiğine bakalım. {steps} Böylece sırayla ilerledik, her adımda "
    "bulduğumuz sayıyı sonraki adımda kullandık. Sonuç olarak aradığımız sayı {answer} olur."
)


def made(count: int) -> Iterator[tuple[Any, str, Any, str]]:
    """Task, set, sample, and the fault planted in it ('' for none)."""
    from imbik.core.types import Completion, Message, NumberReference, Sample, Sensitivity, Task
    from imbik.tasks.problems.generator import problems

    rng, earlier = random.Random(7), ("", "")
    tests = [problem.text for problem in problems("B", 500)]
    for number, text in enumerate(tests):
        message = Message(role="user", content=text)
        yield Task(id=f"test-{number:06d}", kind="math", messages=(message,), language="tr"), "test", None, ""
    for number, problem in enumerate(problems("pool", count)):
        fault = rng.choice(list(FAULTS)) if rng.random() < 0.1 else ""
        question, known = problem.text, formed(problem.answer, rng)
        if fault == "twice" and earlier[0]:
            question, known = f"  {earlier[0]} ?", earlier[1]
        elif fault == "leaked":
            question = f"{rng.choice(tests)} Lütfen."
        elif not fault:
            earlier = (question, known)
        reasoning, answer = spoiled(FRAME.format(steps=problem.reasoning, answer=known), known, fault, rng)
        task = Task(
            id=f"{number:07d}", kind="math", messages=(Message(role="user", content=question),), language="tr",
            reference=NumberReference(text=known), category=str(number % 7), sensitivity=Sensitivity.PUBLIC,
        )  # fmt: skip
        completion = Completion(answer=f"{reasoning}\nCevap: {answer}")
        sample = Sample(
            task=task, teacher="t", number=0, completion=completion, reasoning=reasoning, answer=answer,
            sensitivity=Sensitivity.PUBLIC,
        )  # fmt: skip
        yield task, "train", sample, fault


def formed(answer: int, rng: random.Random) -> str:
    """The answer as teachers write it."""
    drawn = rng.random()
    if drawn < 0.20:
        return f"{answer} {rng.choice(('lira', 'kg', 'm', 'dakika', 'elma'))}"
    if drawn < 0.25:
        return rng.choice((f"{answer}/7", f"\\frac{{{answer}}}{{7}}", f"${answer}$", f"{answer},50"))
    return f"{answer}\\sqrt{{2}}" if drawn < 0.26 else str(answer)


def spoiled(reasoning: str, answer: str, fault: str, rng: random.Random) -> tuple[str, str]:
    """Reasoning and answer with the fault in them; some of the good ones are unclean."""
    if fault == "wrong":
        return reasoning, f"{rng.randrange(1000, 9999)}"
    if fault == "sum":
        return f"{reasoning} Denetleyelim: 12 + 7 = 20.", answer
    if fault == "english":
        return ENGLISH, answer
    if fault == "loop":
        return f"{reasoning} {'ve sonra yine ' * 12}", answer
    if fault == "refusal":
        return f"Üzgünüm, bir yapay zekâ modeli olarak bu soruya yardımcı olamam. {reasoning}", answer
    if fault == "pii":
        return f"{reasoning} Bilgi için 0532 123 45 67 numarasını arayın.", answer
    return (f"{reasoning} <br>&nbsp;", answer) if rng.random() < 0.02 else (reasoning, answer)


def make_run(folder: Path, count: int) -> None:
    """Tasks and answers, streamed to the disk, and the planted faults by sample."""
    from imbik.core.files import write_lines
    from imbik.core.results import Books
    from imbik.core.runfolder import Manifest, RunFolder, write_parts
    from imbik.core.types import Sensitivity
    from imbik.tasks.split import Assignment

    run = RunFolder(folder / "deneme")
    run.create()

    def finish(stage: str, rows: int) -> None:
        books = Books(rows_in=rows, rows_out=rows)
        run.finish(
            stage,
            Manifest(stage=stage, version=1, hash="h", inputs={}, root="", books=books, sensitivity=Sensitivity.PUBLIC,
                     seconds=0.0, imbik="0", finished=""),
        )  # fmt: skip

    tasks = write_parts(run.begin("1_tasks", "h"), (task for task, *_ in made(count)))
    sets = (Assignment(id=task.id, set=name) for task, name, *_ in made(count))
    write_lines(run.stage("1_tasks") / "splits.jsonl", sets)
    finish("1_tasks", tasks)
    given = (sample for _, _, sample, _ in made(count) if sample is not None)
    finish("2_answers", write_parts(run.begin("2_answers", "h"), given))
    faults = {sample.id: fault for _, _, sample, fault in made(count) if fault}
    (folder / "faults.json").write_text(json.dumps(faults), encoding="utf-8")


def context_of(folder: Path) -> Any:
    """What the pipeline would hand the stage."""
    from imbik.core.executor import LocalExecutor
    from imbik.core.progress import Progress, SilentReporter
    from imbik.core.runfolder import RunFolder
    from imbik.recipe import build
    from imbik.stage import StageContext

    recipe = build(
        {
            "name": "deneme", "tasks": {"source": "rows.jsonl", "kind": "math", "sensitivity": "public"},
            "teachers": {"t": {"use": "openai", "model": "m"}}, "student": {"architecture": "llama"}, "refine": CHECKS,
        }
    )  # fmt: skip
    run = RunFolder(folder / "deneme")
    asker: Any = None  # these checks ask nobody
    return StageContext(recipe, run, run.begin("3_refined", "h"), asker, LocalExecutor(), Progress(SilentReporter()))


def worker(folder: Path) -> None:
    """Run the stage once; print CPU seconds, floor and peak of memory, the books, and how often sympy was asked."""
    import math_verify  # noqa: F401 - part of the floor

    from imbik.refine.stage import RefineStage
    from imbik.tasks import expressions

    context = context_of(folder)
    floor, began = peak(), time.process_time()
    result = RefineStage().run(context)
    seconds, slow = time.process_time() - began, expressions._canonical.cache_info()
    print(
        json.dumps(
            {
                "samples": result.books.rows_in, "kept": result.books.rows_out, "seconds": seconds, "floor": floor,
                "peak": peak(), "reasons": result.books.reasons, "balanced": result.books.balanced,
                "sympy": slow.hits + slow.misses,
            }
        )
    )  # fmt: skip


def peak() -> int:
    """Peak resident memory of this process in bytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) * 1024


def each_check(folder: Path, count: int) -> None:
    """CPU time of each check alone, on the same samples."""
    from imbik.core.runfolder import read_parts
    from imbik.core.types import Sample
    from imbik.refine.named import checks_of
    from imbik.refine.passes import Segment, judge_block
    from imbik.refine.surroundings import Surroundings

    context = context_of(folder)
    surroundings = Surroundings(context.recipe, context.run, "")
    rows = list(islice(read_parts(context.run.stage("2_answers"), Sample), count))
    for named in checks_of(context.recipe):
        segment = Segment((), named) if named.scope == "all" else Segment((named,))
        judge_block(rows[:100], segment=segment, surroundings=surroundings)
        began = time.process_time()
        judged = judge_block(rows, segment=segment, surroundings=surroundings)
        if judged.sketches:
            named.check.decide(named.check.merge(judged.sketches), surroundings())
        print(f"  {named.name}: {(time.process_time() - began) / len(rows) * 1e6:.0f} µs a sample")


def math_verify_alone(folder: Path, count: int) -> float:
    """Answers a CPU second of math-verify, which parses both and compares them."""
    from math_verify import parse, verify

    from imbik.core.runfolder import read_parts
    from imbik.core.types import Sample

    run = context_of(folder).run
    rows = [
        (sample.answer, sample.task.reference.text)
        for sample in islice(read_parts(run.stage("2_answers"), Sample), count)
        if sample.task.reference
    ]
    verify(parse("1"), parse("1"))
    began = time.process_time()
    for given, known in rows:
        verify(parse(f"${known}$"), parse(f"${given}$"))
    return len(rows) / (time.process_time() - began)


def missed(folder: Path) -> Counter[str]:
    """Planted faults that no check that looks for them rejected; what another check rejected is no miss of theirs."""
    from imbik.core.files import read_lines
    from imbik.core.runfolder import read_parts
    from imbik.core.types import Sample

    faults, stage = json.loads((folder / "faults.json").read_text(encoding="utf-8")), folder / "deneme" / "3_refined"
    kept = Counter(faults[sample.id] for sample in read_parts(stage, Sample) if sample.id in faults)
    by = Counter[tuple[str, str]]()
    for path in sorted(stage.glob("rejected-*.jsonl")):
        for sample in read_lines(path, Sample):
            by[faults.get(sample.id, "nothing"), sample.verdicts[-1].by] += 1
    for fault in [*FAULTS, "nothing"]:
        told = ", ".join(f"{name} {count}" for (planted, name), count in by.most_common() if planted == fault)
        print(f"  planted {fault}: rejected by {told or 'none'}; kept {kept[fault]}")
    return kept


def main() -> None:
    """Print all figures; exit 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        worker(options.worker)
        return
    found = []
    with tempfile.TemporaryDirectory() as name:
        for count in (options.samples // 10, options.samples):
            folder = Path(name) / str(count)
            make_run(folder, count)
            command = [sys.executable, __file__, "--worker", str(folder)]
            found.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
            told = found[-1]
            print(
                f"{told['samples']:,} samples: {told['samples'] / told['seconds']:,.0f} a CPU second, "
                f"kept {told['kept']:,}, floor {told['floor'] / 1e6:.0f} MB, peak {told['peak'] / 1e6:.0f} MB"
            )
        kept = missed(folder)
        print("each check alone:")
        each_check(folder, min(5_000, options.samples))
        alone = math_verify_alone(folder, min(1_000, options.samples))
    few, many = found
    speed = many["samples"] / many["seconds"]
    each = (many["peak"] - few["peak"]) / (many["samples"] - few["samples"])
    print(f"speed: {speed:,.0f} samples a CPU second, bar {SPEED:,}")
    print(f"without sympy: {1 - many['sympy'] / (2 * many['samples']):.2%} of all answers compared")
    print(f"math-verify alone: {alone:,.0f} answers a CPU second")
    print(f"memory that a sample adds: {each:,.0f} bytes, bar {BYTES_EACH:,}")
    print(f"books balanced: {few['balanced'] and many['balanced']}; planted faults kept: {kept.total()}, bar 0")
    held = speed >= SPEED and each <= BYTES_EACH and many["balanced"] and not kept.total()
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
