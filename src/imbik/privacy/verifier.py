"""Checks an imbik audit chain with Python alone: python verify_audit.py audit.jsonl anchors.jsonl ed25519:KEY …

Enters: the chain, its signed heads, public keys that you trust. Leaves: a verdict, and exit code 0 (every line is as it
was written, and a head is signed), 1 (something is off) or 2 (nothing is off, but no signature was checked).
"""

# fmt: off
import base64, hashlib, io, itertools, re, sys  # noqa: E401, I001
P, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493  # Ed25519: RFC 8032, section 5.1
D, ROOT, BASE = -121665 * pow(121666, -1, P) % P, pow(2, (P - 1) // 4, P), b"\x58" + b"\x66" * 31
LINE = re.compile(rb'\{"n":(\d+),"time":"[^"]*","event":"[^"]*","prev":"([0-9a-f]{64})".*\}\n')
ANCHOR = re.compile(rb'(\{"signs":"imbik audit head 1","run":"([^"]*)","lines":(\d+),"head":"([0-9a-f]{64})",'
                    rb'"time":"[^"]*"),"key":"(ed25519:[A-Za-z0-9+/]{43}=)","signature":"([0-9a-f]{128})"\}\n')

def plus(p: tuple[int, ...], q: tuple[int, ...]) -> tuple[int, ...]:
    a, b, c, d = (p[1] - p[0]) * (q[1] - q[0]), (p[1] + p[0]) * (q[1] + q[0]), 2 * p[3] * q[3] * D, 2 * p[2] * q[2]
    return (b - a) * (d - c) % P, (d + c) * (b + a) % P, (d - c) * (d + c) % P, (b - a) * (b + a) % P

def times(scalar: int, p: tuple[int, ...]) -> tuple[int, ...]:
    half = times(scalar >> 1, plus(p, p)) if scalar else (0, 1, 1, 0)
    return plus(half, p) if scalar & 1 else half

def point(data: bytes) -> tuple[int, ...]:
    y = int.from_bytes(data, "little") % 2**255
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    root = pow(square, (P + 3) // 8, P)
    x = root if root * root % P == square else root * ROOT % P
    x = x if x % 2 == data[31] >> 7 else P - x
    return (x, y, 1, x * y % P) if x < P and y < P and x * x % P == square else (0, 0, 0, 0)  # no point of the curve

def is_signed(anchor: re.Match[bytes]) -> bool:
    text, key, signature = anchor[1] + b"}\n", base64.b64decode(anchor[5][8:]), bytes.fromhex(anchor[6].decode())
    r, k, s = point(signature[:32]), point(key), int.from_bytes(signature[32:], "little")
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + text).digest(), "little") % ORDER
    p, q = times(s, point(BASE)), plus(r, times(h, k))
    return s < ORDER and r[2] == k[2] == 1 and (p[0] * q[2] - q[0] * p[2]) % P == 0 == (p[1] * q[2] - q[1] * p[2]) % P

def verdict(lines: io.BufferedIOBase, anchors: list[bytes], keys: list[bytes]) -> str:
    heads, n, before, a = dict[int, bytes](), 0, b"0" * 64, None
    for line in anchors:
        a = ANCHOR.fullmatch(line)
        if not a or heads.setdefault(int(a[3]), a[4]) != a[4] or (keys and a[5] not in keys) or not is_signed(a):
            sys.exit(f"OFF: a signed head is not what a key given here signed: {line!r}")
    for line, following in itertools.pairwise(itertools.chain(lines, [b""])):
        digest, found = hashlib.sha256(line[:-1]).hexdigest().encode(), LINE.fullmatch(line)
        if b'"event":"torn","prev":"%s","torn":"%s"' % (before, digest) in following:
            continue  # a crash cut it off while it was written, and the line that follows names it
        if not found or (int(found[1]), found[2]) != (n + 1, before):
            sys.exit(f"OFF: what follows line {n} is not the line that was written there")
        n, before = n + 1, digest
        if heads.get(n, before) != before:
            sys.exit(f"OFF: line {n} is not the line that was signed")
    if max(heads, default=0) > n:
        sys.exit(f"OFF: the chain ends at line {n}, but was signed until line {max(heads)}")
    told = f"signed until line {max(heads)} of {a[2].decode()}" if keys and a else "no signature checked"
    return f"{n} lines, unbroken, {told}"
if __name__ == "__main__":
    with open(sys.argv[1], "rb") as chain_file, open(sys.argv[2], "rb") as anchors_file:
        print(said := verdict(chain_file, anchors_file.readlines(), [key.encode() for key in sys.argv[3:]]))
    sys.exit(2 if said.endswith("checked") else 0)
