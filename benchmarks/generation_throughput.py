"""Claim: asking costs little beside the wire itself, with every answer durable before it is used.

Asks a fake teacher in a process of its own, (1) with 200 ms latency at concurrency 256: rows a second of imbik
divided by those of a bare aiohttp loop in the same run (bar: at least 0.95), and both beside the ideal of 256 / 0.2 s =
1,280 rows a second; (2) without latency: processor seconds for 1,000 rows (bar: at most 0.5), with the bare loop's
beside it. The endpoint is listed as local by the operator, so nobody looks into the rows; what detection at the door
adds for a place that is not is printed as a further line. Rounds alternate; medians are reported. The bare loop is at
its best: uvloop, one session without a limit of its own, a semaphore, msgspec, nothing stored.

    python benchmarks/generation_throughput.py --rounds 3
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import aiohttp
import msgspec
import uvloop
from yarl import URL

from imbik.ask.engine import AskEngine
from imbik.core.executor import LocalExecutor
from imbik.core.progress import Progress, SilentReporter
from imbik.core.questions import Question
from imbik.core.runfolder import RunFolder
from imbik.core.types import Message, Outcome, Sensitivity
from imbik.privacy.operator import LocalEndpoint, Operator
from imbik.recipe import build

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.serving import serving

CONCURRENCY = 256
IDEAL = CONCURRENCY / 0.2
RATIO, CPU_SECONDS = 0.95, 0.5
SERVER = """
import sys
import asyncio, uvloop
asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
from imbik.testing import run
run(int(sys.argv[1]), latency=float(sys.argv[2]), answer=lambda messages: "Adım adım: " + "12 + 30 = 42. " * 20)
"""


class Round(NamedTuple):
    """One measured round."""

    rows_per_second: float
    cpu_per_thousand: float


def questions(count: int, salt: str) -> list[Question]:
    """Different questions of about 300 characters."""
    text = "Ayşe pazardan 12 elma, 30 armut aldı; hepsini eşit paylaştırırsa kime kaç meyve düşer? " * 3
    return [
        Question(
            messages=(Message(role="user", content=f"{salt} {number}: {text}"),),
            row=str(number),
            sensitivity=Sensitivity.PUBLIC,
        )
        for number in range(count)
    ]


def ours(url: str, count: int, salt: str, home: Path | None = None, *, local: bool = True) -> Round:
    """The engine, with a fresh store on disk; `local` as an operator lists the endpoint."""
    recipe = build(
        {
            "name": "olcum",
            "tasks": {"source": "x.jsonl", "kind": "qa"},
            "teachers": {"b": {"use": "openai", "model": "m", "base_url": url, "concurrency": CONCURRENCY}},
            "student": {"architecture": "llama"},
        }
    )
    asked = questions(count, salt)
    with tempfile.TemporaryDirectory(dir=home) as folder:
        engine = AskEngine(
            recipe=recipe,
            run=RunFolder(Path(folder) / "olcum"),
            executor=LocalExecutor(),
            progress=Progress(SilentReporter()),
            operator=listing(url) if local else Operator(),
        )

        def work() -> int:
            with engine:
                answers = engine.ask("b", asked, purpose="generate")
                return sum(answer.outcome is Outcome.ANSWERED for answer in answers)

        return measured(work, count)


def listing(url: str) -> Operator:
    """The word of an operator that the fake teacher is on this machine."""
    port = URL(url).port or 0
    return Operator(local=(LocalEndpoint(host="127.0.0.1", ports=(port,), attestation="the benchmark's own server"),))


def bare(url: str, count: int, salt: str) -> Round:
    """A loop as a careful person writes it, keeping answers in memory."""
    bodies = [
        msgspec.json.encode({"model": "m", "messages": [{"role": "user", "content": item.messages[0].content}]})
        for item in questions(count, salt)
    ]

    async def all_of_them() -> int:
        gate = asyncio.Semaphore(CONCURRENCY)
        connector = aiohttp.TCPConnector(limit=0)
        headers = {"Content-Type": "application/json"}
        async with aiohttp.ClientSession(connector=connector) as session:

            async def one(body: bytes) -> bool:
                async with gate, session.post(f"{url}/chat/completions", data=body, headers=headers) as reply:
                    found = msgspec.json.decode(await reply.read())
                    return bool(found["choices"][0]["message"]["content"])

            return sum(await asyncio.gather(*(one(body) for body in bodies)))

    return measured(lambda: uvloop.run(all_of_them()), count)


def measured(work: Callable[[], int], count: int) -> Round:
    """Wall-clock rate and processor seconds of this process, all its threads."""
    wall, cpu = time.perf_counter(), time.process_time()
    answered = work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if answered != count:
        raise SystemExit(f"{answered} of {count} rows were answered: this measurement says nothing")
    return Round(count / wall, cpu / count * 1000)


def rounds(
    latency: float, count: int, number: int, port: int, home: Path | None
) -> tuple[list[Round], list[Round], Round]:
    """Alternated rounds of ours and the bare loop, against one server, and one of ours to a place that is not local."""
    url = f"http://127.0.0.1:{port}/v1"
    with serving(SERVER, port, latency, url=f"{url}/models"):
        found: tuple[list[Round], list[Round]] = ([], [])
        bare(url, CONCURRENCY, "warm")
        for index in range(number):
            for side in (0, 1) if index % 2 == 0 else (1, 0):
                salt = f"{index}-{side}"
                found[side].append(ours(url, count, salt, home) if side == 0 else bare(url, count, salt))
        return (*found, ours(url, count, "external", home, local=False))


def median(values: list[Round], field: str) -> float:
    """Median of one measure."""
    return float(statistics.median(getattr(value, field) for value in values))


def main() -> None:
    """Print both measures with their bars; exit 1 when one is not met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=8000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--port", type=int, default=18473)
    parser.add_argument("--folder", type=Path, default=None, help="where stores are made: name a real disk")
    options = parser.parse_args()
    own, base, _ = rounds(0.2, options.rows, options.rounds, options.port, options.folder)
    rate, floor = median(own, "rows_per_second"), median(base, "rows_per_second")
    ratio = statistics.median(a.rows_per_second / b.rows_per_second for a, b in zip(own, base, strict=True))
    print(
        f"200 ms: imbik {rate:,.0f} rows/s ({rate / IDEAL:.0%} of the ideal {IDEAL:,.0f}), bare aiohttp {floor:,.0f} "
        f"({floor / IDEAL:.0%}); ratio {ratio:.2f} (bar: >= {RATIO})",
        flush=True,
    )
    own, base, external = rounds(0.0, options.rows, options.rounds, options.port + 1, options.folder)
    cpu, least = median(own, "cpu_per_thousand"), median(base, "cpu_per_thousand")
    print(
        f"0 ms: imbik {cpu:.2f} CPU s per 1,000 rows, durable, {median(own, 'rows_per_second'):,.0f} rows/s; bare "
        f"aiohttp {least:.2f}, stores nothing, {median(base, 'rows_per_second'):,.0f} rows/s; {cpu / least:.1f}x "
        f"(bar: <= {CPU_SECONDS} CPU s); to a place that is not local, looked into at the door: "
        f"{external.cpu_per_thousand:.2f}"
    )
    raise SystemExit(0 if ratio >= RATIO and cpu <= CPU_SECONDS else 1)


if __name__ == "__main__":
    main()
