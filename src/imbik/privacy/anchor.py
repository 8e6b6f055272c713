"""Signed heads of an audit chain: what whoever owns the files cannot rewrite, since the key lies elsewhere.

Enters: a run's chain, and an Ed25519 key (RFC 8032) of a person who answers for the data. Leaves: `anchors.jsonl`
beside the chain, one line a signature, and the check that each line is signed by a key of the operator's file and that
the chain still holds the line it names. A line is what was signed, with the key and the signature put behind it:

    {"signs":"imbik audit head 1","run":"destek","lines":120,"head":"…","time":"…","key":"ed25519:…","signature":"…"}

What is signed is the text up to the time, closed by `}` and a newline: the very line that `imbik privacy head` prints,
so that any program that signs files can sign it. Lines of the chain after the last anchor are held by their hashes
alone, and whoever may write the file could write them anew.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from imbik.core.errors import ImbikError, InputError, RunFolderError
from imbik.core.files import disk_errors, fsync_folder
from imbik.core.types import Record
from imbik.privacy.chain import FILE_NAME as CHAIN_NAME
from imbik.privacy.chain import Chain, Head
from imbik.privacy.signing import fingerprint, public_bytes, sign_bytes, signature_bytes, signed_by

FILE_NAME = "anchors.jsonl"
_SIGNS = "imbik audit head 1"
_BEHIND = re.compile(rb',"key":"(ed25519:[A-Za-z0-9+/]{43}=)","signature":"([0-9a-f]{128})"}\n')


class SignedHead(Record, frozen=True, kw_only=True, omit_defaults=False):
    """What is signed: the chain of this run had so many lines, and the last of them this hash."""

    signs: str
    run: str
    lines: int
    head: str
    time: str

    def text(self) -> bytes:
        """The line as it is signed."""
        return msgspec.json.encode(self) + b"\n"


class Anchor(Record, frozen=True, kw_only=True):
    """A signed head with its key (`ed25519:BASE64`) and signature (hex); `raw` is its line of the file."""

    lines: int
    head: str
    time: str
    run: str
    key: str
    signature: str
    raw: bytes

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits of the public key's SHA-256, for people who compare keys."""
        return fingerprint(self.key)


def head_to_sign(folder: Path, run: str) -> SignedHead:
    """The head of a run's chain as it is now, after the whole chain was checked.

    Raises: RunFolderError when the chain, or what was signed of it before, was changed, or holds no line.
    """
    head = _checked(folder, read_anchors(folder))
    if not head.n:
        raise RunFolderError(
            "there is nothing to sign: the audit chain holds no line",
            where=str(folder / CHAIN_NAME),
            next="sign after the run has asked somebody",
        )
    return SignedHead(signs=_SIGNS, run=run, lines=head.n, head=head.hash, time=_now())


def sign(statement: bytes, key_file: Path) -> bytes:
    """What `imbik privacy head` printed, signed: a line of `anchors.jsonl`.

    Raises: InputError when it is no such text, UsageError when the file holds no private Ed25519 key.
    """
    read_statement(statement)
    return joined(statement, *sign_bytes(statement, key_file))


def joined(statement: bytes, key: str, signature: bytes) -> bytes:
    """A statement with key and signature behind it."""
    return statement[:-2] + f',"key":"{key}","signature":"{signature.hex()}"}}\n'.encode()


def read_statement(statement: bytes) -> SignedHead:
    """The head that a text to sign names; only the exact text will do.

    Raises: InputError.
    """
    try:
        found = msgspec.json.decode(statement, type=SignedHead)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError):
        found = None
    if found is None or found.text() != statement or found.signs != _SIGNS:
        raise InputError(
            "this is not what `imbik privacy head` printed",
            next="print the head once more into a file, where the run lies, and sign that file as it is",
        )
    return found


def add(folder: Path, line: bytes, keys: Sequence[str]) -> Anchor:
    """Write a signed head down beside the chain that it signs.

    Raises: InputError or RunFolderError when it is not whole, not signed by one of the `keys`, or of another chain.
    """
    anchor = _parsed(line, "the signed head", 1)
    before = read_anchors(folder)
    _check_signature(anchor, keys, "the signed head")
    refuse_others(folder, [anchor])
    if anchor.raw in {known.raw for known in before}:
        return anchor
    _checked(folder, [*before, anchor])
    path = folder / FILE_NAME
    with disk_errors(path), open(os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600), "ab") as stream:
        stream.write(line)
        stream.flush()
        os.fsync(stream.fileno())
    fsync_folder(folder)
    return anchor


