"""The outside world: answers every name, accepts every connection, says yes to everything, and reports what came.

Run in the outside namespace with the device and the canary. Reads one word a line from standard input: anything makes
it answer with one JSON line of what came since the last, as the sniffer saw it and as its servers read it (after TLS).
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import sys
import threading
import time
from collections import Counter
from ipaddress import ip_address
from pathlib import Path

from benchmarks.leaking.network import CABLE_END, INSIDE_ADDRESS, INSIDE_ADDRESS_6, RESOLVER
from benchmarks.leaking.sniffer import Canaries, Sniffer

ELSEWHERE, ELSEWHERE_6 = "203.0.113.7", "2001:db8::7"
PORTS = (80, 3128, 8080, 1080)
TLS_PORT, ALLOWED_PORT = 443, 8000
_REPLY = json.dumps({"choices": [{"message": {"role": "assistant", "content": "tamam"}, "finish_reason": "stop"}]})
NAMES = {
    "kotu.example": [ELSEWHERE],
    "iki.example": ["127.0.0.1", ELSEWHERE],
    "disarida-once.example": [ELSEWHERE, "127.0.0.1"],
    "alti.example": [ELSEWHERE_6],
    "eslenik.example": [f"::ffff:{ELSEWHERE}"],
    "sifir.example": ["0.0.0.0"],
    "meta.example": ["169.254.169.254"],
    "yerel.sirket.lan": [CABLE_END],
    "dolandirici.sirket.lan": [ELSEWHERE],
}
CHANGING = {"degisen.sirket.lan": [CABLE_END, ELSEWHERE]}  # another address each time it is asked for


class World:
    """Its servers, and what they read."""

    def __init__(self, canaries: Canaries) -> None:
        self._canaries = canaries
        self.read: Counter[str] = Counter()
        self._asked: Counter[str] = Counter()

    async def serve(self, certificate: Path) -> None:
        """Listen on all ports, for ever."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        for port in (*PORTS, ALLOWED_PORT):
            await asyncio.start_server(self._one, None, port, backlog=4096)
        await asyncio.start_server(self._one, None, TLS_PORT, ssl=context)
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: Resolver(self), local_addr=(RESOLVER, 53))
        await asyncio.Event().wait()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Requests on one connection: whatever is asked is answered kindly."""
        port = writer.get_extra_info("sockname")[1]
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                body = await reader.readexactly(_length(head))
                self.read[f"port {port}"] += self._canaries.count(head + body)
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                    % (len(_REPLY), _REPLY.encode())
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ssl.SSLError) as error:
            left = getattr(error, "partial", b"") or b""
            self.read[f"port {port}"] += self._canaries.count(left)
        finally:
            writer.close()

    def addresses(self, name: str) -> list[str]:
        """What a name is said to be, this time."""
        if name in CHANGING:
            found = CHANGING[name]
            self._asked[name] += 1
            return [found[min((self._asked[name] - 1) // 2, len(found) - 1)]]  # asked for A and AAAA each time
        return NAMES.get(name, [ELSEWHERE])

    def new_trick(self) -> None:
        """Changing names begin anew."""
        self._asked.clear()


class Resolver(asyncio.DatagramProtocol):
    """Answers A and AAAA questions (RFC 1035, 4.1); says nothing to others."""

    def __init__(self, world: World) -> None:
        self._world = world

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep it, to answer."""
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """One question, one reply."""
        labels, spot = [], 12
        while data[spot]:
            labels.append(data[spot + 1 : spot + 1 + data[spot]].decode(errors="replace"))
            spot += data[spot] + 1
        kind = int.from_bytes(data[spot + 1 : spot + 3], "big")
        wanted = {1: 4, 28: 16}.get(kind, 0)
        found = [ip_address(text).packed for text in self._world.addresses(".".join(labels).lower())]
        found = [packed for packed in found if len(packed) == wanted]
        answers = b"".join(
            b"\xc0\x0c" + kind.to_bytes(2, "big") + b"\0\x01\0\0\0\0" + len(packed).to_bytes(2, "big") + packed
            for packed in found
        )
        head = data[:2] + b"\x81\x80\0\x01" + len(found).to_bytes(2, "big") + b"\0\0\0\0"
        self._transport.sendto(head + data[12 : spot + 5] + answers, addr)  # type: ignore[attr-defined]


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


def main(device: str, token: str, certificate: str) -> None:
    """Serve on one thread, sniff on another, report on this one."""
    canaries = Canaries(token)
    sniffer = Sniffer(device, canaries, {INSIDE_ADDRESS, INSIDE_ADDRESS_6})
    world = World(canaries)
    sniffer.start()
    threading.Thread(target=lambda: asyncio.run(world.serve(Path(certificate))), daemon=True).start()
    _wait_for(ALLOWED_PORT)
    print("ready", flush=True)
    for _ in sys.stdin:
        time.sleep(0.3)  # what is on the cable arrives
        report = {"sniffed": sniffer.take(), "read": dict(world.read), "dropped": sniffer.dropped()}
        world.read.clear()
        world.new_trick()
        print(json.dumps(report), flush=True)


def _wait_for(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"port {port} never opened")


if __name__ == "__main__":
    main(*sys.argv[1:])
