"""The page of a search: one self-contained HTML file, in the style of the report.

Enters: findings. Leaves: text; no script, nothing outside itself, every value escaped.
"""

from __future__ import annotations

from imbik import __version__
from imbik.recipe.ranged import one_line
from imbik.recipe.searching import Value
from imbik.search.findings import Findings, Trial
from imbik.search.plots import drawn


def html_page(made: Findings) -> str:
    """`search.html`."""
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=ChoiceLoader([PackageLoader("imbik.search", "templates"), PackageLoader("imbik.evaluate", "templates")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["line"] = short
    # The drawings are our own SVG, which escapes names and holds no row.
    plots = [{"svg": Markup(item.svg), "title": item.title, "alt": item.alt} for item in drawn(made)]  # noqa: S704
    return environment.get_template("search.html.j2").render(
        made=made,
        headline=headline(made),
        best=made.trials[made.front[0]] if made.front else None,
        trials=ordered(made),
        plots=plots,
        version=__version__,
    )


def headline(made: Findings) -> str:
    """What was found, in one sentence."""
    done = made.of("done")
    if not done:
        return f"No trial of {made.run} is done yet"
    best = made.trials[made.front[0]]
    if len(made.goals) > 1:
        return f"{len(made.front)} of {done} trials are beaten by no other in everything"
    return f"{made.goals[0].name} {best.found[0]:.4g} by trial {best.number}, the best of {done}"


def short(value: Value) -> str:
    """A value as a person reads it: numbers to four figures."""
    return f"{value:.4g}" if isinstance(value, float) else one_line(value)


def ordered(made: Findings) -> list[Trial]:
    """The front first, then the other finished ones by the first objective, then the rest."""
    up = made.goals[0].direction == "maximize"
    finished = [trial for trial in made.trials if trial.state == "done" and trial.number not in made.front]
    finished.sort(key=lambda trial: -trial.found[0] if up else trial.found[0])
    rest = [trial for trial in made.trials if trial.state != "done"]
    return [*(made.trials[number] for number in made.front), *finished, *rest]
