"""The report's two pages: one self-contained HTML file, and the same in Markdown.

Enters: Findings. Leaves: text. The HTML holds no script and points at nothing outside itself; every value is escaped
by the template engine, so a row's text stays text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from imbik import __version__
from imbik.evaluate import figures, plots, words
from imbik.evaluate.drawing import Plot
from imbik.evaluate.findings import Findings, ordered, what
from imbik.evaluate.scores import MetricScore
from imbik.tasks.growth.report import told_growth


def html_page(found: Findings, drawn: Sequence[Plot]) -> str:
    """`report.html`; `drawn` is what `draw` made of the same figures."""
    return _render("report.html.j2", found, drawn)


def markdown_page(found: Findings) -> str:
    """`report.md`: the same figures and sentences without drawings."""
    return _render("report.md.j2", found, [])


def draw(found: Findings) -> list[Plot]:
    """The drawings that the figures allow, in the order of the page; none where matplotlib is not installed."""
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError:
        return []
    drawn = []
    quoted = {name: s.metrics[found.metric] for name, s in found.scores.systems.items() if found.metric in s.metrics}
    if quoted:
        drawn.append(plots.metric_plot(quoted, found.metric.replace("_", " ")))
    if found.scores.retention:
        drawn.append(plots.retention_plot(found.scores.retention))
    if any(curve.points for curve in found.curves):
        drawn.append(plots.curve_plot(found.curves))
    if timed := {n: s.latency_ms for n, s in found.scores.systems.items() if s.latency_ms is not None}:
        drawn.append(plots.latency_plot(timed))
    if found.scores.funnel:
        drawn.append(plots.funnel_plot(found.scores.funnel))
    return drawn


def metric_columns(found: Findings) -> list[str]:
    """Metrics as columns of the table: the quoted one first, then others of the same set, then other sets."""
    names = {name for system in found.scores.systems.values() for name in system.metrics}
    return sorted(names, key=lambda name: (name != found.metric, "@" in name, name))


def seeds_text(score: MetricScore) -> str:
    """`seeds 79.1, 80.4, 78.8` for a system trained more than once."""
    values = ", ".join(f"{100 * value:.1f}" for value in score.seeds.values())
    return f"seeds {values}" if len(score.seeds) > 1 else ""


def _render(template: str, found: Findings, drawn: Sequence[Plot]) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("imbik.evaluate", "templates"),
        autoescape=template.endswith(".html.j2"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(_FILTERS)
    # The drawings are our own SVG (evaluate.plots), which escapes the names of systems and sets and holds no row.
    shown = {plot.name: {"svg": Markup(plot.svg), "title": plot.title, "alt": plot.alt} for plot in drawn}  # noqa: S704
    return environment.get_template(template).render(
        found=found,
        scores=found.scores,
        some=words.some_rows(found),
        systems=[(name, what(name), found.scores.systems[name]) for name in ordered(list(found.scores.systems))],
        metrics=metric_columns(found),
        compared=[name for name in metric_columns(found) if any(name in pair for pair in found.scores.paired.values())],
        priced=any(system.cost_per_1000 is not None for system in found.scores.systems.values()),
        headline=words.headline(found),
        subline=words.subline(found),
        notes=words.notes(found),
        held_out=words.held_out(found),
        sets=words.sets(found),
        grown=told_growth(found.growth) if found.growth else "",
        spent=words.spent(found.scores.spend),
        spend_rows=found.scores.spend.lines if len(found.scores.spend.lines) > 1 else [],
        plots=shown,
        version=__version__,
    )


def _cell(text: object) -> str:
    """Text for a Markdown table cell: no line breaks, no markup of its own."""
    plain = " ".join(str(text).split())
    for mark in ("\\", "|", "`", "*", "_", "<", "[", "#"):
        plain = plain.replace(mark, f"\\{mark}")
    return plain


_FILTERS: dict[str, Any] = {
    "percent": figures.percent,
    "interval": figures.interval,
    "points": figures.points,
    "point_range": figures.point_range,
    "ms": figures.milliseconds,
    "count": figures.count,
    "short": figures.short_count,
    "bytes": figures.size,
    "money": figures.money,
    "control_reading": words.control_reading,
    "preference": words.preference,
    "seeds": seeds_text,
    "cell": _cell,
    "nice": lambda name: str(name).replace("_", " "),
}
