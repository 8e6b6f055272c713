"""What a trial found: the figures that the search is about.

Enters: a trial's run folder, objectives. Leaves: a number for each. Quality is read from `scores.json` on validation
rows, cost from the same file, the validation loss from `training.json`.
"""

from __future__ import annotations

from collections.abc import Sequence

from imbik.core.errors import RecipeError, RunFolderError
from imbik.core.files import read_json
from imbik.core.misspelt import closest
from imbik.core.runfolder import RunFolder
from imbik.core.students import best_seed, trained
from imbik.evaluate.scores import Scores, SystemScores, read_scores
from imbik.recipe import Recipe
from imbik.recipe.searching import Objective
from imbik.train.course import TrainingRecord

VALIDATION_LOSS = "validation_loss"
RETENTION = "retention"


def found(run: RunFolder, objectives: Sequence[Objective]) -> list[float]:
    """The figures of a finished trial, in the objectives' order.

    Raises: RecipeError when the report has no such system or figure.
    """
    scores = None if all(item.metric == VALIDATION_LOSS for item in objectives) else read_scores(run)
    return [_loss(run) if item.metric == VALIDATION_LOSS else figure(scores, item, run) for item in objectives]


def figure(scores: Scores | None, objective: Objective, run: RunFolder) -> float:
    """One figure of a report."""
    if scores is None:
        raise RunFolderError("this trial has no report", where=str(run.path), next=f"imbik run {run.typed}")
    if objective.of not in scores.systems:
        raise RecipeError(
            f"no system '{objective.of}' was measured; {closest(objective.of, list(scores.systems))}",
            where="search.objectives",
            next="export: makes systems such as export:safetensors",
        )
    value = _of(scores, scores.systems[objective.of], objective.metric)
    if value is None:
        known = [*scores.systems[objective.of].metrics, *_measured(scores.systems[objective.of])]
        raise RecipeError(
            f"'{objective.metric}' of {objective.of} was not measured; {closest(objective.metric, known)}",
            where="search.objectives",
            next=f"measured were: {', '.join(known)}",
        )
    return value


def _of(scores: Scores, system: SystemScores, metric: str) -> float | None:
    if metric == RETENTION:
        first = next(iter(scores.retention.values()), None)
        return first.value if first else None
    if not metric and system.metrics:
        return next(iter(system.metrics.values())).value
    if metric in system.metrics:
        return system.metrics[metric].value
    return _measured(system).get(metric)


def _measured(system: SystemScores) -> dict[str, float]:
    """What a system costs to run, where it was measured."""
    latency = system.latency_ms
    named = {
        "latency_ms": latency.p50 if latency else None,
        "latency_p95_ms": latency.p95 if latency else None,
        **{name: getattr(system, name) for name in _PLAIN},
    }
    return {name: float(value) for name, value in named.items() if value is not None}


_PLAIN = (
    "time_to_first_token_ms",
    "tokens_per_second",
    "parameters",
    "weights_bytes",
    "cache_bytes",
    "process_bytes",
    "disk_bytes",
    "cost_per_1000",
)


def _loss(run: RunFolder) -> float:
    return read_json(trained(run, "student", best_seed(run)) / "training.json", TrainingRecord).validation_loss


def last_stage(objectives: Sequence[Objective]) -> str:
    """The stage up to which a trial has to run."""
    return "train" if all(item.metric == VALIDATION_LOSS for item in objectives) else "evaluate"


def for_trial(recipe: Recipe, objectives: Sequence[Objective]) -> Recipe:
    """A trial's recipe: measured on validation rows, against nothing but what the objectives need, without controls or
    bars, which belong to the claim and not to the choice.
    """
    timed = any("latency" in item.metric or "token" in item.metric for item in objectives)
    evaluate = recipe.evaluate.model_copy(
        update={
            "on": "validation",
            "against": ["teacher"] if any(item.metric == RETENTION for item in objectives) else [],
            "require": {},
            "latency_rows": recipe.evaluate.latency_rows if timed else 0,
        }
    )
    train = recipe.train.model_copy(update={"controls": []})
    return recipe.model_copy(update={"evaluate": evaluate, "train": train})


def for_test(recipe: Recipe, given: Recipe) -> Recipe:
    """The recipe by which one of the best is measured on test rows: the same student, the recipe's own comparisons but
    for its controls.
    """
    against = [name for name in given.evaluate.against if name not in ("answers_only", "text_only")]
    evaluate = given.evaluate.model_copy(update={"against": against, "require": {}})
    return recipe.model_copy(update={"evaluate": evaluate})
