"""What left this machine, as the audit chain proves it: for the report, `imbik privacy prove` and the certificate.

Enters: a run's folder. Leaves: an Account (distinct rows by the way they went), and one sentence from it, after the
whole chain was checked, and the signed heads beside it against the chain. Rows are counted by their keyed ids, so a row
that was asked several times counts once for each place. A row costs one entry of a dictionary, whatever the number of
lines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

from imbik.core.errors import RunFolderError
from imbik.privacy.anchor import Anchor, read_anchors, refuse_others, signed_heads
from imbik.privacy.audit import row_names
from imbik.privacy.chain import FILE_NAME, HEAD_NAME, AuditLine, Chain, Head
from imbik.privacy.operator import ExternalEndpoint, Operator

NOBODY_ASKED = "Nothing left this machine; the run asked no teacher."
_HERE = {
    "in_process": "answered by models in this process",
    "recorded": "answered from recorded files",
    "folder": "handed to a folder of this machine",
}
_LOCAL, _CONTRACT = "local:", "contract:"
_PUSH = "push"
_FROM_STORE = "answered from the store of earlier runs"
_VERDICTS = ("allowed", "blocked", "stored", "collected")
_MOVED = {"allowed", "collected"}


class Way(NamedTuple):
    """How rows went: what was decided of them, for where, and why (a contract, an attestation, a refusal)."""

    verdict: str
    sensitivity: str
    place: str
    cleaned: str = ""
    reason: str = ""
    declassified: bool = False
    pushed: bool = False  # an export of a student, no row
    when: str = ""  # rows had left before, in a batch that was handed over then

    @property
    def here(self) -> bool:
        """Models in this process and recorded answers."""
        return self.place in _HERE

    @property
    def local(self) -> bool:
        """An endpoint that the operator's file declared local."""
        return self.reason.startswith(_LOCAL)

    @property
    def attestation(self) -> str:
        """Why it counts as local, in the operator's words; empty where it does not."""
        return self.reason.removeprefix(_LOCAL).strip() if self.local else ""

    @property
    def left(self) -> bool:
        """Whether rows that went so left the operator's hands."""
        return self.verdict in _MOVED and not (self.here or self.local)

    @property
    def before(self) -> bool:
        """Whether they had left before, in a batch under this run's name, and only its answers came now."""
        return self.left and self.verdict == "collected"

    @property
    def outcome(self) -> str:
        """What became of the rows: `left`, `collected` (had left before), `local`, `here`, `blocked` or `stored`."""
        if self.verdict not in _MOVED or self.before:
            return self.verdict
        return "left" if self.left else "here" if self.here else "local"

    @property
    def stayed(self) -> bool:
        """Whether rows that went so were answered without leaving them."""
        return self.verdict in _MOVED and not self.left


@dataclass
class Account:
    """All that a chain says, counted. `patterns` counts rows by the set of ways (a bit each) that they went."""

    head: Head = field(default_factory=Head)
    first: str = ""
    last: str = ""
    ways: dict[Way, int] = field(default_factory=dict)
    patterns: Counter[int] = field(default_factory=Counter)
    addresses: dict[str, set[str]] = field(default_factory=dict)
    purposes: dict[str, set[str]] = field(default_factory=dict)
    operators: dict[str, None] = field(default_factory=dict)
    detectors: dict[str, None] = field(default_factory=dict)
    torn: int = 0
    anchors: tuple[Anchor, ...] = ()

    @property
    def anchor(self) -> Anchor | None:
        """The signed head that reaches farthest."""
        return max(self.anchors, key=lambda anchor: (anchor.lines, anchor.time), default=None)

    def rows(self, wanted: Callable[[Way], bool], but: Callable[[Way], bool] = lambda way: False) -> int:
        """Distinct rows that went one of the `wanted` ways, and none of the others."""
        these, others = self._bits(wanted), self._bits(but)
        return sum(count for went, count in self.patterns.items() if went & these and not went & others)

    def left_before(self, wanted: Callable[[Way], bool], place: str) -> int:
        """Distinct rows that had left for a place in an earlier batch, and whose leaving has no other line here."""
        return self.rows(
            lambda way: way.before and way.place == place and wanted(way),
            but=lambda way: way.left and not way.before and way.place == place,
        )

    def _bits(self, wanted: Callable[[Way], bool]) -> int:
        return sum(1 << bit for way, bit in self.ways.items() if wanted(way))


