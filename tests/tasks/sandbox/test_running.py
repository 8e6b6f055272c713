"""Programs that do harm: outside the sandbox each does it (so the harm is real), inside none does."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from imbik.core.errors import ImbikError
from imbik.tasks.sandbox import Limits, Ran, ready, run
from imbik.tasks.sandbox import running as sandbox_running

OLD_AND_NEW = pytest.mark.parametrize("landlock", [1, 6], ids=["oldest", "newest"])


def freely(source: str, timeout: float = 20) -> str:
    """What a program prints with no walls around it."""
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=timeout, check=False)
    return done.stdout


def shut_in(source: str, landlock: int = 6, limits: Limits = Limits(seconds=10)) -> Ran:  # noqa: B008 - frozen
    return run(source, limits=limits, landlock=landlock)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.3)
        yield server


def called(server: socket.socket) -> bool:
    try:
        server.accept()[0].close()
    except TimeoutError:
        return False
    return True


@OLD_AND_NEW
def test_no_connection_is_made(listener: socket.socket, landlock: int) -> None:
    program = f"import socket; socket.create_connection(('127.0.0.1', {listener.getsockname()[1]}), 2); print('in')"
    assert freely(program) == "in\n"
    assert called(listener)
    ran = shut_in(program, landlock)
    assert not called(listener)
    assert not ran.ended
    assert "PermissionError" in ran.why


@OLD_AND_NEW
def test_no_datagram_reaches_a_named_socket(landlock: int) -> None:
    """Both ends of a pair could send to any socket that has a name in the file system."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as hears:
        name = f"/tmp/imbik-test-{os.getpid()}-{landlock}"  # short: a socket's name has at most 108 bytes
        hears.bind(name)
        hears.settimeout(0.3)
        program = (
            f"import socket\na, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)\na.sendto(b'out', {name!r})"
        )
        try:
            freely(program)
            assert hears.recv(9) == b"out"
            assert not shut_in(program, landlock).ended
            with pytest.raises(TimeoutError):
                hears.recv(9)
        finally:
            os.unlink(name)
    assert shut_in("import socket; a, b = socket.socketpair(); a.send(b'x'); print(b.recv(1))").output == "b'x'\n"


@OLD_AND_NEW
@pytest.mark.parametrize("name", [".ssh/id_ed25519", "runs/banka/answers.jsonl"])
def test_files_of_others_are_not_read(tmp_path: Path, name: str, landlock: int) -> None:
    secret = tmp_path / name
    secret.parent.mkdir(parents=True)
    secret.write_text("gizli", encoding="utf-8")
    program = f"print(open({str(secret)!r}).read())"
    assert freely(program) == "gizli\n"
    ran = shut_in(program, landlock)
    assert "gizli" not in ran.output + ran.why
    assert "PermissionError" in ran.why
    listing = f"import os; print(os.listdir({str(secret.parent)!r}))"
    assert secret.name in freely(listing)
    assert secret.name not in shut_in(listing, landlock).output


@OLD_AND_NEW
@pytest.mark.parametrize(
    "harm",
    [
        "open(TARGET, 'w').write('x')",
        "import os; os.truncate(TARGET, 0)",
        "import os; os.close(os.open(TARGET, os.O_RDONLY | os.O_TRUNC))",
        "import os; os.remove(TARGET)",
        "import os; os.rename(TARGET, TARGET + '2')",
        "import os; os.chmod(TARGET, 0)",
        "import os; os.utime(TARGET, (0, 0))",
    ],
)
def test_files_of_others_are_not_changed(tmp_path: Path, harm: str, landlock: int) -> None:
    kept = tmp_path / "kept"

    def state() -> tuple[object, ...]:
        if not kept.exists():
            return ()
        found = kept.stat()
        return found.st_size, found.st_mode, found.st_mtime_ns

    kept.write_text("as it was", encoding="utf-8")
    before = state()
    program = harm.replace("TARGET", repr(str(kept)))
    assert not shut_in(program, landlock).ended
    assert state() == before
    freely(program)
    assert state() != before


@OLD_AND_NEW
def test_no_further_process_is_begun(landlock: int) -> None:
    bomb = (
        "import os\nfor _ in range(3):\n    if os.fork() == 0:\n        os._exit(0)\n"
        "for _ in range(3):\n    os.wait()\nprint('three')"
    )
    assert freely(bomb) == "three\n"
    ran = shut_in(bomb, landlock)
    assert "PermissionError" in ran.why
    other = f"import subprocess; print(subprocess.run([{sys.executable!r}, '-c', '']).returncode)"
    assert freely(other) == "0\n"
    assert not shut_in(other, landlock).ended


