"""Sees every packet that comes over the cable, whoever sent it and whatever it meant to be.

Enters: the network device of the outside namespace. Leaves: what came since the last mark: packets and bytes by where
they were meant to go, and how often a canary was seen in their bytes. Knows nothing of imbik.
"""

from __future__ import annotations

import base64
import socket
import struct
import threading
from collections import Counter, defaultdict
from ipaddress import ip_address

_ETH_ALL = 0x0003
_OUTGOING = 4
_TCP, _UDP, _ICMP6 = 6, 17, 58
_NEIGHBOURS = {130, 131, 132, 133, 134, 135, 136, 143}  # what IPv6 says to find its neighbours on the cable
_PACKET_STATISTICS = 6
_SOL_PACKET = 263


class Canaries:
    """Finds a token in bytes: as it is, in UTF-16, in hex, and inside base64 at any alignment."""

    def __init__(self, token: str) -> None:
        raw = token.encode()
        self.forms = {raw, token.encode("utf-16-le"), token.encode("utf-16-be"), raw.hex().encode(), raw[::-1]}
        for shift in range(3):
            coded = base64.b64encode(b"x" * shift + raw).rstrip(b"=")
            self.forms.add(coded[4 if shift else 0 : len(coded) - len(coded) % 4 - 4])
        self.longest = max(len(form) for form in self.forms)

    def count(self, data: bytes) -> int:
        """How often any form occurs."""
        return sum(data.count(form) for form in self.forms)


class Sniffer(threading.Thread):
    """Reads the device until the process ends; `take` gives what came since it was last asked."""

    def __init__(self, device: str, canaries: Canaries, own: set[str]) -> None:
        super().__init__(name="sniffer", daemon=True)
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 20)
        self._socket.bind((device, 0))
        self._canaries, self._own = canaries, own
        self._lock = threading.Lock()
        self._packets: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()
        self._seen: Counter[str] = Counter()
        self._tails: dict[tuple[str, int, str], bytes] = defaultdict(bytes)

    def run(self) -> None:
        """Packet by packet."""
        while True:
            frame, address = self._socket.recvfrom(65_536)
            if address[2] != _OUTGOING:
                self._look(frame)

    def take(self) -> dict[str, list[int]]:
        """`protocol address:port` -> [packets, bytes of payload, canaries], and forget them."""
        with self._lock:
            found = {spot: [count, self._bytes[spot], self._seen[spot]] for spot, count in self._packets.items()}
            for counter in (self._packets, self._bytes, self._seen):
                counter.clear()
        return found

    def dropped(self) -> int:
        """Packets that the kernel could not keep for us since the last call."""
        return int(struct.unpack("II", self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))[1])

    def _look(self, frame: bytes) -> None:
        kind = int.from_bytes(frame[12:14], "big")
        if kind == 0x0800:
            size, protocol = (frame[14] & 15) * 4, frame[23]
            source, target = frame[26:30], frame[30:34]
            body = frame[14 + size : 14 + int.from_bytes(frame[16:18], "big")]
        elif kind == 0x86DD:
            protocol, source, target = frame[20], frame[22:38], frame[38:54]
            body = frame[54:]
            if protocol == 0 or (protocol == _ICMP6 and body[:1] and body[0] in _NEIGHBOURS):
                return
        else:
            return  # ARP: link layer, goes no further than the cable
        if str(ip_address(source)) not in self._own:
            return
        self._count(protocol, str(ip_address(target)), body)

    def _count(self, protocol: int, target: str, body: bytes) -> None:
        port, payload, sender = 0, body, 0
        if protocol in {_TCP, _UDP} and len(body) >= 8:
            sender, port = struct.unpack("!HH", body[:4])
            payload = body[(body[12] >> 4) * 4 :] if protocol == _TCP else body[8:]
        name = {_TCP: "tcp", _UDP: "udp"}.get(protocol, f"protocol {protocol}")
        spot = f"{name} {target}:{port}"
        with self._lock:
            self._packets[spot] += 1
            self._bytes[spot] += len(payload)
            if payload:
                flow = (spot, sender, name)
                tail = self._tails[flow]
                self._seen[spot] += self._canaries.count(tail + payload) - self._canaries.count(tail)
                self._tails[flow] = (tail + payload)[-self._canaries.longest :]
