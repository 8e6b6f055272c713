"""The receipt of an erasure: what was done, when, and what remains, without a word of what was erased.

Enters: what the work found and did. Leaves: `receipts/ID.json` in the run folder and the same for people as `ID.txt`.
A person is named by a keyed fingerprint, rows by the ids of the run's audit chain, so whoever holds the keys can show
that this receipt is for that person. KVKK art. 7 and the by-law on erasure (2017) ask that erasures are recorded and
the records kept for three years.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from imbik.advise.forget.erasing import OtherRun, Remains
from imbik.core.files import canonical_json, digest, write_json, write_text
from imbik.core.types import Record
from imbik.privacy.signing import sign_bytes, signed_by

FOLDER = "receipts"


class Receipt(Record, frozen=True, kw_only=True, omit_defaults=False):
    """The whole file. `person` is a keyed fingerprint ('' where rows were chosen), `rows` keyed ids, `counts` what was
    erased by kind of place, `erased` rows erased so far by stage, `lineage` whether each stage's root verifies,
    `sha256` over all that stands before it. Where it was signed, `signature` (Ed25519, hex) by `key` is of the line
    `imbik receipt 1 SHA256`."""

    schema: int = 1
    id: str
    why: Literal["forget", "retain"]
    run: str
    begun: str
    ended: str
    imbik: str
    operator: str
    person: str
    rows: tuple[str, ...]
    counts: dict[str, int]
    suppressed: int
    erased: dict[str, int]
    lineage: dict[str, bool]
    swept: int
    named_before: int
    named_after: int
    remains: tuple[Remains, ...]
    others: tuple[OtherRun, ...]
    students: tuple[Remains, ...]
    notes: tuple[str, ...]
    sha256: str = ""
    key: str = ""
    signature: str = ""


def sealed(receipt: Receipt) -> Receipt:
    """With the hash of what it says."""
    bare = msgspec.structs.replace(receipt, sha256="", key="", signature="")
    return msgspec.structs.replace(bare, sha256=digest(canonical_json(bare)))


def signed(receipt: Receipt, key_file: Path) -> Receipt:
    """With a signature by the private key in a file.

    Raises: UsageError when the file holds none.
    """
    key, signature = sign_bytes(_line(receipt), key_file)
    return msgspec.structs.replace(receipt, key=key, signature=signature.hex())


def whole(receipt: Receipt) -> bool:
    """Whether a receipt still says what was written, and a signature on it is right."""
    if sealed(receipt).sha256 != receipt.sha256:
        return False
    return not receipt.key or signed_by(receipt.key, bytes.fromhex(receipt.signature), _line(receipt))


def _line(receipt: Receipt) -> bytes:
    return f"imbik receipt 1 {receipt.sha256}\n".encode()


def write_receipt(folder: Path, receipt: Receipt) -> Path:
    """Write both files; returns the one for people."""
    write_json(folder / FOLDER / f"{receipt.id}.json", receipt)
    text = folder / FOLDER / f"{receipt.id}.txt"
    write_text(text, as_text(receipt))
    return text


def as_text(receipt: Receipt) -> str:
    """For people."""
    what = (
        "Erasure on request (KVKK art. 7)" if receipt.why == "forget" else "End of the retention period (KVKK art. 7)"
    )
    counts = [f"  {line}" for line in counted_kinds(receipt)] or ["  nothing was there"]
    lines = [
        f"{what}: receipt {receipt.id}",
        f"run {receipt.run}, begun {receipt.begun}, ended {receipt.ended}, imbik {receipt.imbik}",
        f"person {receipt.person} (keyed fingerprint)" if receipt.person else "rows chosen by id or age",
        f"rows {', '.join(receipt.rows)} (keyed ids, as in audit.jsonl)" if receipt.rows else "no whole row",
        "",
        "Erased:",
        *counts,
        "",
        _checked(receipt),
        *_section("Not clean, and not claimed to be", receipt.remains),
        *_section("Students of other runs that learned from this run", receipt.students),
    ]
    if receipt.others:
        lines += ["", "Other runs:"]
        lines += [f"  {item.run}: {item.how}; {item.next}" for item in receipt.others]
    lines += ["", "Notes:", *(f"  {note}" for note in receipt.notes)] if receipt.notes else []
    lines += ["", f"sha256 {receipt.sha256}"]
    lines += [f"signed by {receipt.key}: {receipt.signature}"] if receipt.key else []
    return "\n".join(lines) + "\n"


def counted_kinds(receipt: Receipt) -> list[str]:
    """`1 task`, `12 samples in 2_answers` …"""
    return [_plural(count, kind) for kind, count in receipt.counts.items() if count]


def _plural(count: int, kind: str) -> str:
    first, _, rest = kind.partition(" ")
    return f"{count:,} {kind}" if count > 1 else f"1 {first.removesuffix('s')} {rest}".rstrip()


def _checked(receipt: Receipt) -> str:
    roots = sum(receipt.lineage.values())
    lineage = f"the roots of {roots} of {len(receipt.lineage)} stages verify with their tombstones"
    if not receipt.person:
        return f"Checked: {lineage}."
    return (
        f"Checked: {receipt.swept:,} files were read, {receipt.named_before:,} named the person before and "
        f"{receipt.named_after:,} do after; {lineage}."
    )


def _section(title: str, items: tuple[Remains, ...]) -> list[str]:
    return ["", f"{title}:", *(f"  {item.path}: {item.why}; {item.next}" for item in items)] if items else []
