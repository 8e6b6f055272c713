"""The drawings of a search: how trials went, and the front where two things are wanted.

Enters: findings. Leaves: plots in the style of the report.
"""

from __future__ import annotations

from imbik.evaluate.drawing import Plot, as_plot, legend, new_figure, shade
from imbik.search.findings import Findings


def drawn(made: Findings) -> list[Plot]:
    """What can be drawn of these findings; nothing where matplotlib is not installed, or no trial is done."""
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError:
        return []
    if not made.of("done"):
        return []
    plots = [history(made)]
    if len(made.goals) > 1:
        plots += [front(made, 0, other) for other in range(1, len(made.goals))]
    if made.explains:
        plots.append(explains(made))
    return plots


def history(made: Findings) -> Plot:
    """The first objective by trial, and the best so far."""
    done = [trial for trial in made.trials if trial.state == "done"]
    goal = made.goals[0]
    better = max if goal.direction == "maximize" else min
    figure, axes = new_figure(2.6)
    best = [better(trial.found[0] for trial in done[: place + 1]) for place in range(len(done))]
    numbers = [trial.number for trial in done]
    axes.plot(numbers, [trial.found[0] for trial in done], "o", color=shade("muted"), markersize=4.5)
    axes.step(numbers, best, where="post", color=shade("accent"), linewidth=1.8)
    for trial in made.trials:
        if trial.state in ("pruned", "failed"):
            axes.axvline(trial.number, color=shade("second" if trial.state == "pruned" else "warn"), linewidth=0.9)
    axes.set_xlabel("trial (line: the best so far)")
    axes.set_ylabel(goal.name)
    axes.yaxis.grid(visible=True)
    ended = [(state, colour) for state, colour in (("pruned", "second"), ("failed", "warn")) if made.of(state)]
    legend(axes, [("done", "muted"), ("best so far", "accent"), *ended])
    told = f"{len(done)} trials done; the best found {best[-1]:.4g}."
    return as_plot(figure, "history", f"{goal.name} of each trial", f"{goal.name} by trial: {told}")


def front(made: Findings, first: int, second: int) -> Plot:
    """Two objectives against each other; trials that no other beats are joined."""
    done = [trial for trial in made.trials if trial.state == "done"]
    best = sorted((made.trials[number] for number in made.front), key=lambda trial: trial.found[second])
    figure, axes = new_figure(3.0)
    axes.plot(
        [trial.found[second] for trial in done],
        [trial.found[first] for trial in done],
        "o",
        color=shade("muted"),
        markersize=4.5,
    )
    axes.plot(
        [trial.found[second] for trial in best],
        [trial.found[first] for trial in best],
        "o-",
        color=shade("accent"),
        linewidth=1.4,
        markersize=6,
    )
    for trial in best:
        axes.annotate(
            str(trial.number),
            (trial.found[second], trial.found[first]),
            xytext=(5, 5),
            textcoords="offset points",
            color=shade("accent"),
        )
    axes.set_xlabel(f"{made.goals[second].name} ({made.goals[second].direction})")
    axes.set_ylabel(f"{made.goals[first].name} ({made.goals[first].direction})")
    axes.xaxis.grid(visible=True)
    axes.yaxis.grid(visible=True)
    told = "; ".join(f"trial {trial.number}: {trial.found[first]:.4g}, {trial.found[second]:.4g}" for trial in best)
    return as_plot(
        figure,
        f"front{second}",
        f"{made.goals[first].name} against {made.goals[second].name}",
        f"Trials that no other beats in both: {told}.",
    )


def explains(made: Findings) -> Plot:
    """How much of the first objective's variance each key explains."""
    items = sorted(made.explains.items(), key=lambda item: item[1])
    figure, axes = new_figure(0.34 * len(items) + 0.75)
    axes.barh(range(len(items)), [100 * value for _, value in items], height=0.6, color=shade("accent"))
    axes.set_yticks(range(len(items)), [key for key, _ in items])
    axes.set_xlabel("% of what the keys explain")
    axes.xaxis.grid(visible=True)
    told = "; ".join(f"{key} {value:.0%}" for key, value in reversed(items))
    return as_plot(figure, "explains", f"What moved {made.goals[0].name}", f"Importance of each key: {told}.")
