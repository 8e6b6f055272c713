"""The filter, run as the kernel runs it: what it answers for calls of both architectures."""

from __future__ import annotations

import struct

import pytest

from imbik.tasks.sandbox.syscalls import filter_program

ALLOWED, REFUSED, UNKNOWN, KILLED = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000
MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
NUMBERS = {
    "x86_64": {"read": 0, "socket": 41, "clone": 56, "execve": 59, "fcntl": 72, "socketpair": 53, "openat": 257},
    "aarch64": {"read": 63, "socket": 198, "clone": 220, "execve": 221, "fcntl": 25, "socketpair": 199, "openat": 56},
}


def answer(machine: str, call: str | int, *arguments: int, landlock: int = 6, audit: int | None = None) -> int:
    """Classic BPF, as far as the filter uses it."""
    number = call if isinstance(call, int) else NUMBERS[machine][call]
    given = (*arguments, *[0] * (6 - len(arguments)))
    data = struct.pack("=IIQ6Q", number, MACHINES[machine] if audit is None else audit, 0, *given)
    steps = list(struct.iter_unpack("=HBBI", filter_program(machine, landlock=landlock)))
    at = held = 0
    while True:
        code, yes, no, value = steps[at]
        at += 1
        if code == 0x20:
            held = struct.unpack_from("=I", data, value)[0]
        elif code == 0x06:
            return int(value)
        else:
            met = {0x15: held == value, 0x35: held >= value, 0x45: bool(held & value)}[code]
            at += yes if met else no


@pytest.mark.parametrize("machine", list(MACHINES))
def test_calls_are_answered(machine: str) -> None:
    assert answer(machine, "read") == ALLOWED
    assert answer(machine, "socket") == REFUSED
    assert answer(machine, "execve") == REFUSED
    assert answer(machine, "clone", 0x11) == REFUSED
    assert answer(machine, "clone", 0x3D0F00) == ALLOWED  # a thread, as glibc begins one
    assert answer(machine, "fcntl", 3, 1) == ALLOWED
    assert [answer(machine, "fcntl", 3, what) for what in (8, 10, 15)] == [REFUSED] * 3
    assert answer(machine, "socketpair", 1, 1 | 0o2000000) == ALLOWED
    assert [answer(machine, "socketpair", 1, kind | 0o2000000) for kind in (2, 3)] == [REFUSED] * 2


@pytest.mark.parametrize("machine", list(MACHINES))
def test_what_is_newer_or_of_another_machine_is_not_let_through(machine: str) -> None:
    assert answer(machine, 500) == UNKNOWN
    assert answer(machine, 435) == UNKNOWN  # clone3: libraries then fall back to clone
    assert answer(machine, 0x40000000) == UNKNOWN  # the x32 calls of x86_64
    assert answer(machine, "read", audit=0x40000003) == KILLED  # i386


@pytest.mark.parametrize("machine", list(MACHINES))
def test_opening_for_nothing_but_emptying_is_refused_where_landlock_would_not(machine: str) -> None:
    assert answer(machine, "openat", 0, 0, 0o1000, landlock=2) == REFUSED
    assert answer(machine, "openat", 0, 0, 0, landlock=2) == ALLOWED
    assert answer(machine, "openat", 0, 0, 0o1000, landlock=3) == ALLOWED
