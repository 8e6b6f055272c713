"""What a search found, for programs and for the page.

Enters: trials, the front, what each key explains. Leaves: `Findings`, and in `RUN/search/`: `search.json`, `best.yaml`
(the recipe with the best values, an ordinary one), and the page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from imbik.core.files import make_private, write_json, write_text
from imbik.core.runfolder import RunFolder
from imbik.evaluate.scores import Interval, MetricScore, read_scores
from imbik.pipeline.adopt import origins
from imbik.recipe import to_yaml
from imbik.recipe.ranged import Ranged
from imbik.recipe.searching import Search, Value
from imbik.search.study import Tried
from imbik.search.trial import trial_folder

FOLDER, JSON, PAGE, BEST = "search", "search.json", "search.html", "best.yaml"
SCHEMA_VERSION = 1


class Goal(msgspec.Struct, frozen=True):
    """One objective in words, and which way is better."""

    name: str
    direction: str


class Trial(msgspec.Struct, frozen=True):
    """One trial. `intervals` are those of the objectives that have one; `read` says which stages came from elsewhere;
    `test` is what was measured on the test rows, for the best.
    """

    number: int
    state: str
    values: dict[str, Value]
    found: tuple[float, ...] = ()
    intervals: dict[str, MetricScore] = {}
    read: dict[str, str] = {}
    why: str = ""
    test: dict[str, MetricScore] = {}
    retention: dict[str, Interval] = {}


class Findings(msgspec.Struct, frozen=True):
    """`search.json`. `front` are numbers of trials that no other beats in everything, the best by the first objective
    first; `explains` is the share of the first objective's variance by key.
    """

    run: str
    wanted: int
    goals: list[Goal]
    keys: dict[str, str]
    trials: list[Trial]
    front: list[int]
    explains: dict[str, float]
    notes: list[str] = []
    schema_version: int = SCHEMA_VERSION

    def of(self, state: str) -> int:
        """How many trials ended so."""
        return sum(trial.state == state for trial in self.trials)


def findings(
    run: RunFolder,
    search: Search,
    ranged: Ranged,
    tried: Sequence[Tried],
    front: Sequence[int],
    explains: Mapping[str, float],
    notes: Sequence[str] = (),
) -> Findings:
    """Everything known of a search by now."""
    return Findings(
        run=run.name,
        wanted=search.num_trials,
        goals=[Goal(str(item), item.way) for item in search.objectives],
        keys={key: domain.told() for key, domain in ranged.domains.items()},
        trials=[_trial(run, trial) for trial in tried],
        front=list(front),
        explains=dict(explains),
        notes=list(notes),
    )


def _trial(run: RunFolder, tried: Tried) -> Trial:
    folder, test = trial_folder(run, tried.number), trial_folder(run, tried.number, "-test")
    scores = read_scores(folder) if tried.state == "done" else None
    tested = read_scores(test) if test.path.exists() else None
    return Trial(
        number=tried.number,
        state=tried.state,
        values=dict(tried.values),
        found=tried.found,
        intervals=dict(scores.systems["student"].metrics) if scores and "student" in scores.systems else {},
        read=origins(folder),
        why=tried.why,
        test=dict(tested.systems["student"].metrics) if tested and "student" in tested.systems else {},
        retention=dict(tested.retention) if tested else {},
    )


def write_findings(run: RunFolder, made: Findings, ranged: Ranged) -> Path:
    """Write what was found; returns the page's path."""
    from imbik.search.page import html_page

    folder = run.path / FOLDER
    folder.mkdir(exist_ok=True)
    make_private(folder)
    write_json(folder / JSON, made)
    if made.front:
        best = ranged.with_values(made.trials[made.front[0]].values)
        write_text(folder / BEST, to_yaml(best.model_copy(update={"name": f"{run.name}-best"})))
    write_text(folder / PAGE, html_page(made))
    return folder / PAGE
