"""Claim: one command grows 40 Turkish seeds to 10,000 distinct tasks by four strategies and refines them on two cores.

Needs nothing but imbik. Writes 40 seeds in four categories, a taxonomy, templates, and a recipe with self_instruct,
evolve, grid (these three ask a teacher over real HTTP: a scripted one in a process of its own) and templates, and types
`imbik run RECIPE --until refine`. Prints the funnel, coverage by category, seconds by stage, and the peak memory beside
that of a pool of a tenth. A scripted teacher proves the machinery, and says nothing of how good a real one's tasks are.

Floor: every grown task is compared with the whole pool by a checker of its own (plain sets of word triples, exact
Jaccard); no pair may reach the threshold. Positive control, by the same checker in the same run: copies of a sample
with one word more, all of which it must find. Held-out seeds must stand nowhere in the training pool.

Bars: at least 10,000 tasks, no pair at or above the threshold, every copy found, at least three strategies with new
tasks (two of them asking), the same command afterwards asks nothing, and at most 150 MB for a pool ten times as large.

    python benchmarks/grow_pool.py --tasks 10000
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

THRESHOLD, SAMPLE, BAR_MB = 0.85, 400, 150.0
SERVER = """
import sys
import asyncio, uvloop
asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
from imbik.testing import GrowthTeacher, run
run(int(sys.argv[1]), answer=GrowthTeacher())
"""
RUN = """
import sys
from pathlib import Path
from imbik.cli.main import run_command
code = run_command()
peak = next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print("PEAK", peak)
sys.exit(code)
"""
WHERE = ("Konya'da", "Ağrı'da", "İzmir'de", "Muş'ta", "Rize'de", "Iğdır'da", "Çorum'da", "Uşak'ta", "Van'da", "Ordu'da")
SEEDS = {
    "hukuk": "{where} bir kiracı {a} günlük gecikmeden sonra {b} gün daha süre alırsa {a} + {b} kaç gün eder?",
    "tarih": "{where} kazı yapan ekip önce {a}, sonra {b} sikke buldu; {a} + {b} kaç sikke eder?",
    "sağlık": "{where} bir aile hekimi sabah {a}, öğleden sonra {b} hastaya baktı; {a} + {b} kaç hasta eder?",
    "coğrafya": "{where} ölçülen yağış ocakta {a}, şubatta {b} milimetre ise {a} + {b} kaç milimetre eder?",
}
TAXONOMY = """
personas: [emekli bir öğretmen, genç bir çiftçi, stajyer bir avukat, bir belediye memuru, üniversite öğrencisi]
branches:
  hukuk:
    rubric: Türk mevzuatına dayanır.
    branches: {borçlar: {branches: {temerrüt: {}, kira: {}}}, aile: {}, iş: {}}
  kamu hizmetleri: {rubric: Başvuru yolunu ve süresini sorar., branches: {nüfus: {}, belediye: {}, vergi: {}}}
  gündelik yaşam: {rubric: Gündelik bir hesabı ya da kararı sorar.}
"""
TEMPLATES = """
templates:
- name: basit-faiz
  category: finans
  text:
  - "{kişi}, {yer} şubesine yatırdığı {ana} lira için yıllık %{oran} basit faizle {ay} ay sonunda ne kadar faiz alır?"
  - "Yıllık %{oran} basit faizle {ay} ay boyunca {yer} şubesinde duran {ana} lira {kişi} için kaç lira faiz getirir?"
  slots:
    kişi: {names: tr}
    yer: {choices: [Konya, Ağrı, İzmir, Muş, Rize, Iğdır, Çorum, Uşak, Van, Ordu, Sinop, Kars]}
    ana: {money: [1200, 240000], step: 1200}
    oran: {int: [5, 60]}
    ay: {int: [2, 36]}
  answer: ana * oran * ay / 1200
  reasoning: "{ana} * {oran} * {ay} / 1200 = {answer}"
- name: gün-sayısı
  category: kamu hizmetleri › süre
  text: "{kişi} {ilk} günü yaptığı başvuruya {süre} gün içinde cevap bekliyor. Son gün ({yer}) hangisidir?"
  slots:
    kişi: {names: tr}
    yer: {choices: [Konya, Ağrı, İzmir, Muş, Rize, Iğdır, Çorum, Uşak, Van, Ordu, Sinop, Kars]}
    ilk: {date: [2015-01-01, 2025-12-31]}
    süre: {int: [7, 90]}
  let: {son: ilk + süre}
  answer_text: "{son}"
