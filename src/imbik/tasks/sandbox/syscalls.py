"""System calls that a program in the sandbox may not make, and the filter that says so to the kernel.

Enters: the machine's architecture. Leaves: a classic BPF program for seccomp (Linux `Documentation/userspace-api/
seccomp_filter.rst`). Only the standard library is used: this file is read by the sandboxed process itself.

Refused are: sockets (of any family; a connected pair that cannot send elsewhere stays), new processes, programs and
sessions, signals, tracing, namespaces, mounts, keys, clocks, modules, shared memory, priorities and limits of others,
and what changes files without opening them (mode, owner, times, attributes, truncation), which Landlock does not cover.
System calls newer than this list are answered as an old kernel would.
"""

from __future__ import annotations

import struct

_X86_64 = {
    "socket": 41, "connect": 42, "bind": 49, "listen": 50, "clone": 56, "fork": 57, "vfork": 58, "execve": 59,
    "kill": 62, "semget": 64, "msgget": 68, "truncate": 76, "creat": 85, "chmod": 90, "fchmod": 91, "chown": 92,
    "fchown": 93, "lchown": 94, "ptrace": 101, "syslog": 103, "setpgid": 109, "setsid": 112, "capset": 126,
    "rt_sigqueueinfo": 129, "utime": 132, "mknod": 133, "personality": 135, "setpriority": 141, "sched_setparam": 142,
    "sched_setscheduler": 144, "vhangup": 153, "pivot_root": 155, "adjtimex": 159, "chroot": 161, "acct": 163,
    "settimeofday": 164, "mount": 165, "umount2": 166, "swapon": 167, "swapoff": 168, "reboot": 169,
    "sethostname": 170, "setdomainname": 171, "iopl": 172, "ioperm": 173, "init_module": 175, "delete_module": 176,
    "quotactl": 179, "setxattr": 188, "lsetxattr": 189, "fsetxattr": 190, "removexattr": 197, "lremovexattr": 198,
    "fremovexattr": 199, "tkill": 200, "sched_setaffinity": 203, "clock_settime": 227, "tgkill": 234, "utimes": 235,
    "mq_open": 240, "kexec_load": 246, "add_key": 248, "request_key": 249, "keyctl": 250, "ioprio_set": 251,
    "migrate_pages": 256, "mknodat": 259, "fchownat": 260, "futimesat": 261, "fchmodat": 268, "unshare": 272,
    "move_pages": 279, "utimensat": 280, "shmget": 29, "rt_tgsigqueueinfo": 297, "perf_event_open": 298,
    "fanotify_init": 300, "name_to_handle_at": 303, "open_by_handle_at": 304, "clock_adjtime": 305, "setns": 308,
    "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312, "finit_module": 313, "sched_setattr": 314,
    "memfd_create": 319, "kexec_file_load": 320, "bpf": 321, "execveat": 322, "userfaultfd": 323,
}  # fmt: skip
_AARCH64 = {
    "setxattr": 5, "lsetxattr": 6, "fsetxattr": 7, "removexattr": 14, "lremovexattr": 15, "fremovexattr": 16,
    "ioprio_set": 30, "mknodat": 33, "umount2": 39, "mount": 40, "pivot_root": 41, "truncate": 45, "chroot": 51,
    "fchmod": 52, "fchmodat": 53, "fchownat": 54, "fchown": 55, "vhangup": 58, "quotactl": 60, "utimensat": 88,
    "acct": 89, "capset": 91, "personality": 92, "unshare": 97, "kexec_load": 104, "init_module": 105,
    "delete_module": 106, "clock_settime": 112, "syslog": 116, "ptrace": 117, "sched_setparam": 118,
    "sched_setscheduler": 119, "sched_setaffinity": 122, "kill": 129, "tkill": 130, "tgkill": 131,
    "rt_sigqueueinfo": 138, "setpriority": 140, "reboot": 142, "setpgid": 154, "setsid": 157, "sethostname": 161,
    "setdomainname": 162, "settimeofday": 170, "adjtimex": 171, "mq_open": 180, "msgget": 186, "semget": 190,
    "shmget": 194, "socket": 198, "bind": 200, "listen": 201, "connect": 203, "add_key": 217, "request_key": 218,
    "keyctl": 219, "clone": 220, "execve": 221, "swapon": 224, "swapoff": 225, "migrate_pages": 238,
    "move_pages": 239, "rt_tgsigqueueinfo": 240, "perf_event_open": 241, "fanotify_init": 262,
    "name_to_handle_at": 264, "open_by_handle_at": 265, "clock_adjtime": 266, "setns": 268, "process_vm_readv": 270,
    "process_vm_writev": 271, "kcmp": 272, "finit_module": 273, "sched_setattr": 274, "memfd_create": 279,
    "bpf": 280, "execveat": 281, "userfaultfd": 282, "kexec_file_load": 294,
}  # fmt: skip
_BOTH = {
    "pidfd_send_signal": 424, "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427,
    "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433,
    "pidfd_open": 434, "clone3": 435, "pidfd_getfd": 438, "process_madvise": 440, "mount_setattr": 442,
    "quotactl_fd": 443, "memfd_secret": 447, "process_mrelease": 448, "set_mempolicy_home_node": 450, "fchmodat2": 452,
}  # fmt: skip
_NEWER = 463  # the first number after mseal, Linux 6.10
_ARCHITECTURES = {"x86_64": (0xC000003E, _X86_64, 302), "aarch64": (0xC00000B7, _AARCH64, 261)}
# Which argument of which further calls may not hold which values: owners to whom a file sends signals (F_SETOWN,
# F_SETSIG, F_SETOWN_EX; FIOSETOWN, SIOCSPGRP), and keys typed for others (TIOCSTI).
_VALUES = {
    "x86_64": ((72, 1, (8, 10, 15)), (16, 1, (0x8901, 0x8902, 0x5412))),
    "aarch64": ((25, 1, (8, 10, 15)), (29, 1, (0x8901, 0x8902, 0x5412))),
}
_PAIR = {"x86_64": 53, "aarch64": 199}
_DATAGRAM = 2  # in the type of a socket pair: its ends could send to any named socket, whatever they are paired with
_OPENING = {"x86_64": ((2, 1), (257, 2)), "aarch64": ((56, 2),)}  # open and openat: which argument holds the flags
_OPENAT2 = 437
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _REFUSE, _UNKNOWN = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026  # EPERM, ENOSYS
_CLONE_THREAD, _TRUNCATES = 0x00010000, 0o1000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16


def known(architecture: str) -> bool:
    """Whether the numbers of an architecture's system calls are known here."""
    return architecture in _ARCHITECTURES


def filter_program(architecture: str, *, landlock: int) -> bytes:
    """The filter as an array of `struct sock_filter`; `landlock` is the version that the kernel offers.

    Below version 3 Landlock does not stop a file from being emptied while it is opened, so the filter does.
    """
    audit, numbers, prlimit = _ARCHITECTURES[architecture]
    refused = {**numbers, **_BOTH}
    clone, clone3 = refused.pop("clone"), refused.pop("clone3")
    steps = [(_LOAD, 0, 0, _ARCHITECTURE), (_EQUAL, 1, 0, audit), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, _NUMBER)]
    steps += [(_AT_LEAST, 0, 1, _NEWER), (_RETURN, 0, 0, _UNKNOWN), (_EQUAL, 0, 1, clone3), (_RETURN, 0, 0, _UNKNOWN)]
    steps += _of_argument(clone, 0, (_ANY_BIT, 0, 1, _CLONE_THREAD))
    steps += _of_argument(prlimit, 0, (_EQUAL, 0, 1, 0))
    steps += _of_argument(_PAIR[architecture], 1, (_ANY_BIT, 1, 0, _DATAGRAM))
    for number, argument, values in _VALUES[architecture]:
        steps += _without(number, argument, values)
    if landlock < 3:
        for number, argument in _OPENING[architecture]:
            steps += _of_argument(number, argument, (_ANY_BIT, 1, 0, _TRUNCATES))
        steps += [(_EQUAL, 0, 1, _OPENAT2), (_RETURN, 0, 0, _UNKNOWN)]
    for number in sorted(refused.values()):
        steps += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _REFUSE)]
    steps.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def _without(number: int, argument: int, values: tuple[int, ...]) -> list[tuple[int, int, int, int]]:
    """A call that is refused when one of its arguments is one of `values`."""
    many = len(values)
    compared = [(_EQUAL, many - at, 0, value) for at, value in enumerate(values)]
    place = _FIRST_ARGUMENT + 8 * argument
    return [(_EQUAL, 0, many + 3, number), (_LOAD, 0, 0, place), *compared, (_RETURN, 0, 0, _ALLOW),
            (_RETURN, 0, 0, _REFUSE)]  # fmt: skip


def _of_argument(number: int, argument: int, test: tuple[int, int, int, int]) -> list[tuple[int, int, int, int]]:
    """Five steps: a call that is decided by one of its arguments; the test goes on to allow, or skips to refuse."""
    place = _FIRST_ARGUMENT + 8 * argument
    return [(_EQUAL, 0, 4, number), (_LOAD, 0, 0, place), test, (_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE)]
