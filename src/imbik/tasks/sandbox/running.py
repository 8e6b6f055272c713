"""One run of one program in the sandbox, seen from outside.

Enters: the program's text, its tests or its input, limits. Leaves: `Ran`: what it printed and how it ended. The process
starts in a session, an environment and a folder of its own, with no open file but its three streams and the pipe on
which it reports; whatever is left of it is killed as a group. The walls are put up inside (`inside.py`).
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, Any

from imbik.core.errors import ImbikError

_INSIDE = Path(__file__).with_name("inside.py")
_REPORT = 1 << 16
_LOOK = 0.05
_NEWEST_LANDLOCK = 6


@dataclass(frozen=True)
class Limits:
    """What a program may use: seconds of processor and of the clock, MB of memory and of one file, bytes of output."""

    seconds: float = 5.0
    memory_mb: int = 512
    file_mb: int = 8
    folder_mb: int = 32
    output: int = 1 << 20


@dataclass(frozen=True)
class Ran:
    """How it ended: `ended` well or not, `why` it did not, in words; with tests, `passed` all and which `test` failed.

    `walls` are the ones that stood around it.
    """

    ended: bool
    why: str = ""
    output: str = ""
    passed: bool = False
    test: int | None = None
    walls: tuple[str, ...] = ()


def run(
    source: str,
    *,
    tests: Sequence[str] | None = None,
    given: str = "",
    limits: Limits = Limits(),
    landlock: int = _NEWEST_LANDLOCK,
) -> Ran:
    """Run a program: with `tests` as a module whose names they use, else as a script that reads `given`.

    `landlock` is the newest version that is used (an older one than the kernel's serves to try what old kernels do).

    Raises: ImbikError where this machine cannot put up the walls.
    """
    _refuse_elsewhere()
    token = secrets.token_hex(16)
    job = {
        "source": source, "tests": None if tests is None else list(tests), "cpu": max(int(limits.seconds + 0.999), 1),
        "memory": limits.memory_mb << 20, "file": limits.file_mb << 20, "landlock": landlock,
    }  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="imbik-run-") as name, tempfile.TemporaryFile() as reads:
        folder = Path(name)
        (folder / "program.json").write_text(json.dumps(job), encoding="utf-8")
        reads.write((token if tests is not None else given).encode(errors="replace"))
        reads.seek(0)
        seen = _watch(folder, reads, limits)
    return _ran(seen, token, limits)


@dataclass
class _Seen:
    """What came out of a process, and why it was killed if it was."""

    output: bytearray = field(default_factory=bytearray)
    errors: bytearray = field(default_factory=bytearray)
    report: bytearray = field(default_factory=bytearray)
    killed: str = ""
    status: int = 0


def _watch(folder: Path, reads: IO[bytes], limits: Limits) -> _Seen:
    """Start it, read what it writes until it ends or goes beyond a limit, and leave nothing of it running."""
    seen = _Seen()
    receives, sends = os.pipe()
    try:
        process = subprocess.Popen(  # noqa: S603 - this interpreter, our own script
            [sys.executable, "-s", "-S", "-P", "-B", "-X", "utf8", str(_INSIDE), str(folder), str(sends)],
            stdin=reads, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder, pass_fds=(sends,),
            start_new_session=True,
            env={"PYTHONHASHSEED": "0", "HOME": str(folder), "TMPDIR": str(folder), "LANG": "C.UTF-8"},
        )  # fmt: skip
    except BaseException:
        os.close(receives)
        raise
    finally:
        os.close(sends)
    try:
        _read(process, receives, seen, folder, limits)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its leader is not waited for yet, so the number is still its own
        seen.status = process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
        os.close(receives)
    return seen


def _read(process: subprocess.Popen[bytes], report: int, seen: _Seen, folder: Path, limits: Limits) -> None:
    """Until all three streams are closed, the time is over, or too much was written."""
    until, room = time.monotonic() + limits.seconds, limits.folder_mb << 20
    with selectors.DefaultSelector() as selector:
        for stream, into, most in (
            (process.stdout, seen.output, limits.output),
            (process.stderr, seen.errors, limits.output),
            (report, seen.report, _REPORT),
        ):
            assert stream is not None
            selector.register(stream, selectors.EVENT_READ, (into, most))
        while selector.get_map():
            left = until - time.monotonic()
            if left <= 0:
                seen.killed = f"it was not done after {limits.seconds:g} s"
                return
            for key, _ in selector.select(min(left, _LOOK)):
                into, most = key.data
                if not (read := os.read(key.fd, 1 << 16)):
                    selector.unregister(key.fileobj)
                    continue
                into += read
                if len(into) > most:
                    del into[most:]
                    seen.killed = f"it wrote more than {most:,} bytes"
                    return
            if _used(folder) > room:
                seen.killed = f"it wrote more than {limits.folder_mb} MB into its folder"
                return


def _used(folder: Path) -> int:
    """Bytes of the files in a folder, each at least a block of the disk."""
    used = 0
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                used += max(entry.stat(follow_symlinks=False).st_size, 4096)
    return used


def _ran(seen: _Seen, token: str, limits: Limits) -> Ran:
    """What the process said of itself, as far as it can be believed: only the token proves that all tests passed."""
    said = _said(bytes(seen.report))
    if "unprotected" in said or "walls" not in said:
        raise _unprotected(str(said.get("unprotected", "")) or _last_line(seen.errors) or "it could not be started")
    walls, output = tuple(map(str, said["walls"])), seen.output.decode("utf-8", "replace")
    if seen.killed:
        return Ran(False, seen.killed, output, walls=walls)
    if said.get("passed") == token:
        return Ran(True, "", output, passed=True, walls=walls)
    if "ended" in said or (seen.status == 0 and "raised" not in said and "passed" not in said):
        return Ran(seen.status == 0, "" if seen.status == 0 else _died(seen.status), output, walls=walls)
    test = said.get("test") if isinstance(said.get("test"), int) else None
    return Ran(False, _raised(said, limits) or _died(seen.status), output, test=test, walls=walls)


def _said(report: bytes) -> dict[str, Any]:
    """All lines of the report as one; lines that are no JSON object were not written by us."""
    said: dict[str, Any] = {}
    for line in report.splitlines():
        with contextlib.suppress(ValueError):
            found = json.loads(line)
            said |= {key: value for key, value in found.items() if key not in said} if isinstance(found, dict) else {}
    return said


def _raised(said: dict[str, Any], limits: Limits) -> str:
    name = str(said.get("raised", ""))[:60]
    if not name:
        return ""
    if name == "MemoryError":
        return f"it needs more than {limits.memory_mb} MB of memory"
    line = f" in line {said['line']}" if said.get("line") else ""
    message = " ".join(str(said.get("message", "")).split())
    return f"{name}{line}" + (f": {message}" if message else "")


def _died(status: int) -> str:
    if status == -signal.SIGXCPU:
        return "it used up its processor time"
    if status == -signal.SIGXFSZ:
        return "it wrote a file that is too large"
    return f"it was ended by signal {-status}" if status < 0 else f"it ended with status {status}"


def _last_line(errors: bytearray) -> str:
    return next(reversed(errors.decode("utf-8", "replace").strip().split("\n")), "").strip()[:200]


def _refuse_elsewhere() -> None:
    if sys.platform != "linux":
        raise _unprotected(f"there is no sandbox for {sys.platform}")


def _unprotected(why: str) -> ImbikError:
    return ImbikError(
        f"code that a model wrote is not run here, for it cannot be shut in: {why}",
        where="sandbox",
        next="run this on Linux 5.13 or newer (x86_64 or aarch64) with Landlock and seccomp, in a container that lets "
        "them through; or take the check `runs` and the metric `pass_rate` out of the recipe",
    )


_PROBE = """
import os, socket
held = []
def tried(name, act):
    try:
        act()
    except (OSError, PermissionError):
        return
    held.append(name)
def connect():
    socket.create_connection(("127.0.0.1", PORT), 1).close()
tried("network", connect)
tried("reading", lambda: open(CANARY).read())
tried("writing", lambda: open(CANARY, "a"))
tried("signals", lambda: os.kill(os.getppid(), 0))
tried("processes", os.fork)
open("own", "w").write("x")
print(",".join(held) or "nothing")
"""


@cache
def ready() -> tuple[str, ...]:
    """The walls that stand on this machine, tried once by a program that does its best to get out.

    Raises: ImbikError where one of them does not hold.
    """
    import socket

    _refuse_elsewhere()
    with socket.create_server(("127.0.0.1", 0)) as listener, tempfile.NamedTemporaryFile() as canary:
        listener.settimeout(0.01)
        probe = f"PORT = {listener.getsockname()[1]}\nCANARY = {canary.name!r}\n{_PROBE}"
        ran = run(probe, limits=Limits(seconds=20))
        came = True
        try:
            listener.accept()[0].close()
        except TimeoutError:
            came = False
    if not ran.ended or ran.output.strip() != "nothing" or came:
        raise _unprotected(f"a trial program got through ({ran.output.strip() or ran.why})")
    return ran.walls