"""
RECIPE = """
name: havuz
tasks:
  source: seeds.csv
  kind: qa
  sensitivity: public
  split: {{validation: 0.1, test: 0.1}}
  grow:
    to: {to}
    teacher: yazar
    threshold: {threshold}
    strategies:
    - {{use: self_instruct, share: 0.35}}
    - {{use: evolve, share: 0.2}}
    - {{use: grid, share: 0.25, taxonomy: konular.yaml}}
    - {{use: templates, share: 0.2, file: kalip.yaml}}
teachers: {{yazar: {{use: openai, model: m, base_url: "{url}", concurrency: 32, served_as: sahte}}}}
refine: [shape, {{use: duplicates, threshold: {threshold}}}, leakage]
student: {{architecture: llama, hidden_size: 16, layers: 1, heads: 2}}
"""


def write_project(folder: Path, url: str, to: int) -> Path:
    """Seeds, taxonomy, templates and recipe."""
    folder.mkdir(parents=True)
    with (folder / "seeds.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["question", "answer", "category"])
        for place, where in enumerate(WHERE):
            for kind, (category, text) in enumerate(SEEDS.items()):
                a, b = 13 + 7 * place + kind, 5 + 3 * place + 2 * kind
                writer.writerow([text.format(where=where, a=a, b=b), str(a + b), category])
    (folder / "konular.yaml").write_text(TAXONOMY, encoding="utf-8")
    (folder / "kalip.yaml").write_text(TEMPLATES, encoding="utf-8")
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE.format(to=to, url=url, threshold=THRESHOLD), encoding="utf-8")
    return recipe


def run(recipe: Path) -> tuple[float, float]:
    """Type the command; seconds and peak resident memory in MB (10^6 bytes) of its process."""
    started = time.monotonic()
    command = [
        sys.executable,
        "-c",
        RUN,
        "run",
        str(recipe),
        "--until",
        "refine",
        "--runs",
        str(recipe.parent / "runs"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the run failed with {done.returncode}:\n{done.stdout[-3000:]}\n{done.stderr[-2000:]}")
    peak = next(int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("PEAK"))
    return time.monotonic() - started, peak * 1024 / 1e6


def read(run_folder: Path, stage: str) -> Iterator[dict[str, Any]]:
    """The lines of a stage's parts, as any program reads them."""
    for path in sorted((run_folder / stage).glob("part-*.jsonl")):
        with path.open(encoding="utf-8") as stream:
            yield from map(json.loads, stream)


def triples(text: str) -> set[tuple[str, ...]]:
    """Runs of three words; `İ` and `I` as Turkish lowers them."""
    words = re.findall(r"\w+", text.replace("İ", "i").replace("I", "ı").lower())
    return {tuple(words[place : place + 3]) for place in range(max(1, len(words) - 2))}


def nearest(
    text: str, sets: Sequence[set[tuple[str, ...]]], index: dict[tuple[str, ...], list[int]], but: int
) -> float:
    """The highest Jaccard similarity of a text with any of the pool but one."""
    own = triples(text)
    shared = Counter(row for item in own for row in index.get(item, ()))
    shared.pop(but, None)
    return max((count / (len(own) + len(sets[row]) - count) for row, count in shared.items()), default=0.0)


