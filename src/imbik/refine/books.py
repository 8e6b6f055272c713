"""What became of the samples, counted: for the books of the stage, its warnings, and `imbik show RUN refine`.

Enters: every sample as it is kept or turned away for good. Leaves: books, warnings, and `checks.json`: for each check
how many samples it kept, rejected and crashed on, what it edited and how its questions ended. Counts only, no row's
words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

from imbik.core.errors import ImbikError
from imbik.core.files import read_json, write_json
from imbik.core.results import Books
from imbik.core.types import Outcome, Record, Sample, Sensitivity
from imbik.judge.voting import LOW
from imbik.privacy.sensitivity import inherited
from imbik.refine.asking import Ended
from imbik.refine.named import NamedCheck
from imbik.refine.passes import Crashes

FILE = "checks.json"


class CheckCount(Record, frozen=True, kw_only=True):
    """One check: `edits` by what was changed, `asked` by `TEACHER OUTCOME`."""

    name: str
    scope: str
    kept: int = 0
    rejected: int = 0
    crashed: int = 0
    edits: dict[str, int] = {}
    asked: dict[str, int] = {}


class Repaired(Record, frozen=True, kw_only=True):
    """What asking again came to: rejected samples that could be repaired, new answers, and those of them kept."""

    asked: int = 0
    answered: int = 0
    kept: int = 0


class Counted(Record, frozen=True, kw_only=True):
    """`checks.json`."""

    checks: tuple[CheckCount, ...]
    repaired: Repaired | None = None


@dataclass
class Tally:
    """All counts of one refining; `run` is the run as typed, `validation` are the ids of held-out tasks."""

    where: str
    run: str
    validation: Set[str]
    crashes: Crashes = field(default_factory=Crashes)
    outcomes: Counter[str] = field(default_factory=Counter)
    kept_by: Counter[str] = field(default_factory=Counter)
    rejected_by: Counter[str] = field(default_factory=Counter)
    edits: Counter[tuple[str, str]] = field(default_factory=Counter)
    ended: dict[str, Ended] = field(default_factory=dict)
    low: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    pending: int = 0
    kept_training: int = 0
    kept_validation: int = 0
    repairs_asked: int = 0
    repairs_answered: int = 0
    repairs_kept: int = 0
    sensitivity: Sensitivity = Sensitivity.PUBLIC

    def keep(self, sample: Sample) -> None:
        """A sample that goes on."""
        self.kept_by.update(verdict.by for verdict in sample.verdicts)
        self.low.update(verdict.by for verdict in sample.verdicts if verdict.reason.startswith(LOW))
        self.sensitivity = inherited(self.sensitivity, sample.sensitivity)
        training = sample.task.id not in self.validation
        self.kept_training += training
        self.kept_validation += not training
        self.repairs_kept += bool(sample.repairs)

    def reject(self, sample: Sample) -> None:
        """A sample that its last verdict turns away."""
        self.kept_by.update(verdict.by for verdict in sample.verdicts[:-1])
        self.rejected_by[sample.verdicts[-1].by] += 1

    def counted(self, checks: Sequence[NamedCheck], repairs: bool) -> Counted:
        """What `checks.json` holds."""
        repaired = Repaired(asked=self.repairs_asked, answered=self.repairs_answered, kept=self.repairs_kept)
        return Counted(checks=tuple(map(self._count, checks)), repaired=repaired if repairs else None)

    def _count(self, named: NamedCheck) -> CheckCount:
        ended = self.ended.get(named.name, Ended()).outcomes
        return CheckCount(
            name=named.name,
            scope=named.scope,
            kept=self.kept_by[named.name],
            rejected=self.rejected_by[named.name],
            crashed=self.crashes.crashed[named.name],
            edits={change: count for (name, change), count in sorted(self.edits.items()) if name == named.name},
            asked={f"{teacher} {outcome.value}": count for (teacher, outcome), count in sorted(ended.items())},
        )

    def books(self, kept: int) -> Books:
        """Samples in, out, and turned away.

        Raises: ImbikError when no training sample is kept, and none is pending.
        """
        outcomes = Counter(self.outcomes)
        pending = self.pending + outcomes.pop(Outcome.PENDING.value, 0)
        if not self.kept_training and not pending:
            raise ImbikError(
                f"no training sample is left: of {self.rows} samples {_told(self.rejected_by, 'rejected by')}"
                f"{', ' if self.rejected_by and outcomes else ''}{_told(outcomes, 'ended')}",
                where=self.where,
                next=f"`imbik show {self.run} refine` shows rejected rows with their reasons; loosen the check, or ask "
                "better",
            )
        return Books(
            rows_in=self.rows,
            rows_out=kept,
            rejected=self.rejected_by.total(),
            failed=outcomes.total(),
            pending=pending,
            reasons=dict(self.rejected_by + outcomes),
        )

    def warnings(self, kept: int) -> Iterator[str]:
        """What a person should know."""
        judged = kept + self.rejected_by.total()
        if kept < 0.5 * judged:
            name, count = self.rejected_by.most_common(1)[0]
            yield f"only {kept} of {judged} answered samples are kept; '{name}' rejects {count}"
        if not self.kept_validation and self.validation:
            yield "no validation sample is kept, so training cannot stop early or choose its best step"
        for name, count in self.crashes.crashed.items():
            yield f"{count} samples rejected because {self.crashes.reasons[name]}"
        for name, ended in self.ended.items():
            yield from ended.warnings(name)
        for name, count in self.low.items():
            yield f"{name}: {count} of {kept} kept answers have a low mark, which was noted and rejected nothing"
        if self.repairs_asked:
            yield (
                f"repair: {self.repairs_asked} rejected answers were put to their teacher again; "
                f"{self.repairs_answered} were answered, and {self.repairs_kept} of those are kept"
            )


def write_counts(folder: Path, counted: Counted) -> None:
    """Keep them beside the samples."""
    write_json(folder / FILE, counted)


def read_counts(folder: Path) -> Counted | None:
    """What the stage counted, where it has."""
    path = folder / FILE
    return read_json(path, Counted) if path.exists() else None


def _told(counts: Counter[str], verb: str) -> str:
    return ", ".join(f"{count} {verb} {name}" for name, count in counts.most_common())
