"""Claim: 50,000 support conversations pass through tasks, generate and refine on two cores, their books balanced.

Needs nothing but imbik. Makes Turkish support talks of two to five exchanges (order, product, town, trouble, in several
wordings; one in a hundred stands twice), and a recipe whose teacher answers the last turn of each, or with `--every`
each assistant's turn, seeing at most six turns before it. The teacher is a scripted one over real HTTP in a process of
its own; it refuses one order in fifty and answers another one in fifty in English. Then the commands are typed as a
person would, one stage each: `imbik run RECIPE --until tasks`, `generate`, `refine`.

Printed for each stage: rows in, out, rejected, failed and pending, wall and CPU seconds of its process, peak resident
memory (VmHWM); then what the checks rejected. A scripted teacher proves the machinery, not the answers' quality.

Bars: every book balances and nothing fails or waits; tasks = rows (or turns); at most so much CPU time for 1,000 tasks
(MOST_CPU) beside a command's start, and so much memory for each (MOST_BYTES) beside the first 250 MB; every history
begins with the user and holds at most six turns, and some are really cut; the teacher was asked once for each distinct
question. Controls: every planted refusal, English answer and repeated talk is rejected by the check that looks for it,
and nothing else is (with `--every` early turns are alike by themselves, so there the first two count).

    python benchmarks/conversations.py --rows 50000
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.serving import serving

PORT, HISTORY = 8773, 6
STAGES = {"tasks": "1_tasks", "generate": "2_answers", "refine": "3_refined"}
MOST_CPU = {"tasks": 0.6, "generate": 1.8, "refine": 1.0}  # seconds for 1,000 tasks
START = 3.0  # CPU seconds that a command takes for anything
FLOOR_MB, MOST_BYTES = 250.0, 4_000.0
SERVER = """
import sys
import asyncio, uvloop
asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
sys.path.insert(0, sys.argv[2])
from benchmarks.conversations import said
from imbik.testing import run
run(int(sys.argv[1]), answer=said)
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
OPERATOR = f"local:\n  - {{host: 127.0.0.1, port: {PORT}, attestation: a scripted teacher of this benchmark}}\n"
RECIPE = """
name: destek
tasks:
  source: talks.jsonl
  kind: {{use: conversation, answers: {answers}, history: {history}}}
  turns: last
  sensitivity: internal
  split: {{validation: 0.02, test: 0.02}}
teachers: {{usta: {{use: openai, model: m, base_url: "http://127.0.0.1:{port}/v1", concurrency: 64, served_as: sahte}}}}
generate: {{teacher: usta}}
refine: [shape, repetition, refusal, language, toxicity, duplicates, leakage]
student: {{architecture: llama, hidden_size: 16, layers: 1, heads: 2}}
"""
TOWNS = ("Konya", "Ağrı", "İzmir", "Muş", "Rize", "Iğdır", "Çorum", "Uşak", "Van", "Ordu", "Sinop", "Kars")
THINGS = ("modem", "kışlık mont", "çamaşır makinesi", "ütü", "gözlük", "bebek arabası", "kulaklık", "çaydanlık")
OPENINGS = (
    "Merhaba, {town} adresime beklediğim {thing} hâlâ gelmedi.",
    "İyi günler, {days} gün önce aldığım {thing} için yazıyorum.",
    "{town} şubenizden istediğim {thing} kırık çıktı, ne yapmalıyım?",
    "Aldığım {thing} için fatura göremiyorum.",
)
ASKS = (
    "Sipariş numaranızı yazar mısınız?", "Hangi şehre gönderilecekti?", "Kaç gündür bekliyorsunuz?",
    "Kutunun fotoğrafını da gönderebilir misiniz?",
)  # fmt: skip
REPLIES = (
    "{order} numaralı sipariş, {town} adresine.", "Tam {days} gün oldu.", "Fotoğrafı şimdi yükledim.",
    "Evet, {thing} tam karşımda duruyor.",
)  # fmt: skip
LAST = "{order} numaralı {thing} ne zaman {town} adresine ulaşır?"
ANSWERS = (
    "{order} numaralı siparişiniz yola çıktı; en geç yarın akşam elinizde olacak.",
    "Kontrol ettim: {order} bugün dağıtıma verildi, kurye sizi arayacak.",
    "{order} için yeni bir gönderi açtım, takip numarası telefonunuza gelecek.",
    "Gecikme için özür dileriz; {order} numaralı siparişin ücreti iade edildi.",
)
ORDER = re.compile(r"TR(\d{6})")


