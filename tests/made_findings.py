"""Made-up findings with everything a report can show, for tests of the pages."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from imbik.core.types import Sensitivity
from imbik.evaluate.bootstrap import Bootstrap
from imbik.evaluate.findings import Bar, Findings, SampleRow, Shown
from imbik.evaluate.plots import Curve
from imbik.evaluate.scores import (
    FunnelStage,
    Interval,
    Latency,
    MetricScore,
    Scores,
    Spend,
    SystemScores,
)

RATES = {
    "teacher": [0.974], "student": [0.902, 0.915, 0.894], "text_only": [0.889, 0.905, 0.893],
    "answers_only": [0.061, 0.052, 0.055], "baseline": [0.012], "export:safetensors": [0.915],
}  # fmt: skip


def made_findings(*, sensitivity: Sensitivity = Sensitivity.PUBLIC, rows: int = 1000) -> Findings:
    """A finished evaluation of the embedded default, with awkward text in its rows."""
    generator = np.random.default_rng(7)
    matrices = {n: (generator.random((len(r), rows)) < np.array(r)[:, None]).astype(float) for n, r in RATES.items()}
    bootstrap = Bootstrap(resamples=500)
    systems = {name: _system(name, matrix, bootstrap) for name, matrix in matrices.items()}
    kept = bootstrap.ratio(matrices["student"], matrices["teacher"])
    assert kept is not None
    paired = {}
    for other in ("text_only", "answers_only", "baseline", "teacher"):
        score = bootstrap.difference(matrices["student"], matrices[other])
        assert score is not None
        paired[f"student-{other}"] = {
            "accuracy": Interval(value=score.value, low=score.low, high=score.high, n=score.n)
        }
    retention = Interval(value=kept.value, low=kept.low, high=kept.high, n=kept.n)
    scores = Scores(
        systems=systems,
        retention={
            "accuracy": retention,
            "accuracy@B": Interval(value=0.71, low=0.66, high=0.76, n=500),
            "accuracy@C": Interval(value=0.93, low=0.90, high=0.96, n=500),
        },
        paired=paired,
        funnel=_funnel(),
        spend=Spend(total=Decimal("1.2345"), generation=Decimal("1.1"), evaluation=Decimal("0.1345"), answers=9320,
                    input_tokens=812_000, output_tokens=402_113),
        lineage={"tasks": "a" * 64, "generate": "b" * 64, "train": "c" * 64},
    )  # fmt: skip
    return Findings(
        name="demo",
        kind="math",
        sensitivity=sensitivity,
        scores=scores,
        metric="accuracy",
        quoted="test",
        rows=rows,
        sets={"test": rows, "B": 500, "C": 500},
        about_sets={"B": "phrasings never seen <b>", "C": "withheld numbers"},
        curves=[Curve(name, _curve(k)) for k, name in enumerate(("student, seed 1", "text_only, seed 1"))],
        samples=_samples(),
        bars=[Bar("retention.low", ">= 0.95", kept.low, met=False), Bar("accuracy", ">= 0.5", 0.9, met=True)],
        privacy="No row left this machine: all 9,320 answers came from models and files that are here.",
        command="imbik run runs/demo/recipe.yaml",
        date="2026-11-21",
    )


def _system(name: str, matrix: np.ndarray, bootstrap: Bootstrap) -> SystemScores:
    score = bootstrap.mean(matrix)
    big = name == "teacher"
    seeds = {str(i + 1): float(row.mean()) for i, row in enumerate(matrix)}
    metric = MetricScore(value=score.value, low=score.low, high=score.high, n=score.n, seeds=seeds)
    return SystemScores(
        metrics={"accuracy": metric, "accuracy@B": MetricScore(value=0.7, low=0.66, high=0.74, n=500),
                 "accuracy@C": MetricScore(value=0.8, low=0.76, high=0.84, n=500)},
        latency_ms=Latency(p50=182.0 if big else 61.2, p95=240.0 if big else 83.9),
        time_to_first_token_ms=4.1 if big else 1.6,
        tokens_per_second=300 if big else 890,
        parameters=5_812_000 if big else 612_000,
        weights_bytes=23_248_000 if big else 2_448_000,
        cache_bytes=640_000 if big else 120_000,
        process_bytes=612_000_000,
        disk_bytes=11_900_000 if big else 2_900_000,
    )  # fmt: skip


def _funnel() -> list[FunnelStage]:
    return [
        FunnelStage(stage="tasks", unit="rows of the source", rows_in=12_010, rows_out=12_000, rejected=10,
                    reasons={"no question in the row": 10}),
        FunnelStage(stage="generate", unit="answers asked for", rows_in=9_320, rows_out=9_310, failed=10,
                    reasons={"truncated": 10}),
        FunnelStage(stage="refine", unit="answers", rows_in=9_310, rows_out=8_111, rejected=1_199,
                    reasons={"answer: 41 is not the known 42": 931, "duplicates": 268}),
    ]  # fmt: skip


def _curve(shift: int) -> list[tuple[int, float | None, float | None]]:
    points: list[tuple[int, float | None, float | None]] = []
    for step in range(0, 3001, 150):
        loss = 0.25 + 2.2 * float(np.exp(-step / 600)) + 0.03 * shift
        points.append((step, loss, loss + 0.05 if step % 300 == 0 else None))
    return points


def _samples() -> list[SampleRow]:
    steps = "Bir kilo elma 25 lira.\n3 kilo elma 3 x 25 = 75 lira eder."
    right = [Shown("teacher", "75", steps, True), Shown("student", "75", steps, True), Shown("baseline", "", "", False)]
    wrong = [Shown("teacher", "1", "", True), Shown("student", "<img src=x onerror=alert(1)>", "", False)]
    evil = "<script>alert('x')</script> & {{ 7*7 }} [link](http://evil.example) ![i](http://evil.example/p.png)"
    return [
        SampleRow("t1", "Ayşe 3 kilo elma aldı. Kilosu 25 lira. Kaç lira ödedi?", "75", right),
        SampleRow("t2", evil, "1", wrong),
    ]
