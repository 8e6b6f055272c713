"""Claim: a queue of 10,000 rows opens in less than a second, a decision is saved in less than 50 ms at the median, and
two browsers at work together are never given one row.

A run with `--rows` kept rows, all shown (question, reasoning and answer of about 1.5 KB each), is served by `imbik
review` in a process of its own. Printed, each against its bar:

- open: from the start of the first request of an invitation to its first row, over HTTP, the server just started
  (bar 1 s); and where chromium is there, in it: from opening the link to the row on the page (bar 1 s);
- save: from sending a decision to its answer, which holds the next row, of `--decisions` decisions by one browser
  (bar 50 ms at the median). The answer comes after the verdict is on the disk. Floor in the same run: one
  `INSERT` of as many bytes with `synchronous=FULL`;
- rows given twice to two browsers that decide at the same time (bar 0). Control: the same count, with what one browser
  was given counted once more, finds as many.

    python benchmarks/review_latency.py
"""

from __future__ import annotations

import argparse
import http.client
import json
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from imbik.core.files import write_text
from imbik.core.runfolder import RunFolder, write_parts
from imbik.core.types import Completion, Message, NumberReference, Sample, Sensitivity, Task
from imbik.review.shown import Kept, pick, write_shown

RECIPE = """name: kuyruk
tasks: {source: rows.jsonl, kind: math, sensitivity: public}
teachers: {t: {use: openai, model: m}}
review: {sample: 1, doubtful: 0}
student: {architecture: llama}
"""
WORDS = "Ali'nin elmaları sayılır; kalanlar üçe bölünür ve sonuç kontrol edilir. " * 16
BROWSER = next((found for name in ("chromium", "chromium-browser") if (found := shutil.which(name))), "")


def make(folder: Path, rows: int) -> RunFolder:
    """A run whose review may begin."""
    run = RunFolder(folder / "kuyruk")
    run.create()
    write_text(run.path / "recipe.yaml", RECIPE)
    write_parts(run.begin("3_refined", "h"), (sample(number) for number in range(rows)))
    run.begin("4_reviewed", "h")
    write_shown(run, pick(Kept(run), 1.0))
    return run


def sample(number: int) -> Sample:
    """One kept row."""
    question = Message(role="user", content=f"{number} elmanın yarısı kaçtır? {WORDS[:300]}")
    task = Task(
        id=f"satir-{number}", kind="math", messages=(question,), reference=NumberReference(text=str(number / 2)),
        sensitivity=Sensitivity.PUBLIC,
    )  # fmt: skip
    return Sample(
        task=task, teacher="t", number=0, completion=Completion(answer=str(number / 2)), reasoning=WORDS,
        answer=f"${number} / 2 = {number / 2}$", sensitivity=Sensitivity.PUBLIC,
    )  # fmt: skip


