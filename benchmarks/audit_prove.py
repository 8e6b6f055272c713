"""Claim: an audit log of a million lines is proved in seconds, and reading it holds no file in memory.

A chain of `--lines` decisions about as many different rows is written through the audit itself. Then `imbik privacy
prove` reads it (checks every hash and counts distinct rows by where they went), and the stand-alone verifier checks it.
The floor in the same run is what no check can do without: reading the lines and hashing each with SHA-256.
Printed: seconds of each, lines a second, the memory that the check of the chain adds (bar: 8 MB, whatever the length),
and prove against the floor (bar: 25 times, and 60 seconds a million lines).

Control: with one byte of a line in the middle changed, both must refuse the file.

    python benchmarks/audit_prove.py
"""

from __future__ import annotations

import argparse
import hashlib
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from imbik.core.errors import RunFolderError
from imbik.privacy import verifier
from imbik.privacy.account import what_left
from imbik.privacy.audit import Audit, Entry, verify

VERIFY = """
import resource, sys
from pathlib import Path
from imbik.privacy.audit import verify
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
verify(Path(sys.argv[1]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def write(folder: Path, lines: int) -> Path:
    """A chain of so many decisions, as a run writes them."""
    audit = Audit(folder)
    for start in range(0, lines, 1_000):
        rows = range(start, min(start + 1_000, lines))
        audit.append([entry(number) for number in rows])
    audit.close()
    return audit.path


def entry(number: int) -> Entry:
    """One row in ten is held back."""
    place, address = "https://api.example.com:443", "93.184.216.34"
    if number % 10 == 0:
        return Entry("blocked", "confidential", place, address, "generation", "no", (f"satir-{number}",), "ab12")
    reason = "contract: standard contract notified on 2026-01-05"
    return Entry("allowed", "internal", place, address, "generation", reason, (f"satir-{number}",), "ab12")


def seconds(work: Callable[[], object]) -> float:
    """How long it took."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def floor(path: Path) -> None:
    """Reading and hashing alone."""
    with path.open("rb") as stream:
        for line in stream:
            hashlib.sha256(line).hexdigest()


def alone(path: Path) -> str:
    """The stand-alone verifier."""
    with path.open("rb") as stream:
        return verifier.verdict(stream, [], [])


def refused(path: Path) -> bool:
    """The control: one byte changed in the middle."""
    at = path.stat().st_size // 2
    with path.open("r+b") as stream:
        stream.seek(at)
        byte = stream.read(1)
        stream.seek(at)
        stream.write(bytes([byte[0] ^ 1]))
    found = 0
    try:
        what_left(path.parent)
    except RunFolderError:
        found += 1
    try:
        alone(path)
    except SystemExit:
        found += 1
    return found == 2


def main() -> None:
    """Print the times and the verdict."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        path = write(Path(home), options.lines)
        print(f"{options.lines:,} lines, {path.stat().st_size / 1e6:,.0f} MB", flush=True)
        least = seconds(lambda: floor(path))
        proved, checked = seconds(lambda: what_left(path.parent)), seconds(lambda: verify(path))
        verified = seconds(lambda: alone(path))
        counted = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        added = int(subprocess.run([sys.executable, "-c", VERIFY, path], capture_output=True, check=True).stdout) / 1024
        control = refused(path)
    print(f"floor (read and hash): {least:.1f} s")
    for name, took in (("prove", proved), ("the chain alone", checked), ("the stand-alone verifier", verified)):
        print(f"{name}: {took:.1f} s, {options.lines / took:,.0f} lines a second, {took / least:.1f} times the floor")
    print(f"memory that checking the chain adds: {added:.1f} MB; process with every row counted: {counted:,.0f} MB")
    print(f"control: a changed byte in the middle is {'refused by both' if control else 'MISSED'}")
    a_million = proved * 1e6 / options.lines
    raise SystemExit(0 if control and added <= 8 and proved <= 25 * least and a_million <= 60 else 1)


if __name__ == "__main__":
    main()