def account(folder: Path, operator: Operator | None = None) -> Account:
    """Read and check a run's chain, and count it; with an operator's file, signatures are held against its keys too.

    Raises: RunFolderError when the chain, or a signed head of it, was changed after it was written.
    """
    anchors = read_anchors(folder)
    refuse_others(folder, anchors)
    heads = signed_heads(folder, anchors, None if operator is None else operator.anchors)
    path = folder / FILE_NAME
    begun = anchors or path.with_name(HEAD_NAME).exists() or row_names(folder) is not None
    if not path.exists() and begun:
        raise RunFolderError(
            "the audit chain is not there, though one was written, so nothing is proved",
            where=str(path),
            next="restore audit.jsonl from a backup, or run the recipe again under another name",
        )
    found, went = Account(anchors=tuple(anchors)), dict[str, int]()
    if path.exists():
        chain = Chain(path, heads)
        for line in chain:
            _count(found, went, line)
        found.head = chain.head
    found.patterns = Counter(went.values())
    return found


def what_left(folder: Path, operator: Operator | None = None) -> str:
    """One sentence: what left and for where, what stayed, what was held back; '' where the chain holds no line.

    Raises: RunFolderError when the chain was changed after it was written.
    """
    found = account(folder, operator)
    return sentence(found, operator) if found.head.n else ""


def sentence(found: Account, operator: Operator | None = None) -> str:
    """The account in one sentence."""
    gone = {(way.pushed, way.sensitivity, way.place, way.cleaned) for way in found.ways if way.left and not way.before}
    parts = [_gone(found, *key, operator) for key in sorted(gone)]
    before = {(way.sensitivity, way.place, way.cleaned) for way in found.ways if way.before}
    parts += filter(None, [_before(found, *key, operator) for key in sorted(before)])
    parts = parts or ["Nothing left this machine"]
    stayed = sorted({(way.pushed, _how(way)) for way in found.ways if way.stayed})
    parts += [_stayed(found, *key) for key in stayed]
    if stored := found.rows(lambda way: way.verdict == "stored", but=lambda way: way.left or way.stayed):
        parts.append(f"{_were(stored)} {_FROM_STORE}")
    for pushed in (False, True):
        if held := found.rows(blocked := partial(_is_blocked, pushed=pushed)):
            left = held - found.rows(blocked, but=lambda way: way.left)
            later = f", {left:,} of which left another time" if left else ""
            parts.append(f"{_were(held, pushed=pushed)} held back{later}")
    if lowered := found.rows(lambda way: way.declassified):
        parts.append(f"{_were(lowered)} declassified by two people")
    return f"{'; '.join(parts)} ({_proof(found, operator)})."


def _is_blocked(way: Way, pushed: bool) -> bool:
    return way.verdict == "blocked" and way.pushed == pushed


def contract_of(found: Account, place: str, operator: Operator | None) -> tuple[str, ExternalEndpoint | None]:
    """What makes sending to a place lawful, by the chain itself, and the operator's line that says more of it.

    The operator's file may have changed since: its line is named only where the chain says that this file decided.
    """
    said = dict.fromkeys(
        way.reason.removeprefix(_CONTRACT).strip()
        for way in found.ways
        if way.left and way.place == place and way.reason.startswith(_CONTRACT)
    )
    listed = None
    if operator is not None and operator.hash in found.operators:
        listed = next((line for line in operator.external if _names(line, place)), None)
    before = all(way.before for way in found.ways if way.left and way.place == place)
    if listed and before and listed.contract not in said:
        listed = None  # another contract may have held when the batch was handed over
    return listed.contract if listed else ", ".join(said), listed


def _names(line: ExternalEndpoint, place: str) -> bool:
    host, _, port = place.partition("://")[2].rpartition(":")
    return line.host.lower() == host.strip("[]") and port.isdigit() and int(port) in line.ports