@OLD_AND_NEW
@pytest.mark.parametrize(
    "harm",
    [
        "import os, signal; os.kill(VICTIM, signal.SIGTERM)",
        "import os, fcntl\nr, w = os.pipe()\nfcntl.fcntl(r, fcntl.F_SETOWN, VICTIM)\n"
        "fcntl.fcntl(r, 10, 15)\nfcntl.fcntl(r, fcntl.F_SETFL, fcntl.fcntl(r, fcntl.F_GETFL) | os.O_ASYNC)\n"
        "os.write(w, b'x')",
    ],
    ids=["kill", "signals of a file"],
)
def test_others_get_no_signal(harm: str, landlock: int) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"]) as victim:
        program = harm.replace("VICTIM", str(victim.pid))
        assert not shut_in(program, landlock).ended
        with pytest.raises(subprocess.TimeoutExpired):
            victim.wait(0.2)
        freely(program)
        assert victim.wait(5) == -15


def test_memory_ends() -> None:
    hog = "held = b'x' * (160 << 20); print(len(held) >> 20)"
    assert freely(hog) == "160\n"
    assert shut_in(hog, limits=Limits(seconds=10, memory_mb=512)).output == "160\n"
    assert shut_in(hog, limits=Limits(seconds=10, memory_mb=128)).why == "it needs more than 128 MB of memory"


@pytest.mark.parametrize("endless", ["while True: pass", "import time; time.sleep(60)"])
def test_time_ends(endless: str) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        freely(endless, timeout=0.6)
    began = time.monotonic()
    ran = shut_in(endless, limits=Limits(seconds=0.6))
    assert time.monotonic() - began < 5
    assert ran.why == "it was not done after 0.6 s"


def test_a_gigabyte_of_output_is_cut() -> None:
    program = "import sys\nfor _ in range({}): sys.stdout.write('a' * 1_000_000)"
    assert len(freely(program.format(3))) == 3_000_000
    ran = shut_in(program.format(1000), limits=Limits(seconds=20, output=1 << 20))
    assert not ran.ended
    assert "1,048,576 bytes" in ran.why
    assert len(ran.output) <= (1 << 20) + (1 << 16)


def test_the_folder_of_a_program_does_not_grow_without_end() -> None:
    one = "open('a', 'w').write('x' * 1000); print(open('a').read().count('x'))"
    assert shut_in(one).output == "1000\n"
    large = "open('a', 'w').write('x' * (20 << 20))"
    assert shut_in(large, limits=Limits(seconds=10, file_mb=24)).ended
    assert not shut_in(large).ended
    many = "import time\nfor i in range(12): open(str(i), 'w').write('x' * (4 << 20)); time.sleep(0.06)"
    assert shut_in(many, limits=Limits(seconds=10, folder_mb=64)).ended
    assert "32 MB into its folder" in shut_in(many).why


def test_the_environment_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEACHER_KEY", "gizli")
    program = "import os; print(os.environ.get('TEACHER_KEY'))"
    assert freely(program) == "gizli\n"
    assert shut_in(program).output == "None\n"


def test_ordinary_programs_run() -> None:
    assert run("print(input().upper(), 'ışık')", given="çay\n").output == "ÇAY ışık\n"
    program = (
        "import asyncio, threading, json, re, datetime, decimal, sqlite3, hashlib, zoneinfo, random\n"
        "async def a(): await asyncio.sleep(0)\nasyncio.run(a())\n"
        "t = threading.Thread(target=print, args=('thread',)); t.start(); t.join()\n"
        "print(json.dumps({'a': 1}), decimal.Decimal('1.5'))"
    )
    assert run(program).output == 'thread\n{"a": 1} 1.5\n'
    assert run("import sys; sys.exit(0)").ended
    assert not run("import sys; sys.exit(3)").ended


def test_passing_is_not_claimed_by_ending() -> None:
    tests = ["assert topla(1, 2) == 3"]
    assert run("def topla(a, b): return a + b", tests=tests).passed
    for cheat in ("import os; os._exit(0)", "raise SystemExit(0)", "print('passed')"):
        assert not run(cheat, tests=tests).passed
    forged = (
        'import os\nfor fd in range(3, 20):\n    try: os.write(fd, b\'{"passed": "x"}\\n\')\n    except OSError: pass'
    )
    assert not run(forged + "\nos._exit(0)", tests=tests).passed


def test_why_it_failed_is_said() -> None:
    wrong = run("def topla(a, b): return a - b", tests=["assert topla(0, 0) == 0", "assert topla(1, 2) == 3"])
    assert (wrong.passed, wrong.test, wrong.why) == (False, 1, "AssertionError")
    assert run("x = 1\ny = x / 0").why == "ZeroDivisionError in line 2: division by zero"
    assert run("def f(: pass").why.startswith("SyntaxError in line 1")


def test_without_its_walls_nothing_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that offers no Landlock, and another system: words, and the program was not begun."""
    with pytest.raises(ImbikError, match="cannot be shut in.*Landlock"):
        run("print(1)", landlock=0)
    monkeypatch.setattr(sandbox_running.sys, "platform", "darwin")
    with pytest.raises(ImbikError, match="no sandbox for darwin"):
        run("print(1)")


def test_a_machine_that_lets_a_trial_program_through_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {"seccomp"} <= set(ready())
    ready.cache_clear()
    monkeypatch.setattr(sandbox_running, "run", lambda *_, **__: Ran(ended=True, output="network\n"))
    with pytest.raises(ImbikError, match=r"a trial program got through \(network\)"):
        ready()
    ready.cache_clear()