def with_signature(statement: bytes, signature: bytes, keys: Iterable[str]) -> bytes:
    """A bare signature (64 bytes, or hex or base64 of them) of a statement as a line of `anchors.jsonl`.

    Raises: InputError when none of the `keys` made it.
    """
    read_statement(statement)
    data = signature_bytes(signature)
    for key in keys:
        if signed_by(key, data, statement):
            return joined(statement, key, data)
    raise InputError(
        "no key of the operator's file made this signature of this text",
        next="list the public key under `anchors:`, and sign the file exactly as `imbik privacy head` printed it",
    )


def read_anchors(folder: Path) -> list[Anchor]:
    """The signed heads beside a chain, in the order of signing; signatures are not checked here.

    Raises: RunFolderError naming a line that is not as it is written.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return []
    with path.open("rb") as stream:
        return [_parsed(line, str(path), number) for number, line in enumerate(stream, start=1)]


def signed_heads(folder: Path, anchors: Sequence[Anchor], keys: Sequence[str] | None) -> dict[int, str]:
    """Line numbers with the hash they must have; signatures are held against `keys` unless these are not known.

    Raises: RunFolderError when a signature is wrong, its key is not listed, or two heads contradict each other.
    """
    heads = dict[int, str]()
    for number, anchor in enumerate(anchors, start=1):
        where = f"{folder / FILE_NAME}:{number}"
        if keys is not None:
            _check_signature(anchor, keys, where)
        if heads.setdefault(anchor.lines, anchor.head) != anchor.head:
            raise _wrong(where, f"names another hash for line {anchor.lines} than a signed head before it")
    return heads


def refuse_others(folder: Path, anchors: Sequence[Anchor]) -> None:
    """Whoever owns the files could put another run's chain here with its signed heads, and all of it would verify; but
    each head names the run that it was signed for.

    Raises: RunFolderError for a head of a run of another name.
    """
    name = folder.resolve().name
    for number, anchor in enumerate(anchors, start=1):
        if anchor.run != name:
            raise RunFolderError(
                f"a head of the audit chain was signed for the run '{anchor.run:.80}', and this is '{name}': the chain "
                "of another run lies here, or the folder was renamed",
                where=f"{folder / FILE_NAME}:{number}",
                next="if the folder was renamed, give it its old name back; a chain speaks for its own run alone",
            )


def _checked(folder: Path, anchors: Sequence[Anchor]) -> Head:
    """The chain's end, after all of it was read and held against these heads."""
    path = folder / CHAIN_NAME
    heads = signed_heads(folder, anchors, None)
    if not path.exists():
        raise RunFolderError("this run has no audit chain", where=str(path), next="restore it from a backup")
    chain = Chain(path, heads)
    for _ in chain:
        pass
    return chain.head


def _parsed(line: bytes, path: str, number: int) -> Anchor:
    """One line, taken apart byte by byte: whatever is not exactly as it is written is refused."""
    where = f"{path}:{number}"
    found = _BEHIND.search(line)
    if found is None or found.end() != len(line):
        raise _wrong(where, "is not whole")
    try:
        head = read_statement(line[: found.start()] + b"}\n")
        key = found[1].decode()
        public_bytes(key)
    except ImbikError:
        raise _wrong(where, "is not as it was written") from None
    return Anchor(
        lines=head.lines, head=head.head, time=head.time, run=head.run, key=key, signature=found[2].decode(), raw=line
    )


def _check_signature(anchor: Anchor, keys: Sequence[str], where: str) -> None:
    """The key is listed, and it made this signature of this text."""
    if anchor.key not in keys:
        raise RunFolderError(
            f"a head of the audit chain is signed by key {anchor.fingerprint}, which the operator's file does not list",
            where=where,
            next=f"if that key is the operator's, list it in the operator's file: anchors: [{anchor.key}]",
        )
    statement = anchor.raw[: anchor.raw.rindex(b',"key":"')] + b"}\n"
    if not signed_by(anchor.key, bytes.fromhex(anchor.signature), statement):
        raise _wrong(where, f"is not what key {anchor.fingerprint} signed")


def _wrong(where: str, what: str) -> RunFolderError:
    return RunFolderError(
        f"a signed head of the audit chain {what}: it was changed after it was written",
        where=where,
        next="keep the file as it is for whoever answers for the data",
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