def _count(found: Account, went: dict[str, int], line: AuditLine) -> None:
    """One line more."""
    found.first, found.last = found.first or line.time, line.time
    if line.detectors:
        found.detectors[line.detectors] = None
    found.torn += line.event == "torn"
    if line.verdict not in _VERDICTS:
        return
    way = (
        line.verdict,
        line.sensitivity,
        line.place,
        line.cleaned,
        line.reason,
        line.declassified,
        line.purpose == _PUSH,
        line.left,
    )
    bit = found.ways.get(way)  # type: ignore[call-overload]  # a tuple equals the Way of it, and is made sooner
    if bit is None:
        bit = found.ways[Way(*way)] = len(found.ways)
        found.addresses.setdefault(line.place, set())
        found.purposes.setdefault(line.place, set())
    if line.operator:
        found.operators[line.operator] = None
    if line.address and line.verdict == "allowed":
        found.addresses[line.place].add(line.address)
    if line.purpose:
        found.purposes[line.place].add(line.purpose)
    for row in line.rows:
        went[row] = went.get(row, 0) | 1 << bit


def _gone(found: Account, pushed: bool, level: str, place: str, cleaned: str, operator: Operator | None) -> str:
    """`2 pseudonymised internal rows were allowed to https://… (contract: …; IE, region)`."""
    wanted = ("left", pushed, level, place, cleaned)
    rows = found.rows(lambda way: (way.outcome, way.pushed, way.sensitivity, way.place, way.cleaned) == wanted)
    return f"{_were(rows, level, cleaned, pushed=pushed)} allowed to {place}{_terms(found, place, operator)}"


def _before(found: Account, level: str, place: str, cleaned: str, operator: Operator | None) -> str:
    """`2 public rows had left for https://… before, in a batch that was handed over under this run's name on …`."""
    ways = [
        way for way in found.ways if way.before and (way.sensitivity, way.place, way.cleaned) == (level, place, cleaned)
    ]
    rows = found.left_before(lambda way: way in ways, place)
    if not rows:
        return ""
    days = sorted({way.when[:10] for way in ways})
    batch = "a batch" if len(ways) == 1 else "batches"
    counted = _were(rows, level, cleaned).rpartition(" ")[0]
    return (
        f"{counted} had left for {place} before, in {batch} handed over under this run's name on {', '.join(days)}"
        f"{_terms(found, place, operator)}"
    )


def _terms(found: Account, place: str, operator: Operator | None) -> str:
    """` (contract: …; IE, region)`, as far as it is known."""
    contract, listed = contract_of(found, place, operator)
    where = ", ".join(part for part in (listed.country, listed.region) if part) if listed else ""
    terms = "; ".join(part for part in (f"contract: {contract}" if contract else "", where) if part)
    return f" ({terms})" if terms else ""


def _stayed(found: Account, pushed: bool, how: str) -> str:
    """`2 rows were answered by models in this process`."""
    rows = found.rows(lambda way: way.stayed and (way.pushed, _how(way)) == (pushed, how))
    return f"{_were(rows, pushed=pushed)} {how}"


def _how(way: Way) -> str:
    return _HERE.get(way.place) or f"sent to {way.place}, which the operator's file declares local"


def _proof(found: Account, operator: Operator | None) -> str:
    """How far the chain can be trusted."""
    lines = f"audit chain of {found.head.n:,} {'line' if found.head.n == 1 else 'lines'}, unbroken"
    anchor = found.anchor
    if operator is None:
        return lines
    if anchor is None:
        return f"{lines}, not anchored" if operator.anchors else lines
    return f"{lines}, anchored until line {anchor.lines:,} on {anchor.time[:10]} by key {anchor.fingerprint}"


def _were(rows: int, *words: str, pushed: bool = False) -> str:
    """`2 public rows were`, `1 row was`, `1 confidential export was`."""
    counted = " ".join((f"{rows:,}", *filter(None, reversed(words)), "export" if pushed else "row"))
    return f"{counted} was" if rows == 1 else f"{counted}s were"
