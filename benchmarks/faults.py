"""Claim: whatever a teacher does wrong, no row hangs past its deadline, no wrong answer is taken, nothing is overspent.

A fake teacher in a process of its own meets every third question with a fault every time, every third once, and answers
the rest well: each fault of its table, in both wire formats, with `--rows` questions. Right answers are digests of
their questions, so every answer that is taken is checked. Prints a line a fault and the totals:

- rows past their deadline: by the server's clock, from a question's first request to the end of its last;
- wrong answers taken (of the fault `another`, which nothing on the wire tells, apart: refine's checks are for it);
- requests beyond the attempts that the retry rules allow;
- peak growth of this process's memory, sampled all the time, after a fault-free round of the same size;
- the server's own bill against the run's own books, and, in a second run under a budget that does not reach, the bill
  against the cap.

Positive control: a credulous client (first choice, whatever its type, no look at how it ended) asks the same server
for the same faults in the same run, and must take wrong answers. Needs nothing but this machine; some minutes.

    python benchmarks/faults.py --rows 200
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from imbik.ask.engine import AskEngine
from imbik.ask.retry import RetryPolicy
from imbik.core.executor import LocalExecutor
from imbik.core.progress import Progress, SilentReporter
from imbik.core.questions import Question, Sampling
from imbik.core.runfolder import RunFolder
from imbik.core.types import Completion, Message, Outcome, Sensitivity
from imbik.privacy.operator import Operator
from imbik.recipe import build
from imbik.testing import FAULTS, Fault, checksum

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.serving import serving

SERVER = """import sys; from imbik.testing import checksum, run
run(int(sys.argv[1]), answer=checksum, price=("2.5", "10"))"""
TIMEOUT, DEADLINE, GRACE = 0.4, 1.0, 1.0
REPLY_BYTES = 200_000
MOST_GROWTH = 100 << 20
MAX_TOKENS = 64
POLICY = RetryPolicy(
    attempts=3, base=0.002, longest=0.01, poll=0.01, grace=0.2, patience=2.0, give_up=1_000_000
)  # fmt: skip
THROTTLED = {
    "429",
    "429_date",
    "429_garbage",
    "429_limits",
    "503",
    "529",
}  # waits, not attempts: the deadline ends them
KINDS = ("iyi", "hep", "bir kez")


@dataclass
class Totals:
    """Sums over all faults."""

    runs: int = 0
    rows: int = 0
    answered: int = 0
    late: int = 0
    wrong: int = 0
    unseen: int = 0
    beyond: int = 0
    over_cap: int = 0
    underbooked: int = 0
    billed: Decimal = Decimal(0)
    booked: Decimal = Decimal(0)
    credulous: int = 0
    credulous_faults: set[str] = field(default_factory=set)


class Memory:
    """Peak resident memory of this process, sampled on a thread."""

    def __init__(self) -> None:
        self._process, self._stop = psutil.Process(), threading.Event()
        self.peak = self.start = 0
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def begin(self) -> None:
        """From here on."""
        gc.collect()
        self.start = self.peak = self._process.memory_info().rss
        self._thread.start()

    def _watch(self) -> None:
        while not self._stop.wait(0.02):
            self.peak = max(self.peak, self._process.memory_info().rss)

    @property
    def growth(self) -> int:
        """Bytes beyond the start."""
        return self.peak - self.start


class Server:
    """The fake teacher in its own process, as it is asked about its books."""

    def __init__(self, port: int) -> None:
        self.here = f"http://127.0.0.1:{port}"

    def books(self) -> dict[str, Any]:
        """What it was asked and would have billed."""
        with urllib.request.urlopen(f"{self.here}/books", timeout=20) as reply:
            return dict(json.load(reply))

    def begin(self, fault: str) -> None:
        """Empty books, and this fault."""
        rules = [{"do": fault, "when": "hep", "bytes": 400_000}, {"do": fault, "when": "bir kez", "each": 1}]
        for path, value in (("/reset", []), ("/rules", rules)):
            request = urllib.request.Request(self.here + path, json.dumps(value).encode(), method="POST")
            urllib.request.urlopen(request, timeout=20).close()


def questions(name: str, rows: int) -> list[Question]:
    """A third good, a third always faulty, a third faulty once; a good one first."""
    return [
        Question(
            messages=(Message(role="user", content=f"{KINDS[number % 3]} {name} {number}"),),
            row=f"{name} {number}",
            sensitivity=Sensitivity.PUBLIC,
            sampling=Sampling(max_tokens=MAX_TOKENS),
        )
        for number in range(rows)
    ]


def engine(folder: Path, name: str, form: str, server: Server, rows: int, budget: Decimal | None = None) -> AskEngine:
    """An engine for one fault."""
    teacher = {"use": form, "model": "sahte", "base_url": f"{server.here}/v1", "concurrency": rows}
    teacher |= {"timeout": TIMEOUT, "deadline": DEADLINE, "reply_bytes": REPLY_BYTES}
    teacher |= {"price": {"input": "2.5", "output": "10"}}
    data: dict[str, Any] = {
        "name": name,
        "tasks": {"source": "x.jsonl", "kind": "qa"},
        "teachers": {"buyuk": teacher},
        "student": {"architecture": "llama"},
    }
    if budget is not None:
        data["budget"] = {"total": str(budget), "reserve_for_evaluation": "0"}
    return AskEngine(
        recipe=build(data, base=folder),
        run=RunFolder(folder / name),
        executor=LocalExecutor(),
        progress=Progress(SilentReporter()),
        operator=Operator(),
        policy=POLICY,
    )


def is_right(question: Question, answer: str) -> bool:
    """Whether an answer belongs to its question."""
    return answer.strip() == checksum([{"content": question.messages[-1].content}])


def asked(server: Server, folder: Path, fault: Fault, form: str, rows: int, totals: Totals) -> list[Completion]:
    """Ask under one fault; adds to the totals what the server and the answers say."""
    name = f"{fault.name}-{form}"
    server.begin(fault.name)
    batch = questions(name, rows)
    with engine(folder, name, form, server, rows) as asking:
        found = list(asking.ask("buyuk", batch[:1], purpose="generation"))
        found += asking.ask("buyuk", batch[1:], purpose="generation", leave_pending=True)
        booked = sum((Decimal(str(line.paid)) + Decimal(str(line.possible)) for line in asking.spending()), Decimal(0))
    books = server.books()
    taken = [(row, item) for row, item in zip(batch, found, strict=True) if item.outcome is Outcome.ANSWERED]
    believed = [item for row, item in taken if not is_right(row, item.answer)]
    wrong = len(believed)
    totals.runs, totals.rows, totals.answered = totals.runs + 1, totals.rows + rows, totals.answered + len(taken)
    totals.unseen += 0 if fault.visible else wrong
    if fault.visible:
        totals.wrong += wrong
        for item in believed[:3]:
            print(f"{name}: taken for an answer: {item.answer[:100]!r}")
    totals.late += books["longest_seconds"] > DEADLINE + GRACE
    totals.beyond += fault.name not in THROTTLED and books["most_asked"] > POLICY.attempts
    billed = Decimal(books["usd"])
    totals.billed, totals.booked = totals.billed + billed, totals.booked + booked
    totals.underbooked += booked < billed
    if booked < billed:
        print(f"{name}: booked {booked}, billed {billed}")
    return found


def capped(server: Server, folder: Path, fault: Fault, form: str, rows: int, totals: Totals) -> Decimal:
    """The same fault under a budget for a few questions; the share of the cap that was billed."""
    name = f"kasa-{fault.name}-{form}"
    server.begin(fault.name)
    batch = questions(name, rows)
    cap = Decimal("0.002")  # some three questions at their most
    with engine(folder, name, form, server, rows, cap) as asking:
        list(asking.ask("buyuk", batch, purpose="generation", leave_pending=True))
    billed = Decimal(server.books()["usd"])
    totals.over_cap += billed > cap
    return billed / cap


def believed(form: str, body: bytes) -> str:
    """How a credulous client reads a reply."""
    data = json.loads(body.decode("utf-8-sig", "replace"))
    if form == "openai":
        return str(data["choices"][0]["message"]["content"])
    return str(data["content"][0]["text"])


async def credulous(server: Server, fault: Fault, form: str, rows: int) -> int:
    """Wrong answers that a credulous client takes, of questions that always meet the fault."""
    path = "/v1/chat/completions" if form == "openai" else "/v1/messages"
    taken: Counter[bool] = Counter()
    timeout = aiohttp.ClientTimeout(total=TIMEOUT)
    async with aiohttp.ClientSession(timeout=timeout) as session:

        async def one(question: Question) -> None:
            content = question.messages[-1].content
            body = {"model": "m", "max_tokens": MAX_TOKENS, "messages": [{"role": "user", "content": content}]}
            try:
                async with session.post(server.here + path, json=body) as reply:
                    taken[is_right(question, believed(form, await reply.content.read(REPLY_BYTES)))] += 1
            except (aiohttp.ClientError, OSError, TimeoutError, ValueError, LookupError, TypeError, RecursionError):
                return

        always = [item for item in questions(f"saf {fault.name}", rows) if item.messages[-1].content.startswith("hep")]
        await asyncio.gather(*(one(item) for item in always))
    return taken[False]


def line(fault: Fault, form: str, found: list[Completion], share: Decimal, believed: int) -> None:
    """One line of the table."""
    counts = Counter(item.outcome.value for item in found)
    told = ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())
    print(f"{fault.name:<18} {form:<10} {told:<44} cap {share:>5.0%}  credulous {believed:>3} wrong", flush=True)


def main() -> None:
    """Print a line a fault and the verdict."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--port", type=int, default=8431)
    parser.add_argument("--formats", default="openai,anthropic")
    parser.add_argument("--only", default="", help="names of faults, with commas")
    options = parser.parse_args()
    names = options.only.split(",") if options.only else list(FAULTS)
    server, totals, memory, started = Server(options.port), Totals(), Memory(), time.monotonic()
    with serving(SERVER, options.port, url=f"{server.here}/books"), tempfile.TemporaryDirectory() as home:
        for form in options.formats.split(","):  # a round without faults, before memory is measured
            asked(server, Path(home) / "warm", FAULTS["none"], form, options.rows, Totals())
        memory.begin()
        for form in options.formats.split(","):
            for fault in (FAULTS[name] for name in names):
                if fault.formats and form not in fault.formats:
                    continue
                found = asked(server, Path(home) / "runs", fault, form, options.rows, totals)
                share = capped(server, Path(home) / "runs", fault, form, max(12, options.rows // 4), totals)
                server.begin(fault.name)
                wrong = asyncio.run(credulous(server, fault, form, 30))
                totals.credulous += wrong
                totals.credulous_faults |= {fault.name} if wrong and fault.visible else set()
                line(fault, form, found, share, wrong)
    raise SystemExit(verdict(totals, memory, len(names), time.monotonic() - started))


def verdict(totals: Totals, memory: Memory, kinds: int, seconds: float) -> int:
    """Print the totals against their bars; the exit code."""
    print(f"\n{kinds} kinds of fault, {totals.runs} runs, {totals.rows:,} rows in {seconds:.0f} s")
    bars = {
        f"runs with a row past its deadline of {DEADLINE:g} s (+ {GRACE:g} s): {totals.late}": totals.late == 0,
        f"wrong answers taken, of {totals.answered:,}: {totals.wrong} (and {totals.unseen} of the fault `another`, "
        "which only checks of the answer can tell)": totals.wrong == 0,
        f"runs with a question asked more than {POLICY.attempts} times: {totals.beyond}": totals.beyond == 0,
        f"peak growth of memory: {memory.growth / 2**20:.1f} MB of < 100 MB": memory.growth < MOST_GROWTH,
        f"runs under a budget that were billed more than it: {totals.over_cap}": totals.over_cap == 0,
        f"runs whose books hold less than was billed: {totals.underbooked} (billed {totals.billed:.4f} USD, "
        f"booked at most {totals.booked:.4f} USD)": totals.underbooked == 0,
        f"control: a credulous client took {totals.credulous} wrong answers, under {len(totals.credulous_faults)} "
        "kinds of fault": bool(totals.credulous_faults),
    }
    for told, held in bars.items():
        print(f"{'ok  ' if held else 'MISS'} {told}")
    return 0 if all(bars.values()) else 1


if __name__ == "__main__":
    main()
