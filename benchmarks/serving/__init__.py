"""A fake teacher in a process of its own, for benchmarks that must not share a processor's time with it.

Enters: the program that serves, and the address that answers once it does. Leaves: the server for as long as the block
lasts; a benchmark that would measure a server which never came ends instead.
"""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

_TRIES, _PAUSE = 200, 0.1


@contextmanager
def serving(program: str, *words: object, url: str) -> Iterator[subprocess.Popen[bytes]]:
    """The Python program with these arguments, once `url` answers; ended with the block.

    Raises: SystemExit where the program ended, or nothing answered within twenty seconds.
    """
    server = subprocess.Popen([sys.executable, "-c", program, *map(str, words)])
    try:
        _await(server, url)
        yield server
    finally:
        server.terminate()
        server.wait()


def _await(server: subprocess.Popen[bytes], url: str) -> None:
    for _ in range(_TRIES):
        if server.poll() is not None:
            break
        try:
            urllib.request.urlopen(url, timeout=1).close()
            return
        except OSError:
            time.sleep(_PAUSE)
    raise SystemExit(f"the fake teacher does not start: nothing answers at {url}")
