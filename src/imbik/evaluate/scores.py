"""`scores.json`: every figure of a report, for programs. Documented in docs/scores.md.

Enters: measured figures. Leaves: typed records of one documented shape; `null` says that something was not measured,
and a reader of another schema version is refused rather than misled.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec

from imbik.core.errors import RunFolderError
from imbik.core.files import read_json, write_json
from imbik.core.money import SpendLine
from imbik.core.results import Books
from imbik.core.runfolder import RunFolder

SCHEMA_VERSION = 1
FOLDER = "8_report"


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """Base of the file's records: unlike rows, figures are written out in full, nulls and all."""


class MetricScore(Figure, frozen=True, kw_only=True):
    """A metric of one system: mean, 95% interval, rows, and the value of each training seed."""

    value: float
    low: float
    high: float
    n: int
    seeds: dict[str, float] = {}


class Interval(Figure, frozen=True, kw_only=True):
    """A ratio or difference with its 95% interval and the rows both sides answered."""

    value: float
    low: float
    high: float
    n: int


class Dialogues(Figure, frozen=True, kw_only=True):
    """Conversations of the quoted set: `metric` by the turn's number (`1`, `2` … `6 and later`), and over dialogues, of
    which each counts once; both by system."""

    metric: str
    dialogues: int
    turns: int
    by_dialogue: dict[str, MetricScore] = {}
    by_turn: dict[str, dict[str, MetricScore]] = {}


class Latency(Figure, frozen=True, kw_only=True):
    """Milliseconds of one request at a time, after warm-up."""

    p50: float
    p95: float


class SystemScores(Figure, frozen=True, kw_only=True):
    """One system: what it scores and what it costs to run. `cost_per_1000` is in USD."""

    metrics: dict[str, MetricScore] = {}
    latency_ms: Latency | None = None
    time_to_first_token_ms: float | None = None
    tokens_per_second: float | None = None
    parameters: int | None = None
    weights_bytes: int | None = None
    cache_bytes: int | None = None
    process_bytes: int | None = None
    disk_bytes: int | None = None
    cost_per_1000: float | None = None


class FunnelStage(Figure, frozen=True, kw_only=True):
    """Where the rows of one stage went; `unit` says what a row is there."""

    stage: str
    unit: str
    rows_in: int
    rows_out: int
    rejected: int = 0
    failed: int = 0
    pending: int = 0
    reasons: dict[str, int] = {}

    @classmethod
    def of(cls, stage: str, unit: str, books: Books) -> FunnelStage:
        """The stage's own books."""
        return cls(
            stage=stage,
            unit=unit,
            rows_in=books.rows_in,
            rows_out=books.rows_out,
            rejected=books.rejected,
            failed=books.failed,
            pending=books.pending,
            reasons=dict(sorted(books.reasons.items(), key=lambda item: (-item[1], item[0]))),
        )


class Spend(Figure, frozen=True, kw_only=True):
    """What this run spent: exact decimals in USD, by the ledger that its budget is held with.

    `total` = `paid` + `possible`; `possible` is the most that requests can have cost which broke off or failed after
    they were sent. `generation` (the pilot's rows too) and `evaluation` are parts of the total; judges and growth are
    the rest. `reused` is what answers of this report cost an earlier run. `answers` and tokens are those of this
    report's answers, whoever paid for them. `unpriced` names teachers whose price is not known.
    """

    currency: str = "USD"
    total: Decimal = Decimal(0)
    paid: Decimal = Decimal(0)
    possible: Decimal = Decimal(0)
    reused: Decimal = Decimal(0)
    generation: Decimal = Decimal(0)
    evaluation: Decimal = Decimal(0)
    answers: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    lines: list[SpendLine] = []
    unpriced: list[str] = []


class Scores(Figure, frozen=True, kw_only=True):
    """The whole file. `retention` and `paired` are keyed by metric, other test sets as METRIC@SET."""

    schema_version: int = SCHEMA_VERSION
    systems: dict[str, SystemScores] = {}
    retention: dict[str, Interval] = {}
    paired: dict[str, dict[str, Interval]] = {}
    dialogues: Dialogues | None = None
    funnel: list[FunnelStage] = []
    spend: Spend = Spend()
    lineage: dict[str, str] = {}


class _Version(msgspec.Struct):
    schema_version: int


def write_scores(path: Path, scores: Scores) -> None:
    """Write the file, indented for people."""
    write_json(path, scores)


def read_scores(run: RunFolder) -> Scores | None:
    """The figures of a run's report, or None where there is none yet.

    Raises: RunFolderError when the file is damaged or of another schema version.
    """
    path = run.stage(FOLDER) / "scores.json"
    if not path.exists():
        return None
    found = read_json(path, _Version).schema_version
    if found != SCHEMA_VERSION:
        raise RunFolderError(
            f"scores of schema version {found}; this imbik reads version {SCHEMA_VERSION}",
            where=str(path),
            next="run the recipe again with --from evaluate",
        )
    return read_json(path, Scores)
