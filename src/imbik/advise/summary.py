"""The end of a run in a few lines: stages with forecast and actual time, systems with their figures.

Enters: a RunResult or Scores. Leaves: rows of text for a table.
"""

from __future__ import annotations

from collections.abc import Sequence

from imbik.core.money import plain_usd, usd
from imbik.evaluate.scores import MetricScore, Scores, SystemScores
from imbik.pipeline.estimate import Estimate
from imbik.pipeline.preflight import size
from imbik.pipeline.result import RunResult
from imbik.pipeline.rules import parameters

STAGE_HEAD = ("stage", "", "rows", "took", "forecast")
SYSTEM_ORDER = ("teacher", "baseline", "answers_only", "text_only", "tfidf", "student")


def clock(seconds: float) -> str:
    """`75.2` as `1 m 15 s`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} m" if hours else f"{minutes} m {rest:02d} s" if minutes else f"{rest} s"


def counted(count: int, noun: str) -> str:
    """`1 row`, `1,200 rows`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def stage_rows(result: RunResult) -> list[tuple[str, ...]]:
    """One row a stage, and the total of what was done now."""
    rows: list[tuple[str, ...]] = []
    for stage in result.stages:
        took = "" if stage.status == "planned" else clock(stage.seconds)
        forecast = clock(stage.forecast) if stage.forecast else ""
        rows.append((stage.name, stage.status, f"{stage.rows_out:,}" if stage.rows_out else "", took, forecast))
    done = [stage for stage in result.stages if stage.status != "current"]
    if len(done) > 1:
        total, expected = sum(s.seconds for s in done), sum(s.forecast for s in done)
        rows.append(("all", "", "", clock(total) if total else "", clock(expected)))
    return rows


def system_table(scores: Scores) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the systems' table: first metric with interval, what is kept, size, latency."""
    metrics = [name for name in _metric_names(scores) if "@" not in name][:1]
    others = [name for name in _metric_names(scores) if "@" in name][:3]
    head = ["system", *metrics, *others, "of the teacher", "parameters", "latency p50", "disk"]
    rows = []
    for name in _order(scores):
        system = scores.systems[name]
        first = metrics[0] if metrics else ""
        kept = scores.retention.get(first) if name == "student" else None
        rows.append(
            [
                name,
                *(_with_interval(system.metrics.get(metric)) for metric in metrics),
                *(_value(system.metrics.get(metric)) for metric in others),
                f"{kept.value:.1%} ({kept.low:.1%} to {kept.high:.1%})" if kept else "",
                parameters(system.parameters) if system.parameters else "",
                f"{system.latency_ms.p50:.1f} ms" if system.latency_ms else "",
                _disk(system),
            ]
        )
    return head, rows


def estimate_lines(found: Estimate) -> list[str]:
    """What a dry run says: calls, tokens, money, time, memory, disk."""
    lines = [f"rows: {found.rows:,}" if found.rows else "rows: not known before stage 1 has run"]
    if found.held_back:
        lines.append(f"held back: about {found.held_back:,} of the rows, which no teacher may see")
    if found.teacher_calls:
        tokens = f"about {found.input_tokens:,} tokens in, {found.output_tokens:,} out"
        lines.append(f"teacher calls: at most {found.teacher_calls:,} ({tokens})")
    if found.under_way:
        lines.append(
            f"under way in batches: {counted(found.under_way, 'question')} more, asked already and to be collected"
        )
    for stage, asked in found.beside.items():
        tokens = f"about {asked.input_tokens:,} tokens in, {asked.output_tokens:,} out"
        most = "about" if stage == "tasks" else "at most"  # how many grown tasks will be new is not known before
        lines.append(f"questions of stage {stage}: {most} {asked.calls:,} ({tokens})")
    if found.teacher_calls or found.beside:
        lines.append(f"money: {_money(found)}")
    if found.recorded_answers:
        lines.append(f"recorded answers: at most {found.recorded_answers:,} are read; nobody is asked, nothing is paid")
    lines.append(f"time: about {clock(found.total_seconds)}")
    lines.append(f"memory: about {size(found.memory_bytes)}; disk: about {size(found.disk_bytes)}")
    for key, count in found.guessed.items():
        lines.append(
            f"size guessed: {key} is not on this machine and was taken for {parameters(count)} parameters, from which "
            f"time, memory and disk follow; for better figures name a folder that is here: --set {key}=FOLDER"
        )
    return lines


def _money(found: Estimate) -> str:
    if found.money is None:
        return "not known: there is no price for the teacher (teachers.NAME.price: {input: USD, output: USD})"
    if not found.money.value:
        return "none: the teacher costs nothing"
    within = f"{plain_usd(found.money.low)} to {plain_usd(found.money.high)}"
    if found.money.rows:
        return f"about {usd(found.money.value)} (95% interval of {found.money.rows} pilot rows: {within})"
    return f"about {usd(found.money.value)} ({within}; the pilot of a `budget:` says more)"


def _metric_names(scores: Scores) -> list[str]:
    return list(dict.fromkeys(name for system in scores.systems.values() for name in system.metrics))


def _order(scores: Scores) -> Sequence[str]:
    usual = [name for name in SYSTEM_ORDER if name in scores.systems]
    return [*usual, *(name for name in scores.systems if name not in usual)]


def _with_interval(score: MetricScore | None) -> str:
    return f"{score.value:.1%} ({score.low:.1%} to {score.high:.1%})" if score else ""


def _value(score: MetricScore | None) -> str:
    return f"{score.value:.1%}" if score else ""


def _disk(system: SystemScores) -> str:
    return size(system.disk_bytes) if system.disk_bytes else ""
