"""Balance: no class or category may drown the others; what is too much of one is left out, and the reason says so.

Enters: all samples. Leaves: verdicts for training rows left out: of each class those stay that come first by a hash of
their ids, which is a fair draw and the same in every run; first answers of all tasks before second ones. Rows of
held-out sets are never left out, nor are rows without a class. Put it last: what other checks reject is not counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Literal

from pydantic import Field, model_validator

from imbik.core.plugins import PluginSettings
from imbik.core.types import LabelReference, Sample, Verdict
from imbik.refine.checks import CheckContext

By = Literal["class", "category", "language", "teacher", "source"]


class Balance:
    """Keeps so many of each class."""

    class Settings(PluginSettings):
        """At least one of `most` and `times` has to be set."""

        by: By = Field("class", description="what is balanced: the known label, or one of the task's marks")
        most: int = Field(0, ge=0, description="most samples of one class (0: no bound)")
        times: float = Field(0, ge=0, description="most samples of one class, in times the rarest one's (0: no bound)")
        fewest: int = Field(1, ge=1, description="classes of fewer samples do not count as the rarest one")

        @model_validator(mode="after")
        def _bounded(self) -> Balance.Settings:
            if not (self.most or self.times):
                raise ValueError("set `most` (samples of a class) or `times` (the rarest class)")
            if self.times and self.times < 1:
                raise ValueError("`times` is 1 or more: no class can be smaller than the rarest")
            return self

    version = 1
    scope = "all"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def sketch(self, samples: Sequence[Sample], context: CheckContext) -> dict[str, list[tuple[int, bytes, str]]]:
        """By class what decides who stays: answers of the task before it, a hash, the sample's id."""
        held_out = _held_out(context)
        found: dict[str, list[tuple[int, bytes, str]]] = {}
        for sample in samples:
            if sample.task.id not in held_out and (name := _class(sample, self.settings.by)):
                drawn = blake2b(sample.id.encode(errors="surrogatepass"), digest_size=8).digest()
                found.setdefault(name, []).append((sample.number, drawn, sample.id))
        return found

    def merge(
        self, sketches: Iterable[dict[str, list[tuple[int, bytes, str]]]]
    ) -> dict[str, list[tuple[int, bytes, str]]]:
        """All classes of all blocks."""
        whole: dict[str, list[tuple[int, bytes, str]]] = {}
        for part in sketches:
            for name, rows in part.items():
                whole.setdefault(name, []).extend(rows)
        return whole

    def decide(
        self,
        sketch: dict[str, list[tuple[int, bytes, str]]],
        context: CheckContext,  # noqa: ARG002 - the contract
    ) -> dict[str, Verdict]:
        """Verdicts of what is left out, with the numbers."""
        counts = Counter({name: len(rows) for name, rows in sketch.items()})
        most, why = self._most(counts)
        verdicts = {}
        for name, rows in sketch.items():
            for _, _, sample in sorted(rows)[most:]:
                reason = f"{self.settings.by} '{name:.60}' has {len(rows)} samples, and balance keeps {most}{why}"
                verdicts[sample] = Verdict(by="balance", keep=False, reason=reason)
        return verdicts

    def _most(self, counts: Counter[str]) -> tuple[int, str]:
        """How many of a class stay, and why."""
        settings = self.settings
        bounds = [(settings.most, " of each")] if settings.most else []
        enough = {name: count for name, count in counts.items() if count >= settings.fewest}
        if settings.times and enough:
            rarest = min(enough, key=lambda name: (enough[name], name))
            told = f" ({settings.times:g} times the rarest, '{rarest:.60}' with {enough[rarest]})"
            bounds.append((int(settings.times * enough[rarest]), told))
        return min(bounds, default=(max(counts.values(), default=0), ""))


def _held_out(context: CheckContext) -> frozenset[str]:
    """Ids of held-out tasks; made once in a process for each state of the run."""
    if not _ids or _ids[0][0] is not context.held_out:
        _ids[:] = [(context.held_out, frozenset(task.id for tasks in context.held_out.values() for task in tasks))]
    return _ids[0][1]


_ids: list[tuple[object, frozenset[str]]] = []


def _class(sample: Sample, by: By) -> str:
    """The class of a sample, '' for none."""
    task = sample.task
    if by == "class":
        return task.reference.text if isinstance(task.reference, LabelReference) else ""
    if by == "source":
        return task.source.file if task.source else ""
    return sample.teacher if by == "teacher" else str(getattr(task, by))