def check(run_folder: Path) -> tuple[int, int, float, int, int]:
    """Tasks, near-duplicates left, the highest similarity of a grown one with any other, copies not found (as a
    negative number), leaked seeds."""
    tasks = list(read(run_folder, "1_tasks"))
    texts = [" ".join(turn["content"] for turn in task["messages"]) for task in tasks]
    sets = [triples(text) for text in texts]
    index: dict[tuple[str, ...], list[int]] = {}
    for row, found in enumerate(sets):
        for item in found:
            index.setdefault(item, []).append(row)
    grown = [row for row, task in enumerate(tasks) if "origin" in task]
    chosen = random.Random(7).sample(grown, min(SAMPLE, len(grown)))
    likeness = [nearest(texts[row], sets, index, row) for row in grown]
    near, highest = sum(value >= THRESHOLD for value in likeness), max(likeness)
    copies = sum(nearest(f"{texts[row]} acaba", sets, index, -1) >= THRESHOLD for row in chosen)
    with (run_folder / "1_tasks" / "splits.jsonl").open(encoding="utf-8") as stream:
        held = {item["id"] for item in map(json.loads, stream) if item["set"] != "train"}
    out = [text for task, text in zip(tasks, texts, strict=True) if task["id"] in held]
    leaked = sum(
        text in other for text in out for task, other in zip(tasks, texts, strict=True) if task["id"] not in held
    )
    return len({" ".join(sorted(map(" ".join, found))) for found in sets}), near, highest, copies - len(chosen), leaked


def show(run_folder: Path) -> dict[str, Any]:
    """The funnel, the seconds and the coverage, from the run's own files."""
    for stage in ("1_tasks", "2_answers", "3_refined"):
        manifest = json.loads((run_folder / stage / "manifest.json").read_text(encoding="utf-8"))
        books = manifest["books"]
        lost = {key: books.get(key, 0) for key in ("rejected", "failed", "pending")}
        print(
            f"{stage:<10} in {books['rows_in']:>6,}  out {books['rows_out']:>6,}  {lost}  {manifest['seconds']:.1f} s"
        )
    growth: dict[str, Any] = json.loads((run_folder / "1_tasks" / "growth.json").read_text(encoding="utf-8"))
    for line in growth["strategies"]:
        told = f"share {line['share']:.2f} (wanted {line['wanted_share']:.2f})"
        print(f"  {line['strategy']:<14} new {line['new']:>6,} of {line['offered']:>6,}  {told}")
    for line in growth["coverage"]:
        print(f"  {line['category']:<28} {line['seeds'] + line['grown']:>6,}  {line.get('by', {})}")
    print(f"  refused: {growth.get('refused', {})}")
    return growth


def asked(url: str) -> int:
    """Requests that the teacher got so far."""
    with urllib.request.urlopen(url.removesuffix("/v1") + "/books", timeout=5) as reply:
        return int(json.loads(reply.read())["count"])


def measure(url: str, folder: Path, tasks: int) -> list[str]:
    """Run, look, and say which bars were missed."""
    _, small = run(write_project(folder / "small", url, max(200, tasks // 10)))
    recipe = write_project(folder / "whole", url, tasks)
    seconds, peak = run(recipe)
    found = recipe.parent / "runs" / "havuz"
    growth = show(found)
    before = asked(url)
    run(recipe)
    again = asked(url) - before
    distinct, near, highest, missing, leaked = check(found)
    print(f"{distinct:,} distinct tasks of {tasks:,} wanted, {seconds:.1f} s from seeds to refined answers")
    print(f"near-duplicates left at {THRESHOLD}: {near} (bar: 0); highest similarity of any two: {highest:.3f}")
    print(f"copies with one word more that were not found: {-missing} of {SAMPLE} (bar: 0)")
    print(f"held-out seeds in the training pool: {leaked} (bar: 0)")
    print(f"peak memory {peak:.0f} MB, at a tenth of the tasks {small:.0f} MB (bar: {BAR_MB:.0f} MB more)")
    print(f"requests when the same command is typed again: {again} (bar: 0)")
    new = [line for line in growth["strategies"] if line["new"]]
    bars = {
        "tasks": distinct >= tasks,
        "near-duplicates": not near,
        "control": not missing,
        "held out": not leaked,
        "strategies": len(new) >= 3,
        "memory": peak - small <= BAR_MB,
        "again": not again,
    }
    return [name for name, met in bars.items() if not met]


def main() -> None:
    """Serve, measure, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=10_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, subprocess.Popen([sys.executable, "-c", SERVER, "8771"]) as server:
        url = "http://127.0.0.1:8771/v1"
        try:
            for _ in range(200):
                time.sleep(0.1)
                try:
                    asked(url)
                    break
                except OSError:
                    continue
            missed = measure(url, Path(folder), options.tasks)
        finally:
            server.terminate()
    if missed:
        sys.exit(f"bars missed: {', '.join(missed)}")
    print("all bars met")


if __name__ == "__main__":
    main()
