"""Claim: no trick gets a confidential row to a place that the operator's file does not list.

Needs root and network namespaces (elsewhere it says so and ends with exit code 2: that is no pass). imbik runs in a
namespace whose only cable leads to another one, the world outside: every address there answers, every name resolves,
a sniffer that knows nothing of imbik sees each packet, and servers read what comes, after TLS. Each trick puts
confidential rows (or rows marked public that hold a person's data) before the real engine; each row holds a canary.
Printed for each: how the rows ended, packets and bytes that went anywhere but the allow-list (bar: 0), canaries seen.
The name server is on the allow-list, its questions are searched for canaries.

Positive control: leaks planted past imbik (urllib through a proxy, uvloop, a name, TLS) and public rows that imbik
itself sends are seen by the same sniffer in the same run, or the benchmark fails.

    sudo python benchmarks/privacy_leaks.py --rows 10000
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.leaking.inside import CONTROLS, names  # noqa: E402
from benchmarks.leaking.network import RESOLVER, Namespaces, namespaces, possible  # noqa: E402

_SECONDS = 900


class Outcome(NamedTuple):
    """What came of one trick or control."""

    name: str
    inside: dict[str, Any]
    sniffed: dict[str, list[int]]
    read: dict[str, int]
    dropped: int
    seconds: float

    @property
    def strayed(self) -> dict[str, list[int]]:
        """What went anywhere but to the name server."""
        return {spot: seen for spot, seen in self.sniffed.items() if not spot.endswith(f" {RESOLVER}:53")}

    @property
    def canaries(self) -> int:
        """Canaries in packets, names included, and as the servers outside read them."""
        return sum(seen[2] for seen in self.sniffed.values()) + sum(self.read.values())


def certificate(folder: Path) -> Path:
    """A certificate for the world outside, trusted inside: TLS shall hide nothing from the servers that read it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name.from_rfc4514_string("CN=outside")
    named = [x509.DNSName("*.example"), x509.IPAddress(ip_address("203.0.113.7"))]
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName(named), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "outside.pem"
    kind = serialization.PrivateFormat.PKCS8
    private = key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption())
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


class World:
    """The outside process: asked after each trick what it saw."""

    def __init__(self, spaces: Namespaces, token: str, pem: Path) -> None:
        command = [*spaces.within(spaces.outside), sys.executable, "-m", "benchmarks.leaking.outside"]
        self._process = subprocess.Popen(
            [*command, spaces.cable, token, str(pem)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        if self._line() != "ready":
            raise SystemExit("the world outside did not begin")

    def seen(self) -> dict[str, Any]:
        """What came since the last call."""
        assert self._process.stdin is not None
        self._process.stdin.write("now\n")
        self._process.stdin.flush()
        found: dict[str, Any] = json.loads(self._line())
        return found

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


def carry_out(name: str, spaces: Namespaces, world: World, token: str, rows: int, pem: Path) -> Outcome:
    """One trick in a process of its own, with an environment of its own."""
    from benchmarks.leaking.tricks import TRICKS

    extra = next((trick.env for trick in TRICKS if trick.name == name), {})
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "XDG_CONFIG_HOME": str(home / "config"),
            "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
            "SSL_CERT_FILE": str(pem),
            "OMP_NUM_THREADS": "1",
            **extra,
        }
        command = [*spaces.within(spaces.inside), sys.executable, "-m", "benchmarks.leaking.inside"]
        started = time.monotonic()
        done = subprocess.run(
            [*command, name, token, str(rows), folder],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=_SECONDS,
        )  # fmt: skip
        seconds = time.monotonic() - started
    said = done.stdout.strip().splitlines()
    inside = json.loads(said[-1]) if done.returncode == 0 and said else {"failed": done.stderr[-600:]}
    return Outcome(name, inside, seconds=seconds, **world.seen())


def told(outcome: Outcome) -> str:
    """One line of the table."""
    inside = outcome.inside
    ends = ", ".join(f"{count:,} {end}" for end, count in sorted(inside.get("ends", {}).items()) if count)
    stops = "; ".join(f"{count}x {why}" for why, count in sorted(inside.get("stops", {}).items()))
    packets = sum(seen[0] for seen in outcome.strayed.values())
    size = sum(seen[1] for seen in outcome.strayed.values())
    where = "".join(f"\n      {spot}: {seen[0]} packets, {seen[1]} bytes" for spot, seen in outcome.strayed.items())
    local = f"; the local teacher was asked {inside['local']:,}" if inside.get("local") else ""
    strayed = f"{packets} packets, {size} bytes outside, {outcome.canaries} canaries"
    why = f"\n      {stops}" if stops else ""
    return f"{outcome.name} ({outcome.seconds:.0f} s): {strayed}; {ends}{local}{why}{inside.get('failed', '')}{where}"


def main() -> int:
    """Run the controls, then every trick; print; 0 only if all controls were seen and no trick was."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000, help="rows for each trick")
    parser.add_argument("--only", default="", help="tricks whose name holds this")
    asked = parser.parse_args()
    if reason := possible():
        print(f"not run, so nothing is shown: {reason}")
        return 2
    token = "knry" + secrets.token_hex(10)
    wanted = [name for name in names() if name in CONTROLS or asked.only in name]
    bad = []
    with tempfile.TemporaryDirectory() as folder, namespaces() as spaces:
        pem = certificate(Path(folder))
        world = World(spaces, token, pem)
        try:
            for name in wanted:
                outcome = carry_out(name, spaces, world, token, asked.rows, pem)
                print(told(outcome), flush=True)
                if _wrong(outcome):
                    bad.append(name)
        finally:
            world.close()
    tricks = len(wanted) - len(CONTROLS)
    print(f"\n{tricks} tricks x {asked.rows:,} rows, {len(CONTROLS)} positive controls")
    print("0 bytes outside the allow-list, every control was seen" if not bad else f"FAILED: {', '.join(bad)}")
    return 1 if bad else 0


def _wrong(outcome: Outcome) -> bool:
    """A control that was not seen, a trick that was, a sniffer that lost packets, a trick that never ran."""
    if outcome.dropped or "failed" in outcome.inside:
        return True
    if outcome.name in CONTROLS:
        return not outcome.canaries
    unexpected = any(end.startswith("unexpected") for end in outcome.inside.get("ends", {}))
    return bool(outcome.strayed or outcome.canaries or unexpected)


if __name__ == "__main__":
    sys.exit(main())
