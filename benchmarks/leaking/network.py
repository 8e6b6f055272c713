"""Two network namespaces joined by one cable: `inside`, where imbik runs, and `outside`, which is the whole world.

Enters: nothing; needs root and iproute2. Leaves: names of the namespaces while the block lasts. Every address that is
not loopback is routed from inside over the cable, and outside takes every address for its own, so a connection to
anywhere is made, answered and seen.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

INSIDE_ADDRESS, CABLE_END = "10.99.0.2", "10.99.0.1"
RESOLVER = "10.99.0.53"
INSIDE_ADDRESS_6, CABLE_END_6 = "fd99::2", "fd99::1"


class Namespaces(NamedTuple):
    """Names for `ip netns exec`, and the outside end of the cable."""

    inside: str
    outside: str
    cable: str

    def within(self, which: str) -> list[str]:
        """The words that run a command in a namespace."""
        return ["ip", "netns", "exec", which]


def possible() -> str:
    """Why this machine cannot make the namespaces; empty where it can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    tried = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=False)
    return "" if tried.returncode == 0 else f"ip netns does not work here: {tried.stderr.strip()}"


@contextmanager
def namespaces() -> Iterator[Namespaces]:
    """Make both, give them back, remove them."""
    number = os.getpid()
    made = Namespaces(f"imbik-in-{number}", f"imbik-out-{number}", f"vo{number}"[:15])
    inner = f"vi{number}"[:15]
    resolver = Path("/etc/netns") / made.inside
    try:
        _ip(f"netns add {made.inside}", f"netns add {made.outside}")
        _ip(f"link add {inner} netns {made.inside} type veth peer name {made.cable} netns {made.outside}")
        for name, link, own, own6 in (
            (made.inside, inner, INSIDE_ADDRESS, INSIDE_ADDRESS_6),
            (made.outside, made.cable, CABLE_END, CABLE_END_6),
        ):
            _ip(
                f"-n {name} link set lo up",
                f"-n {name} addr add {own}/24 dev {link}",
                f"-n {name} -6 addr add {own6}/64 dev {link} nodad",
                f"-n {name} link set {link} up",
            )
        _ip(f"-n {made.outside} addr add {RESOLVER}/24 dev {made.cable}")
        _ip(f"-n {made.inside} route add default via {CABLE_END}")
        _ip(f"-n {made.inside} -6 route add default via {CABLE_END_6}")
        # In the main table, so that the cable's own network is the more specific route and replies find their way.
        _ip(f"-n {made.outside} route add local 0.0.0.0/0 dev lo table main")
        _ip(f"-n {made.outside} -6 route add local ::/0 dev lo table main")
        resolver.mkdir(parents=True)
        (resolver / "resolv.conf").write_text(f"nameserver {RESOLVER}\noptions timeout:1 attempts:1\n")
        yield made
    finally:
        for name in (made.inside, made.outside):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
        if resolver.exists():
            (resolver / "resolv.conf").unlink(missing_ok=True)
            resolver.rmdir()


def _ip(*commands: str) -> None:
    for command in commands:
        subprocess.run(["ip", *command.split()], check=True)
