"""The report's plots as inline SVG that follows the page's colours, light or dark.

Enters: figures of scores.json and learning curves. Leaves: `Plot(svg, alt)`; every colour is a CSS variable of the
page, all text stays text, and nothing points outside the file.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from imbik.evaluate.figures import count, milliseconds, percent
from imbik.evaluate.scores import FunnelStage, Interval, Latency, MetricScore

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colours that occur nowhere else: each is replaced by the page's CSS variable of that name.
_COLOURS = {
    "ink": "#0a0001",
    "muted": "#0a0002",
    "line": "#0a0003",
    "accent": "#0a0004",
    "second": "#0a0005",
    "third": "#0a0006",
    "warn": "#0a0007",
    "soft": "#0a0008",
}
_WIDTH = 5.8  # inches of 72 units: wide enough for two columns on a desk, legible on a phone
_SPREAD = 20  # from here on a linear axis would press the fast systems together
_NEAR = 200  # up to here two labels a decade have room
_LINES = ("accent", "second", "third", "warn", "ink", "muted")


class Plot(NamedTuple):
    """One drawing, its title, and its description for people who cannot see it."""

    name: str
    title: str
    svg: str
    alt: str


class Curve(NamedTuple):
    """Losses of one trained model: (step, training loss or None, validation loss or None)."""

    name: str
    points: Sequence[tuple[int, float | None, float | None]]


def metric_plot(scores: Mapping[str, MetricScore], title: str) -> Plot:
    """A dot with its interval for each system, best on top."""
    names = sorted(scores, key=lambda name: scores[name].value)
    figure, axes = _figure(0.34 * len(names) + 0.75)
    for row, name in enumerate(names):
        score, colour = scores[name], _colour("accent" if name == "student" else "muted")
        axes.hlines(row, 100 * score.low, 100 * score.high, color=colour, linewidth=2.2)
        axes.plot(100 * score.value, row, "o", color=colour, markersize=6.5)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlabel(f"{title}, % (line: 95% interval)")
    axes.set_xlim(*_room([100 * score.low for score in scores.values()], [100 * s.high for s in scores.values()]))
    axes.xaxis.grid(visible=True)
    told = "; ".join(f"{name} {percent(scores[name].value)}" for name in reversed(names))
    return _plot(
        figure, "metric", f"{title.capitalize()} of each system", f"{title} of each system with 95% intervals: {told}."
    )


def retention_plot(retention: Mapping[str, Interval]) -> Plot:
    """Retention of each metric and set with its interval; the line at 100% is the teacher."""
    names = list(retention)[::-1]
    figure, axes = _figure(0.34 * len(names) + 0.75)
    for row, name in enumerate(names):
        score = retention[name]
        axes.hlines(row, 100 * score.low, 100 * score.high, color=_colour("accent"), linewidth=2.2)
        axes.plot(100 * score.value, row, "o", color=_colour("accent"), markersize=6.5)
    axes.axvline(100, color=_colour("second"), linewidth=1.2)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlabel("% of the teacher's score (upright line: the teacher)")
    axes.xaxis.grid(visible=True)
    told = "; ".join(f"{name} {percent(retention[name].value)}" for name in retention)
    return _plot(figure, "retention", "Kept of the teacher", f"Share of the teacher kept, with 95% intervals: {told}.")


def funnel_plot(funnel: Sequence[FunnelStage]) -> Plot:
    """For each stage: rows that went on, were rejected, failed or are pending, as one bar."""
    stages = list(funnel)[::-1]
    figure, axes = _figure(0.42 * len(stages) + 0.9)
    parts = (("went on", "rows_out", "accent"), ("rejected", "rejected", "second"), ("failed", "failed", "warn"))
    for row, stage in enumerate(stages):
        left = 0.0
        for _, field, colour in parts:
            share = 100 * getattr(stage, field) / max(stage.rows_in, 1)
            axes.barh(row, share, left=left, height=0.62, color=_colour(colour))
            left += share
        axes.text(101, row, f"{count(stage.rows_out)} of {count(stage.rows_in)}", va="center", color=_colour("muted"))
    axes.set_yticks(range(len(stages)), [stage.stage for stage in stages])
    axes.set_xlim(0, 135)
    axes.set_xticks([0, 25, 50, 75, 100])
    axes.set_xlabel("% of the rows that came in")
    _legend(axes, [(name, colour) for name, _, colour in parts])
    told = "; ".join(f"{s.stage}: {count(s.rows_in)} in, {count(s.rows_out)} on" for s in funnel)
    return _plot(figure, "funnel", "Rows of each stage", f"Where the rows went. {told}.")


def curve_plot(curves: Sequence[Curve]) -> Plot:
    """Training loss dotted, validation loss solid, one colour a model."""
    figure, axes = _figure(2.6)
    for index, curve in enumerate(curves):
        colour = _colour(_LINES[index % len(_LINES)])
        train = [(step, loss) for step, loss, _ in curve.points if loss is not None]
        checked = [(step, loss) for step, _, loss in curve.points if loss is not None]
        axes.plot(*_columns(train), color=colour, linewidth=1.0, linestyle=":")
        axes.plot(*_columns(checked), color=colour, linewidth=1.8, marker="o", markersize=2.5)
    axes.set_xlabel("step (dotted: training, solid: validation)")
    axes.set_ylabel("loss, nats a token")
    axes.yaxis.grid(visible=True)
    axes.set_ylim(bottom=0)
    _legend(axes, [(curve.name, _LINES[i % len(_LINES)]) for i, curve in enumerate(curves)])
    ends = [(curve.name, [loss for _, _, loss in curve.points if loss is not None]) for curve in curves]
    told = "; ".join(f"{name} ends at {losses[-1]:.3f}" for name, losses in ends if losses)
    return _plot(
        figure, "curves", "Loss while training", f"Losses while training. Validation: {told or 'not measured'}."
    )


def latency_plot(latencies: Mapping[str, Latency]) -> Plot:
    """Median as a dot, the line ends at the 95th percentile; fastest on top, logarithmic where they lie far apart."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

    names = sorted(latencies, key=lambda name: -latencies[name].p50)
    figure, axes = _figure(0.34 * len(names) + 0.75)
    for row, name in enumerate(names):
        latency, colour = latencies[name], _colour("accent" if name == "student" else "muted")
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
    return _plot(figure, "latency", "Time of one answer", f"Median time of one request: {told}.")