def said(messages: Any) -> str:
    """What the scripted teacher says: about the order that the talk names last, now and then badly."""
    named = ORDER.findall("\n".join(message["content"] for message in messages))
    number = int(named[-1]) if named else 2
    if number % 50 == 0:
        return "Üzgünüm, bir yapay zekâ modeli olarak bu konuda yardımcı olamam."
    if number % 50 == 1:
        return f"Your order TR{number:06d} has left our warehouse and it will be at your door by tomorrow evening."
    return ANSWERS[number % len(ANSWERS)].format(order=f"TR{number:06d}")


def talks(count: int) -> Iterator[list[dict[str, str]]]:
    """Talks; one in a hundred is an earlier one told again."""
    rng = random.Random(11)
    earlier: list[list[dict[str, str]]] = []
    for number in range(count):
        if earlier and rng.random() < 0.01:
            yield rng.choice(earlier)
            continue
        slots = {
            "town": rng.choice(TOWNS), "thing": rng.choice(THINGS), "days": rng.randrange(2, 30),
            "order": f"TR{number:06d}",
        }  # fmt: skip
        texts = [rng.choice(OPENINGS)]
        for _ in range(rng.randrange(1, 5)):
            texts += [rng.choice(ASKS), rng.choice(REPLIES)]
        texts[-1] = f"{texts[-1]} {LAST}"
        texts.append(rng.choice(ANSWERS))
        roles = ("user", "assistant") * len(texts)
        talk = [{"role": role, "content": text.format(**slots)} for role, text in zip(roles, texts, strict=False)]
        if number % 50 > 1 and len(earlier) < 1000:
            earlier.append(talk)
        yield talk


def write_project(folder: Path, count: int, every: bool) -> tuple[Path, int]:
    """Talks and recipe; and how many tasks there should be."""
    turns = 0
    with (folder / "talks.jsonl").open("w", encoding="utf-8") as stream:
        for talk in talks(count):
            turns += len(talk) // 2 if every else 1
            stream.write(json.dumps({"messages": talk}, ensure_ascii=False) + "\n")
    (folder / "operator").mkdir()  # one that lies beside the recipe would count only once it is trusted
    (folder / "operator" / "operator.yaml").write_text(OPERATOR, encoding="utf-8")
    recipe = folder / "recipe.yaml"
    told = RECIPE.format(answers="every" if every else "last", history=HISTORY, port=PORT)
    recipe.write_text(told, encoding="utf-8")
    return recipe, turns


def run(recipe: Path, stage: str) -> tuple[float, float, float]:
    """Type the command; wall and CPU seconds and peak memory in MB (10^6 bytes) of its process."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    words = ["run", str(recipe), "--until", stage, "--runs", str(recipe.parent / "runs")]
    done = subprocess.run(
        [sys.executable, "-c", RUN, *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "IMBIK_OPERATOR": str(recipe.parent / "operator" / "operator.yaml")},
    )
    if done.returncode:
        raise SystemExit(f"{stage} failed with {done.returncode}:\n{done.stdout[-3000:]}\n{done.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    peak = next(int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("PEAK"))
    return time.monotonic() - started, cpu, peak * 1024 / 1e6


def read(folder: Path, pattern: str = "part-*.jsonl") -> Iterator[dict[str, Any]]:
    """The lines of a stage's files, as any program reads them."""
    for path in sorted(folder.glob(pattern)):
        with path.open(encoding="utf-8") as stream:
            yield from map(json.loads, stream)


