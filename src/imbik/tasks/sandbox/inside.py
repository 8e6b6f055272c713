"""The sandboxed process: puts up its own walls, then runs the program.

Enters: `program.json` in its folder (the program, its tests, limits), a pipe on which it says how it went. Leaves:
lines of JSON on that pipe. It is started as a script by a bare interpreter and uses the standard library alone. When a
wall cannot be put up, it says so and ends: the program is then never begun.

The walls: a user and a network namespace of its own, where the kernel permits them; no capabilities; resource limits;
Landlock (Linux `Documentation/userspace-api/landlock.rst`), by which only the interpreter's own library can be read and
only the folder be written; a seccomp filter (`syscalls.py`), without sockets, processes and signals.
"""

# ruff: noqa: PTH100, PTH107, PTH112, PTH118, PTH120, S102 - pathlib loads slowly, and running code is its task

from __future__ import annotations

import ctypes
import json
import os
import platform
import resource
import struct
import sys
from typing import Any

_NEW_USER, _NEW_NETWORK, _NEW_IPC = 0x10000000, 0x40000000, 0x08000000
_PARENT_DIES, _NO_NEW_PRIVILEGES, _SECCOMP, _FILTER = 1, 38, 22, 2
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_ASKED, _PATH_BENEATH = 1, 1
_CAPSET = {"x86_64": 126, "aarch64": 91}
_WRITE, _READ, _LIST, _REMOVE, _MAKE, _TRUNCATE = 1 << 1, 1 << 2, 1 << 3, 1 << 5, 1 << 8, 1 << 14
_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}  # so many kinds of access a version of Landlock knows; 16 from version 5 on
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/share/zoneinfo", "/etc/ld.so.cache", "/etc/localtime")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")
UNPROTECTED = 97
_LIBC = ctypes.CDLL(None, use_errno=True)


class _WallError(Exception):
    """A wall that could not be put up."""


def main() -> None:
    """Walls first, then the program."""
    folder, pipe = sys.argv[1], int(sys.argv[2])
    with open(os.path.join(folder, "program.json"), encoding="utf-8") as stream:
        job = json.load(stream)
    os.remove(os.path.join(folder, "program.json"))
    _warm_up()
    try:
        walls = _protect(folder, job)
    except (_WallError, OSError, ValueError) as error:
        _say(pipe, {"unprotected": str(error)})
        os._exit(UNPROTECTED)
    _say(pipe, {"walls": walls})
    (_run_tests if job["tests"] is not None else _run_program)(job, pipe)


def _protect(folder: str, job: dict[str, Any]) -> list[str]:
    """All walls, by name.

    Raises: _WallError naming the one that could not be put up.
    """
    syscalls, machine = _beside("syscalls"), platform.machine()
    apart = _LIBC.unshare(_NEW_USER | _NEW_NETWORK | _NEW_IPC) == 0
    _LIBC.prctl(_PARENT_DIES, 9, 0, 0, 0)
    header, nothing = struct.pack("=Ii", 0x20080522, 0), bytes(24)
    _LIBC.syscall(_CAPSET.get(machine, -1), header, nothing)
    if _LIBC.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        raise _WallError("the kernel does not take no_new_privs")
    if not syscalls.known(machine):
        raise _WallError(f"the system calls of {machine} are not known here")
    _limit(job)
    version = min(_LIBC.syscall(_CREATE_RULESET, None, 0, _VERSION_ASKED), job["landlock"])
    if version < 1:
        raise _WallError("the kernel has no Landlock (it came with Linux 5.13, and has to be among its `lsm=`)")
    _landlock(folder, version)
    _install(syscalls.filter_program(machine, landlock=version))
    return [*(["network namespace"] if apart else []), f"landlock {version}", "seccomp"]


def _beside(name: str) -> Any:
    """A module that lies beside this one, read before the walls hide it."""
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    try:
        return __import__(name)
    finally:
        sys.path.pop(0)


