"""The report's plots.

Enters: figures of scores.json and learning curves. Leaves: a `Plot` each, in the page's style (`drawing`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from imbik.evaluate.drawing import LINES, Plot, as_plot, legend, new_figure, shade
from imbik.evaluate.figures import count, milliseconds, percent
from imbik.evaluate.scores import FunnelStage, Interval, Latency, MetricScore

_SPREAD = 20  # from here on a linear axis would press the fast systems together
_NEAR = 200  # up to here two labels a decade have room


class Curve(NamedTuple):
    """Losses of one trained model: (step, training loss or None, validation loss or None)."""

    name: str
    points: Sequence[tuple[int, float | None, float | None]]


def metric_plot(scores: Mapping[str, MetricScore], title: str) -> Plot:
    """A dot with its interval for each system, best on top."""
    names = sorted(scores, key=lambda name: scores[name].value)
    figure, axes = new_figure(0.34 * len(names) + 0.75)
    for row, name in enumerate(names):
        score, colour = scores[name], shade("accent" if name == "student" else "muted")
        axes.hlines(row, 100 * score.low, 100 * score.high, color=colour, linewidth=2.2)
        axes.plot(100 * score.value, row, "o", color=colour, markersize=6.5)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlabel(f"{title}, % (line: 95% interval)")
    axes.set_xlim(*_room([100 * score.low for score in scores.values()], [100 * s.high for s in scores.values()]))
    axes.xaxis.grid(visible=True)
    told = "; ".join(f"{name} {percent(scores[name].value)}" for name in reversed(names))
    return as_plot(
        figure, "metric", f"{title.capitalize()} of each system", f"{title} of each system with 95% intervals: {told}."
    )


def retention_plot(retention: Mapping[str, Interval]) -> Plot:
    """Retention of each metric and set with its interval; the line at 100% is the teacher."""
    names = list(retention)[::-1]
    figure, axes = new_figure(0.34 * len(names) + 0.75)
    for row, name in enumerate(names):
        score = retention[name]
        axes.hlines(row, 100 * score.low, 100 * score.high, color=shade("accent"), linewidth=2.2)
        axes.plot(100 * score.value, row, "o", color=shade("accent"), markersize=6.5)
    axes.axvline(100, color=shade("second"), linewidth=1.2)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlabel("% of the teacher's score (upright line: the teacher)")
    axes.xaxis.grid(visible=True)
    told = "; ".join(f"{name} {percent(retention[name].value)}" for name in retention)
    return as_plot(
        figure, "retention", "Kept of the teacher", f"Share of the teacher kept, with 95% intervals: {told}."
    )


def funnel_plot(funnel: Sequence[FunnelStage]) -> Plot:
    """For each stage: rows that went on, were rejected, failed or are pending, as one bar."""
    stages = list(funnel)[::-1]
    figure, axes = new_figure(0.42 * len(stages) + 0.9)
    parts = (("went on", "rows_out", "accent"), ("rejected", "rejected", "second"), ("failed", "failed", "warn"))
    for row, stage in enumerate(stages):
        left = 0.0
        for _, field, colour in parts:
            share = 100 * getattr(stage, field) / max(stage.rows_in, 1)
            axes.barh(row, share, left=left, height=0.62, color=shade(colour))
            left += share
        axes.text(101, row, f"{count(stage.rows_out)} of {count(stage.rows_in)}", va="center", color=shade("muted"))
    axes.set_yticks(range(len(stages)), [stage.stage for stage in stages])
    axes.set_xlim(0, 135)
    axes.set_xticks([0, 25, 50, 75, 100])
    axes.set_xlabel("% of the rows that came in")
    legend(axes, [(name, colour) for name, _, colour in parts])
    told = "; ".join(f"{s.stage}: {count(s.rows_in)} in, {count(s.rows_out)} on" for s in funnel)
    return as_plot(figure, "funnel", "Rows of each stage", f"Where the rows went. {told}.")


def curve_plot(curves: Sequence[Curve]) -> Plot:
    """Training loss dotted, validation loss solid, one colour a model."""
    figure, axes = new_figure(2.6)
    for index, curve in enumerate(curves):
        colour = shade(LINES[index % len(LINES)])
        train = [(step, loss) for step, loss, _ in curve.points if loss is not None]
        checked = [(step, loss) for step, _, loss in curve.points if loss is not None]
        axes.plot(*_columns(train), color=colour, linewidth=1.0, linestyle=":")
        axes.plot(*_columns(checked), color=colour, linewidth=1.8, marker="o", markersize=2.5)
    axes.set_xlabel("step (dotted: training, solid: validation)")
    axes.set_ylabel("loss, nats a token")
    axes.yaxis.grid(visible=True)
    axes.set_ylim(bottom=0)
    legend(axes, [(curve.name, LINES[i % len(LINES)]) for i, curve in enumerate(curves)])
    ends = [(curve.name, [loss for _, _, loss in curve.points if loss is not None]) for curve in curves]
    told = "; ".join(f"{name} ends at {losses[-1]:.3f}" for name, losses in ends if losses)
    return as_plot(
        figure, "curves", "Loss while training", f"Losses while training. Validation: {told or 'not measured'}."
    )


def latency_plot(latencies: Mapping[str, Latency]) -> Plot:
    """Median as a dot, the line ends at the 95th percentile; fastest on top, logarithmic where they lie far apart."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

    names = sorted(latencies, key=lambda name: -latencies[name].p50)
    figure, axes = new_figure(0.34 * len(names) + 0.75)
    for row, name in enumerate(names):
        latency, colour = latencies[name], shade("accent" if name == "student" else "muted")
        axes.hlines(row, latency.p50, latency.p95, color=colour, linewidth=2.2)
        axes.plot(latency.p50, row, "o", color=colour, markersize=6.5)
    slowest, fastest = max(item.p95 for item in latencies.values()), min(item.p50 for item in latencies.values())
    if slowest > _SPREAD * fastest:
        axes.set_xscale("log")
        near = slowest < _NEAR * fastest
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)) if near else LogLocator(numticks=5))
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        axes.set_xlim(0, 1.05 * slowest)
        axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.xaxis.set_major_formatter(lambda value, _: milliseconds(value))
    axes.set_xlabel("dot: median, line: to the 95th percentile")
    axes.xaxis.grid(visible=True)
    told = "; ".join(f"{n} {milliseconds(latencies[n].p50)}" for n in reversed(names))
    return as_plot(figure, "latency", "Time of one answer", f"Median time of one request: {told}.")


def _room(lows: Sequence[float], highs: Sequence[float]) -> tuple[float, float]:
    """Axis limits that hold all intervals: the whole scale when the systems lie far apart, else a closer look."""
    low, high = min(lows), max(highs)
    if high - low > 50:
        return -2.0, 102.0
    margin = max(0.1 * (high - low), 1.0)
    return low - margin, min(high + margin, 102.0)


def _columns(points: Sequence[tuple[int, float]]) -> tuple[list[int], list[float]]:
    return [step for step, _ in points], [loss for _, loss in points]