@contextmanager
def serving(run: RunFolder, port: int, names: Sequence[str]) -> Iterator[dict[str, str]]:
    """The command in a process of its own; invitations by name."""
    invited = [part for name in names for part in ("--expert", name)]
    command = [sys.executable, "-m", "imbik", "review", run.name, "--runs", str(run.path.parent), "--port", str(port)]
    process = subprocess.Popen([*command, *invited], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    links: dict[str, str] = {}
    try:
        for line in process.stdout:
            if "/join#" in line:
                links[line.partition(":")[0]] = line.split()[-1]
            if line.startswith("serving"):
                break
        yield links
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


class Desk:
    """A browser as far as HTTP goes, on one connection."""

    def __init__(self, port: int, link: str) -> None:
        self.host, self.proof, self.cookie = f"127.0.0.1:{port}", "", ""
        self.connection = http.client.HTTPConnection(self.host, timeout=60)
        self.ask("/api/join", {"token": link.partition("#")[2]})
        page = self.send("GET", "/", b"").decode()
        self.proof = page.partition('name="imbik-page" content="')[2].partition('"')[0]

    def ask(self, path: str, body: object) -> dict[str, Any]:
        """What the API says."""
        answer: dict[str, Any] = json.loads(self.send("POST", path, json.dumps(body).encode()))
        return answer

    def send(self, method: str, path: str, body: bytes) -> bytes:
        """One request. Raises: RuntimeError for a refusal."""
        headers = {"Origin": f"http://{self.host}", "X-Imbik-Page": self.proof, "Cookie": self.cookie}
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {text[:200]!r}")
        if given := answer.getheader("set-cookie"):
            self.cookie = given.partition(";")[0]
        return text

    def work(self, row: dict[str, Any], decisions: int) -> tuple[list[float], list[str]]:
        """Decide so often: seconds of each, and the contents that were before it."""
        seconds, seen = list[float](), [row["content"]]
        for _ in range(decisions):
            said = {"content": row["content"], "previous": row["previous"], "keep": True}
            start = time.perf_counter()
            row = self.ask("/api/decide", said)["row"]
            seconds.append(time.perf_counter() - start)
            seen.append(row["content"])
        return seconds, seen


def opened_in_browser(link: str) -> float:
    """Seconds from opening an invitation to its row on the page."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = made.new_page()
        page.goto("about:blank")
        start = time.perf_counter()
        page.goto(link)
        page.wait_for_selector("#sheet:not([hidden])")
        seconds = time.perf_counter() - start
        made.close()
    return seconds


def floor(folder: Path, count: int) -> float:
    """The median seconds of writing a row of 300 bytes through to the disk."""
    found = []
    with closing(sqlite3.connect(folder / "floor.sqlite", isolation_level=None)) as base:
        base.execute("PRAGMA journal_mode=WAL")
        base.execute("PRAGMA synchronous=FULL")
        base.execute("CREATE TABLE verdicts (body TEXT)")
        for _ in range(count):
            start = time.perf_counter()
            base.execute("INSERT INTO verdicts VALUES (?)", ("x" * 300,))
            found.append(time.perf_counter() - start)
    return statistics.median(found)


def twice(seen: Sequence[Sequence[str]]) -> int:
    """Contents that more than one browser was given."""
    return sum(count > 1 for count in Counter(content for one in seen for content in set(one)).values())


def together(desks: Sequence[Desk], decisions: int) -> list[list[str]]:
    """All decide at the same time; what each was given."""
    found: list[list[str]] = [[] for _ in desks]

    def work(place: int) -> None:
        found[place] = desks[place].work(desks[place].ask("/api/next", {})["row"], decisions)[1]

    threads = [threading.Thread(target=work, args=(place,)) for place in range(len(desks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def main() -> int:
    """0 where every bar is reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--decisions", type=int, default=300)
    parser.add_argument("--port", type=int, default=8399)
    given = parser.parse_args()
    good = True

    def line(name: str, value: float, bar: float, unit: str) -> None:
        nonlocal good
        held = value <= bar if bar == 0 else value < bar
        good &= held
        print(f"{name}: {value:,.3g} {unit} (bar {bar:g}): {'reached' if held else 'MISSED'}", flush=True)

    with tempfile.TemporaryDirectory() as home:
        run = make(Path(home), given.rows)
        with serving(run, given.port, ["ayse", "mehmet", "zeynep"]) as links:
            start = time.perf_counter()
            first = Desk(given.port, links["ayse"])
            row = first.ask("/api/next", {})["row"]
            line(f"a queue of {given.rows:,} rows opens over HTTP in", time.perf_counter() - start, 1, "s")
            if BROWSER:
                line("an invitation opens in chromium in", opened_in_browser(links["zeynep"]), 1, "s")
            seconds, _ = first.work(row, given.decisions)
            line("a decision is saved at the median in", 1000 * statistics.median(seconds), 50, "ms")
            print(f"  95% in {1000 * sorted(seconds)[int(0.95 * len(seconds))]:.3g} ms; floor, one row written through "
                  f"to this disk: {1000 * floor(Path(home), given.decisions):.3g} ms")  # fmt: skip
            seen = together([first, Desk(given.port, links["mehmet"])], given.decisions)
            line(f"of {sum(map(len, seen)):,} rows given to two browsers, given to both:", twice(seen), 0, "rows")
            control = twice([*seen, seen[0]])
            print(f"  control: {control:,} found where the first browser's {len(set(seen[0])):,} are counted once more")
            good &= control == len(set(seen[0]))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