def _limit(job: dict[str, Any]) -> None:
    memory = job["memory"]
    for limit, value in (
        (resource.RLIMIT_CPU, job["cpu"]),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, job["file"]),
        (resource.RLIMIT_NOFILE, 32),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(limit)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (value, value))


def _landlock(folder: str, version: int) -> None:
    """Read the interpreter's library, write in the folder, nothing else; from version 4 no TCP, from 6 no signals."""
    every = (1 << _RIGHTS.get(version, 16)) - 1
    fields = [every] + [0b11] * (version >= 4) + [0b11] * (version >= 6)
    attributes = struct.pack(f"={len(fields)}Q", *fields)
    ruleset = _LIBC.syscall(_CREATE_RULESET, attributes, len(attributes), 0)
    if ruleset < 0:
        raise _WallError("Landlock gave no rules")
    reading = _READ | _LIST
    library = [os.path.dirname(os.__file__), os.path.join(sys.base_exec_prefix, "lib")]
    for path in (*library, *_LIBRARIES, *_DEVICES):
        _allow(ruleset, path, reading | (_WRITE if path == "/dev/null" else 0))
    _allow(ruleset, folder, (reading | _WRITE | _REMOVE | _MAKE | _TRUNCATE) & every)
    if _LIBC.syscall(_RESTRICT_SELF, ruleset, 0):
        raise _WallError("Landlock did not take its rules")
    os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what is not there need not be read
    try:
        if not os.path.isdir(path):
            rights &= _READ | _WRITE
        if _LIBC.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, beneath), 0):
            raise _WallError(f"Landlock refused the rule for {path}")
    finally:
        os.close(beneath)


def _install(program: bytes) -> None:
    steps = ctypes.create_string_buffer(program, len(program))
    offered = struct.pack("@HP", len(program) // 8, ctypes.addressof(steps))
    if _LIBC.prctl(_SECCOMP, _FILTER, offered, 0, 0):
        raise _WallError("the kernel does not take a seccomp filter")


def _warm_up() -> None:
    """Load what is needed after the walls stand."""
    import linecache  # noqa: F401
    import traceback  # noqa: F401


def _run_program(job: dict[str, Any], pipe: int) -> None:
    """As `python program.py` would run it."""
    _begin(job, pipe, "__main__")
    sys.stdout.flush()
    _say(pipe, {"ended": True})


def _run_tests(job: dict[str, Any], pipe: int) -> None:
    """The program as a module, then each test among its names; the token is read only when all have passed."""
    names = _begin(job, pipe, "program")
    for number, test in enumerate(job["tests"]):
        try:
            exec(compile(test, "<test>", "exec"), names)
        except BaseException as error:  # SystemExit too: a test that ends the process has not passed
            _fail(pipe, error, test=number)
    _say(pipe, {"passed": os.read(0, 64).decode("ascii", "replace")})


def _begin(job: dict[str, Any], pipe: int, name: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": name, "__builtins__": __builtins__}
    try:
        exec(compile(job["source"], "<program>", "exec"), names)
    except SystemExit as error:
        if name != "__main__" or error.code not in (None, 0):
            _fail(pipe, error)
    except BaseException as error:
        _fail(pipe, error)
    return names


def _fail(pipe: int, error: BaseException, test: int | None = None) -> None:
    """Say what was raised and in which line of the program, and end."""
    lines, trace = [0], error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<program>":
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    line = error.lineno or 0 if isinstance(error, SyntaxError) and error.filename == "<program>" else lines[-1]
    try:
        message = str(error)[:200]
    except BaseException:  # the program's own exception may do anything
        message = ""
    _say(pipe, {"raised": type(error).__name__, "message": message, "line": line, "test": test})
    os._exit(1)


def _say(pipe: int, what: dict[str, Any]) -> None:
    os.write(pipe, json.dumps(what).encode() + b"\n")


if __name__ == "__main__":
    main()
