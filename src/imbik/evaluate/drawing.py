"""Drawing in the style of the pages: an SVG that follows the page's colours, light or dark.

Enters: what a plot puts on matplotlib's axes. Leaves: `Plot(svg, alt)`; every colour is a CSS variable of the page, all
text stays text, and nothing points outside the file.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

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
LINES = ("accent", "second", "third", "warn", "ink", "muted")
_WIDTH = 5.8  # inches of 72 units: wide enough for two columns on a desk, legible on a phone


class Plot(NamedTuple):
    """One drawing, its title, and its description for people who cannot see it."""

    name: str
    title: str
    svg: str
    alt: str


def shade(name: str) -> str:
    """The stand-in for the page's colour of this name."""
    return _COLOURS[name]


def new_figure(height: float) -> tuple[Figure, Axes]:
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
        "axes.labelcolor": shade("muted"),
        "axes.edgecolor": shade("line"),
        "axes.facecolor": "none",
        "xtick.color": shade("muted"),
        "ytick.color": shade("ink"),
        "text.color": shade("ink"),
        "grid.color": shade("line"),
        "grid.linewidth": 0.6,
    }


def legend(axes: Axes, entries: Sequence[tuple[str, str]]) -> None:
    """Names beside their colours, above the drawing."""
    from matplotlib.patches import Patch

    handles = [Patch(color=shade(colour), label=name) for name, colour in entries]
    columns = min(len(handles), 3)
    axes.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, frameon=False, fontsize=10,
        labelcolor=shade("muted"), handlelength=0.9, handleheight=0.9, borderaxespad=0.2, columnspacing=1.4,
    )  # fmt: skip


def as_plot(figure: Figure, name: str, title: str, alt: str) -> Plot:
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
