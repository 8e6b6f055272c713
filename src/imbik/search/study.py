"""The study: which values are tried next, kept in Optuna's journal beside the trials.

Enters: domains, settings, what trials found. Leaves: values for the next trial. What is drawn follows from the seed and
the trial's number, never from the process, so a search that was killed goes on as if it had not been; a trial that ran
when it was killed goes on under its number.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice, product
from math import isfinite, prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from imbik.core.errors import MissingExtraError, RunFolderError
from imbik.core.files import digest_value
from imbik.recipe.ranged import one_line
from imbik.recipe.searching import Domain, Search, Value

if TYPE_CHECKING:
    import optuna

FILE = "study.log"
_SPACE, _WHY = "space", "why"
_TELLING = 10  # with fewer trials, what moved them is guesswork
Ended = Literal["done", "pruned", "failed"]


@dataclass(frozen=True)
class Tried:
    """One trial: number, values, how it ended (`running`: it did not), what it found in the objectives' order."""

    number: int
    values: Mapping[str, Value]
    state: str
    found: tuple[float, ...] = ()
    why: str = ""


class Study:
    """Optuna's study over the domains of a recipe; choices of any type are told to it by their text."""

    def __init__(self, folder: Path, domains: Mapping[str, Domain], search: Search) -> None:
        self._optuna = _optuna()
        self._domains, self._search = domains, search
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        backend = self._optuna.storages.journal.JournalFileBackend(str(folder / FILE))
        self._study = self._optuna.create_study(
            storage=self._optuna.storages.JournalStorage(backend),
            study_name="search",
            directions=[objective.way for objective in search.objectives],
            pruner=self._optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=0),
            load_if_exists=True,
        )
        self._hold_space(folder)

    def _hold_space(self, folder: Path) -> None:
        """A study over other ranges or objectives is another study.

        Raises: RunFolderError.
        """
        wanted = digest_value(
            [
                {key: domain.model_dump(mode="json") for key, domain in sorted(self._domains.items())},
                [[str(objective), objective.way] for objective in self._search.objectives],
            ]
        )
        before = self._study.user_attrs.get(_SPACE)
        if before is None:
            self._study.set_user_attr(_SPACE, wanted)
        elif before != wanted:
            raise RunFolderError(
                "the trials that are here were made for other ranges or objectives",
                where=str(folder),
                next=f"move them away (mv {folder} {folder}-before), or give the recipe another name",
            )

    def unfinished(self) -> list[Tried]:
        """Trials that ran when the search was stopped."""
        return [trial for trial in self.tried() if trial.state == "running"]

    def tried(self) -> list[Tried]:
        """All trials, in order."""
        names = {"COMPLETE": "done", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "running"}
        return [
            Tried(
                trial.number,
                {key: self._meant(key, value) for key, value in trial.params.items()},
                names.get(trial.state.name, "running"),
                tuple(trial.values or ()),
                trial.user_attrs.get(_WHY, ""),
            )
            for trial in self._study.get_trials(deepcopy=False)
        ]

    def next(self) -> Tried | None:
        """The next trial, noted as running; None when a grid is through."""
        number = len(self._study.get_trials(deepcopy=False))
        if self._search.sampler == "grid":
            if number >= self._points:
                return None
            point = zip(self._domains, next(islice(self._grid(), number, None)), strict=True)
            self._study.enqueue_trial({key: self._told(key, value) for key, value in point})
        with _quiet():
            self._study.sampler = self._sampler(number)
        trial = self._study.ask()
        values = {key: self._meant(key, self._draw(trial, key, domain)) for key, domain in self._domains.items()}
        return Tried(trial.number, values, "running")

    def losing(self, number: int, losses: Sequence[float]) -> bool:
        """Whether a trial's validation losses so far are worse than the median of the others at the same point."""
        frozen = self._study.get_trials(deepcopy=False)[number]
        trial = self._optuna.trial.Trial(self._study, frozen._trial_id)
        sign = 1.0 if self._search.objectives[0].way == "minimize" else -1.0
        for point, loss in enumerate(losses):
            if point not in frozen.intermediate_values and isfinite(loss):
                trial.report(sign * loss, point)
        return bool(losses) and bool(trial.should_prune())

    def tell(self, number: int, state: Ended, found: Sequence[float] = (), why: str = "") -> None:
        """Note how a trial ended."""
        states = self._optuna.trial.TrialState
        ended = {"done": states.COMPLETE, "pruned": states.PRUNED, "failed": states.FAIL}[state]
        if why:
            trial_id = self._study.get_trials(deepcopy=False)[number]._trial_id
            self._study._storage.set_trial_user_attr(trial_id, _WHY, why)
        self._study.tell(number, list(found) if state == "done" else None, state=ended)

    def front(self) -> list[int]:
        """Numbers of the trials that no other one beats in everything, best first by the first objective."""
        up = self._search.objectives[0].way == "maximize"
        best = sorted(self._study.best_trials, key=lambda trial: ((-1) ** up * trial.values[0], trial.number))
        return [trial.number for trial in best][: 1 if len(self._search.objectives) == 1 else None]

    def weight_of_keys(self) -> dict[str, float]:
        """How much of the first objective's variance each key explains (fANOVA); {} where too few trials are done."""
        done = [trial for trial in self.tried() if trial.state == "done"]
        if len(done) < _TELLING or len(self._domains) < 2 or len({trial.found[0] for trial in done}) < 2:
            return {}
        sign = 1.0 if self._search.objectives[0].way == "minimize" else -1.0  # it looks for what makes a figure small
        with _quiet():
            evaluator = self._optuna.importance.PedAnovaImportanceEvaluator()
            found = self._optuna.importance.get_param_importances(
                self._study, evaluator=evaluator, target=lambda trial: sign * trial.values[0]
            )
        return {key: float(value) for key, value in found.items()}

    def _draw(self, trial: optuna.trial.Trial, key: str, domain: Domain) -> Any:
        if self._search.sampler == "grid" or domain.kind == "choice":
            return trial.suggest_categorical(key, [self._told(key, value) for value in domain.grid()])
        assert domain.low is not None
        assert domain.high is not None
        if domain.kind == "int":
            return trial.suggest_int(key, int(domain.low), int(domain.high), step=int(domain.step or 1), log=domain.log)
        return trial.suggest_float(key, domain.low, domain.high, step=domain.step, log=domain.log)

    def _told(self, key: str, value: Value) -> str | int | float | bool:
        """A value as Optuna is told it: lists and mappings by their text."""
        if self._domains[key].kind == "choice" and not all(_is_plain(item) for item in self._domains[key].values):
            return one_line(value)
        assert isinstance(value, str | int | float)
        return value

    def _meant(self, key: str, drawn: Any) -> Value:
        """The value that Optuna was told."""
        values = self._domains[key].values if key in self._domains else []
        return next((value for value in values if self._told(key, value) == drawn), drawn)

    @property
    def _points(self) -> int:
        """How many points a grid has."""
        return prod(len(domain.grid()) for domain in self._domains.values())

    def _grid(self) -> Iterator[tuple[Value, ...]]:
        return product(*(domain.grid() for domain in self._domains.values()))

    def _sampler(self, number: int) -> Any:
        samplers = self._optuna.samplers
        seed = int(digest_value([self._search.seed, number])[:8], 16) >> 1
        if self._search.sampler != "tpe":
            return samplers.RandomSampler(seed=seed)
        first = min(10, max(3, self._search.num_trials // 3))
        return samplers.TPESampler(seed=seed, multivariate=True, n_startup_trials=first)


@contextmanager
def _quiet() -> Iterator[None]:
    """Optuna warns of its own parts that may still change; the version is pinned."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _is_plain(value: Value) -> bool:
    return isinstance(value, str | int | float | bool)


def _optuna() -> Any:
    """Optuna, without its own log lines.

    Raises: MissingExtraError when it is not installed.
    """
    try:
        import optuna
    except ImportError:
        raise MissingExtraError("imbik search needs Optuna", next="pip install 'imbik[search]'") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna
