"""One writer at a time for a run folder; readers never lock.

Enters: the run folder. Leaves: an advisory `flock` on `.lock`, which the kernel drops when its holder dies, so a stale
lock recovers by itself; the file's text names the holder for whoever comes second.
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from imbik.core.errors import LockedError


@contextmanager
def writer_lock(folder: Path) -> Iterator[None]:
    """Hold the folder's writer lock for the block.

    Raises: LockedError naming process, host and start of the holder.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(folder / ".lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip() or "another process"
            raise LockedError(
                f"this run is being written by {holder}",
                where=str(folder),
                next="wait for it, stop it, or give your run another folder with --runs DIR",
            ) from None
        started = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()} since {started}".encode(), 0)
        yield
    finally:
        os.close(descriptor)
