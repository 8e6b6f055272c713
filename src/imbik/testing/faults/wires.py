"""Faults of the wire: silence, drips, endless replies, wrong lengths, resets, compression, replies nobody asked for.

Enters: a call. Leaves: bytes that HTTP forbids, or allows and nobody expects. Replies that a client could mistake for
its own hold a wrong answer.
"""

from __future__ import annotations

import asyncio
import gzip
import struct
import zlib
from functools import lru_cache, partial

from imbik.testing.connection import head
from imbik.testing.faults.table import JSON, WRONG, Call, Table, enter

TABLE: Table = {}
_fault = partial(enter, TABLE, ends="failed pending")
_FOREVER = 3600.0
_EITHER = "answered failed pending"


@_fault("none", ends="answered")
async def none(call: Call) -> bool:
    """No fault: a good answer (with a latency of its own)."""
    return await call.send(call.whole())


@_fault("hang")
async def hang(_: Call) -> bool:
    """Never answers."""
    await asyncio.sleep(_FOREVER)
    return False


@_fault("hang_body")
async def hang_body(call: Call) -> bool:
    """Headers and half the body, then silence."""
    whole = call.whole()
    await call.line.write(head(200, {**JSON, "Content-Length": str(len(whole))}) + whole[: len(whole) // 2])
    await asyncio.sleep(_FOREVER)
    return False


@_fault("drip")
async def drip(call: Call) -> bool:
    """A good answer, one byte every twentieth of a second."""
    whole = call.whole()
    for byte in head(200, {**JSON, "Content-Length": str(len(whole))}) + whole:
        await call.line.write(bytes([byte]))
        await asyncio.sleep(0.05)
    return True


@_fault("endless", paid="limit")
async def endless(call: Call) -> bool:
    """An answer in chunks that never ends."""
    await call.line.write(head(200, {**JSON, "Transfer-Encoding": "chunked"}))
    whole = call.whole()
    first = whole[: whole.index(call.said.text[:4].encode())]
    await call.line.write(b"%x\r\n%s\r\n" % (len(first), first))
    part = b"2000\r\n" + b"a" * 0x2000 + b"\r\n"
    while True:
        await call.line.write(part)
        await asyncio.sleep(0.005)


@_fault("endless_headers")
async def endless_headers(call: Call) -> bool:
    """Headers that never end."""
    await call.line.write(b"HTTP/1.1 200 OK\r\n")
    number = 0
    while True:
        number += 1
        await call.line.write(b"X-Sahte-%d: %s\r\n" % (number, b"a" * 500))
        await asyncio.sleep(0.005)


@_fault("wrong_length")
async def wrong_length(call: Call) -> bool:
    """A Content-Length that promises more than comes; then the connection ends."""
    whole = call.whole(WRONG)
    await call.line.write(head(200, {**JSON, "Content-Length": str(len(whole) + 100)}) + whole)
    call.line.transport.close()
    return False


@_fault("short_length", ends="malformed failed pending")
async def short_length(call: Call) -> bool:
    """A Content-Length that promises half of what comes: the rest stands before the next reply."""
    whole = call.whole(WRONG)
    await call.line.write(head(200, {**JSON, "Content-Length": str(len(whole) // 2)}) + whole)
    return True


@_fault("two_lengths")
async def two_lengths(call: Call) -> bool:
    """Two Content-Length headers that differ."""
    whole = call.whole(WRONG)
    lengths = f"Content-Length: {len(whole)}\r\nContent-Length: {len(whole) // 2}\r\n\r\n"
    await call.line.write(head(200, JSON)[:-2] + lengths.encode() + whole)
    return True


@_fault("reset", paid="no")
async def reset(call: Call) -> bool:
    """The connection is reset instead of a reply."""
    call.line.reset()
    return False


@_fault("reset_body")
async def reset_body(call: Call) -> bool:
    """The connection is reset in the middle of the body."""
    whole = call.whole()
    await call.line.write(head(200, {**JSON, "Content-Length": str(len(whole))}) + whole[: len(whole) // 2])
    await asyncio.sleep(0.01)
    call.line.reset()
    return False


@_fault("close", paid="no")
async def close(call: Call) -> bool:
    """The connection is closed instead of a reply."""
    call.line.transport.close()
    return False


@_fault("no_length", ends=_EITHER)
async def no_length(call: Call) -> bool:
    """A good answer without a length, ended by the end of the connection."""
    await call.line.write(head(200, {**JSON, "Connection": "close"}) + call.whole())
    return False


@_fault("cut_chunks", ends="failed pending")
async def cut_chunks(call: Call) -> bool:
    """A chunked reply that ends without its last chunk."""
    whole = call.whole(WRONG)
    chunk = b"%x\r\n%s\r\n" % (len(whole), whole)
    await call.line.write(head(200, {**JSON, "Transfer-Encoding": "chunked"}) + chunk)
    call.line.transport.close()
    return False


@_fault("bad_chunks")
async def bad_chunks(call: Call) -> bool:
    """A chunked reply with a size that is no number."""
    await call.line.write(head(200, {**JSON, "Transfer-Encoding": "chunked"}) + b"zz\r\n" + call.whole(WRONG) + b"\r\n")
    return False


@_fault("no_http")
async def no_http(call: Call) -> bool:
    """Something that is no HTTP."""
    await call.line.write(b"SSH-2.0-OpenSSH_9.2\r\n" + call.whole(WRONG))
    return False


@_fault("http10", ends=_EITHER)
async def http10(call: Call) -> bool:
    """A good answer in HTTP/1.0, which closes."""
    whole = call.whole()
    await call.line.write(head(200, {**JSON, "Content-Length": str(len(whole))}, version="HTTP/1.0") + whole)
    return False


@_fault("early", ends=_EITHER)
async def early(call: Call) -> bool:
    """100 Continue, 102 and 103 before a good answer, though nobody asked."""
    for status in (100, 102, 103):
        await call.line.write(head(status, {"Link": "</a>; rel=preload"} if status == 103 else {}))
    return await call.send(call.whole())


@_fault("early_endless")
async def early_endless(call: Call) -> bool:
    """103 Early Hints for ever."""
    while True:
        await call.line.write(head(103, {"Link": "</a>; rel=preload"}))
        await asyncio.sleep(0.005)


@_fault("upgrade", paid="no")
async def upgrade(call: Call) -> bool:
    """101 Switching Protocols, though nobody asked."""
    await call.line.write(head(101, {"Connection": "upgrade", "Upgrade": "websocket"}) + call.whole(WRONG))
    return False


@_fault("header_flood", ends=_EITHER)
async def header_flood(call: Call) -> bool:
    """A good answer under 2,000 headers."""
    return await call.send(call.whole(), headers={**JSON, **{f"X-Sahte-{number}": "a" * 40 for number in range(2000)}})


@_fault("long_header", ends=_EITHER)
async def long_header(call: Call) -> bool:
    """A good answer under one header of a million characters."""
    return await call.send(call.whole(), headers={**JSON, "X-Sahte": "a" * 1_000_000})


@_fault("gzip", ends=_EITHER)
async def compressed(call: Call) -> bool:
    """A good answer compressed by gzip, though identity was asked for."""
    return await call.send(gzip.compress(call.whole(), 1), headers={**JSON, "Content-Encoding": "gzip"})


@_fault("gzip_bomb", paid="limit")
async def gzip_bomb(call: Call) -> bool:
    """A well-formed answer that gzip blows up to at least 64 MB."""
    size = max(call.rule.bytes, 64 << 20)
    return await call.send(_bomb(size), headers={**JSON, "Content-Encoding": "gzip"})


@_fault("gzip_cut")
async def gzip_cut(call: Call) -> bool:
    """Half a gzip stream, with a right Content-Length."""
    whole = gzip.compress(call.whole(WRONG))
    return await call.send(whole[: len(whole) // 2], headers={**JSON, "Content-Encoding": "gzip"})


@_fault("unknown_encoding", ends="failed pending malformed")
async def unknown_encoding(call: Call) -> bool:
    """A Content-Encoding that nobody knows."""
    return await call.send(call.whole(WRONG), headers={**JSON, "Content-Encoding": "imbik-9"})


@_fault("two_replies", ends="answered failed pending")
async def two_replies(call: Call) -> bool:
    """A good reply, and with it a second one with a wrong answer."""
    wrong, whole = call.whole(WRONG), call.whole()
    second = head(200, {**JSON, "Content-Length": str(len(wrong))}) + wrong
    await call.line.write(head(200, {**JSON, "Content-Length": str(len(whole))}) + whole + second)
    return True


@_fault("late_reply", ends="answered failed pending")
async def late_reply(call: Call) -> bool:
    """A good reply, and a moment later a wrong one that nobody asked for."""
    await call.send(call.whole())
    wrong = call.whole(WRONG)
    await asyncio.sleep(0.003)
    await call.line.write(head(200, {**JSON, "Content-Length": str(len(wrong))}) + wrong)
    return True


@lru_cache(maxsize=2)
def _bomb(size: int) -> bytes:
    """A chat completion and a message at once, compressed: `size` letters inside the answer.

    A block that ends in a full flush refers to nothing before it, so one megabyte is compressed and repeated.
    """
    packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    first = b'{"choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"'
    last = b'"}}],"content":[{"type":"text","text":"a"}],"stop_reason":"end_turn"}'
    part, times = b"a" * (1 << 20), size >> 20
    begin, block = (packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH) for piece in (first, part))
    end = packer.compress(last) + packer.flush()
    checked = zlib.crc32(first)
    for _ in range(times):
        checked = zlib.crc32(part, checked)
    length = len(first) + times * len(part) + len(last)
    trailer = struct.pack("<II", zlib.crc32(last, checked), length & 0xFFFFFFFF)
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + begin + block * times + end + trailer