def stages(recipe: Path, tasks: int) -> Iterator[tuple[str, bool]]:
    """Run each stage and say which of its bars are met."""
    for stage, folder in STAGES.items():
        wall, cpu, peak = run(recipe, stage)
        manifest = json.loads((recipe.parent / "runs" / "destek" / folder / "manifest.json").read_text("utf-8"))
        books = {key: manifest["books"].get(key, 0) for key in ("rows_in", "rows_out", "rejected", "failed", "pending")}
        told = "  ".join(f"{key} {value:,}" for key, value in books.items())
        each = 1000 * cpu / tasks
        print(
            f"{stage:<9} {told}  {wall:.1f} s, {cpu:.1f} CPU s ({each:.2f} for 1,000), peak {peak:.0f} MB", flush=True
        )
        lost = books["rejected"] + books["failed"] + books["pending"]
        yield f"{stage} balances", books["rows_in"] == books["rows_out"] + lost
        yield f"{stage}: nothing fails or waits", not books["failed"] and not books["pending"]
        yield f"{stage}: CPU time", cpu - START <= MOST_CPU[stage] * tasks / 1000
        yield f"{stage}: memory", peak - FLOOR_MB <= MOST_BYTES * tasks / 1e6
        if stage == "tasks":
            yield "a task of each row or turn", books["rows_out"] == tasks


def histories(folder: Path) -> tuple[int, int]:
    """Tasks whose history is not an end of at most six turns that begins with the user, and those that were cut."""
    wrong = cut = 0
    for task in read(folder / "1_tasks"):
        roles = [message["role"] for message in task["messages"]]
        wrong += roles[0] != "user" or roles[-1] != "user" or len(roles) > HISTORY
        cut += len(roles) < 2 * len(task["reference"]["turns"]) - 1
    return wrong, cut


def measure(folder: Path, count: int, every: bool) -> list[str]:
    """Run, look, and say which bars were missed."""
    recipe, tasks = write_project(folder, count, every)
    bars = dict(stages(recipe, tasks))
    made = folder / "runs" / "destek"
    wrong, cut = histories(made)
    print(f"histories cut by whole turns: {cut:,}; wrong ones: {wrong} (bar: 0)")
    samples = [(sample["answer"], json.dumps(sample["task"]["messages"])) for sample in read(made / "2_answers")]
    distinct, asked = len({question for _, question in samples}), requests()
    print(f"questions asked: {asked:,} of {distinct:,} distinct ones (bar: each once)")
    rejected, planted = Counter(refused_by(made)), faults(samples)
    looked = ("refusal", "language") if every else sorted({*rejected, *planted})
    print(f"rejected by check: {dict(sorted(rejected.items()))}; planted: {dict(sorted(planted.items()))}")
    print(f"bar: as many were rejected as were planted of {', '.join(looked)}")
    bars |= {"histories": not wrong and cut > 0, "asked once": asked == distinct}
    bars["controls"] = all(rejected[name] == planted[name] > 0 for name in looked)
    return [name for name, met in bars.items() if not met]


def requests() -> int:
    """How many the teacher got."""
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/books", timeout=5) as reply:
        return int(json.loads(reply.read())["count"])


def faults(samples: list[tuple[str, str]]) -> Counter[str]:
    """What stands in the answers, by the check that has to find it."""
    bad = {"Üzg": "refusal", "You": "language"}
    found = Counter(bad[answer[:3]] for answer, _ in samples if answer[:3] in bad)
    good = [question for answer, question in samples if answer[:3] not in bad]
    return found + Counter(duplicates=len(good) - len(set(good)))


def refused_by(made: Path) -> Iterator[str]:
    """The check that rejected each sample."""
    for item in read(made / "3_refined", "rejected*.jsonl"):
        yield next((verdict["by"] for verdict in item["verdicts"] if not verdict["keep"]), "?")


def main() -> None:
    """Serve, measure, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--every", action="store_true", help="the teacher answers every assistant turn")
    options = parser.parse_args()
    root = str(Path(__file__).resolve().parent.parent)
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(SERVER, PORT, root, url=f"http://127.0.0.1:{PORT}/books"),
    ):
        missed = measure(Path(folder), options.rows, options.every)
    if missed:
        sys.exit(f"bars missed: {', '.join(missed)}")
    print("all bars met")


if __name__ == "__main__":
    main()