def _room(lows: Sequence[float], highs: Sequence[float]) -> tuple[float, float]:
    """Axis limits that hold all intervals: the whole scale when the systems lie far apart, else a closer look."""
    low, high = min(lows), max(highs)
    if high - low > 50:
        return -2.0, 102.0
    margin = max(0.1 * (high - low), 1.0)
    return low - margin, min(high + margin, 102.0)


def _columns(points: Sequence[tuple[int, float]]) -> tuple[list[int], list[float]]:
    return [step for step, _ in points], [loss for _, loss in points]


def _colour(name: str) -> str:
    return _COLOURS[name]


def _figure(height: float) -> tuple[Figure, Axes]:
    """An empty drawing in the page's style; no global state of matplotlib is touched."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(_style()):
        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        axes = figure.add_subplot()
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0)
    axes.set_axisbelow(True)
    return figure, axes


def _style() -> Any:
    return {
        "font.size": 10.5,
        "text.parse_math": False,
        "axes.labelsize": 10,
        "axes.labelcolor": _colour("muted"),
        "axes.edgecolor": _colour("line"),
        "axes.facecolor": "none",
        "xtick.color": _colour("muted"),
        "ytick.color": _colour("ink"),
        "text.color": _colour("ink"),
        "grid.color": _colour("line"),
        "grid.linewidth": 0.6,
    }


def _legend(axes: Axes, entries: Sequence[tuple[str, str]]) -> None:
    """Names beside their colours, above the drawing."""
    from matplotlib.patches import Patch

    handles = [Patch(color=_colour(colour), label=name) for name, colour in entries]
    columns = min(len(handles), 3)
    axes.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, frameon=False, fontsize=10,
        labelcolor=_colour("muted"), handlelength=0.9, handleheight=0.9, borderaxespad=0.2, columnspacing=1.4,
    )  # fmt: skip


def _plot(figure: Figure, name: str, title: str, alt: str) -> Plot:
    """The figure as an SVG element that can stand inside a page beside others."""
    from matplotlib import rc_context

    stream = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return Plot(name, title, _inline(stream.getvalue(), name), alt)


def _inline(text: str, name: str) -> str:
    """Strip what belongs to a file of its own, keep ids apart from other plots', turn colours into variables."""
    svg = text[text.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->|<style.*?</style>", "", svg, flags=re.DOTALL)
    head, _, body = svg.partition(">")
    svg = re.sub(r'\s(?:xmlns(?::\w+)?|width|height|version)="[^"]*"', "", head) + ">" + body
    svg = svg.replace("xlink:href", "href")
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", svg)
    svg = re.sub(r"font-family: [^;\"]*", "font-family: var(--font)", svg)
    for variable, colour in _COLOURS.items():
        svg = svg.replace(colour, f"var(--{variable})")
    return svg.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1).strip()
