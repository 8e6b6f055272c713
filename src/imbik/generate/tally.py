"""What came of the asking: books that balance, warnings worth a line, and errors where nothing was answered.

Enters: every sample as it is written. Leaves: counts by outcome with a telling reason for each.
"""

from __future__ import annotations

from collections import Counter
from textwrap import shorten

from imbik.core.errors import BlockedError, ImbikError
from imbik.core.results import Books
from imbik.core.types import Outcome, Sample, Sensitivity
from imbik.privacy.sensitivity import inherited
from imbik.recipe import Recipe

_MANY = 0.5
_ADVICE = {
    Outcome.TRUNCATED: "raise generate.max_tokens or generate.longer (only the truncated rows are asked again)",
    Outcome.REFUSED: "look at them with `imbik show {run} generate`; another instruction or teacher may do better",
    Outcome.FILTERED: "the provider's filter stopped them; another teacher may do better",
    Outcome.MALFORMED: "look at them with `imbik show {run} generate`",
    Outcome.FAILED: "run again with --from generate to ask those rows once more",
    Outcome.PENDING: "run the same command again",
}
_SENSITIVITY_ADVICE = (
    "where these rows hold nothing private, set `tasks.sensitivity: public` (it means: any teacher may read them, and "
    "the student may be given to anybody); otherwise name a teacher that runs here, or have the operator's file allow "
    "this one"
)
_LOCAL_ADVICE = (
    "let a teacher that runs here (in_process, run) answer such rows: generate.teacher: {public: A, otherwise: B}; or "
    "have the operator's file allow this one"
)
_RAISED_ADVICE = (
    "where what was found is harmless, two people may say so (imbik privacy declassify); or clean the rows "
    "(privacy.clean, where the operator's accepts_cleaned allows it)"
)
_LONGEST_REASON = 200


def _advice(outcome: Outcome, reason: str, run: str) -> str:
    """What helps: asking again where a second try may end otherwise, and else a change of what was refused."""
    if outcome is Outcome.FAILED and not reason.startswith("failed after"):
        return f"mend what that names (a setting of the teacher, the row itself); then {_ADVICE[outcome]}"
    return _ADVICE[outcome].format(run=run)


def held_back_advice(recipe: Recipe) -> str:
    """What opens the way for rows that the gate held back; rows that a column marks are not all alike, and those of a
    recipe that calls all of them public were raised by what the detectors found."""
    if recipe.tasks.level is Sensitivity.PUBLIC:
        return f"{_RAISED_ADVICE}; or {_LOCAL_ADVICE}"
    return _SENSITIVITY_ADVICE if recipe.tasks.level else _LOCAL_ADVICE


class Tally:
    """Counts samples by outcome, and those held back by the sensitivity of their rows."""

    def __init__(self, run: str) -> None:
        """`run` is the run as a person types it."""
        self._run = run
        self.outcomes: Counter[Outcome] = Counter()
        self.reasons: Counter[tuple[Outcome, str]] = Counter()
        self.held_back: Counter[Sensitivity] = Counter()
        self.unread = 0
        self.sensitivity = Sensitivity.PUBLIC

    def add(self, sample: Sample) -> Sample:
        """Count one sample and hand it on."""
        outcome = sample.completion.outcome
        self.outcomes[outcome] += 1
        if outcome is not Outcome.ANSWERED:
            blocked, reason = outcome is Outcome.BLOCKED, sample.completion.reason
            self.reasons[outcome, reason if blocked else shorten(reason, _LONGEST_REASON, placeholder=" …")] += 1
            self.held_back[sample.task.sensitivity] += blocked
        elif not sample.answer:
            self.unread += 1
        self.sensitivity = inherited(self.sensitivity, sample.sensitivity)
        return sample

    @property
    def total(self) -> int:
        """All samples."""
        return self.outcomes.total()

    def books(self) -> Books:
        """Answered samples go on; pending ones are to come; all others failed."""
        answered, pending = self.outcomes[Outcome.ANSWERED], self.outcomes[Outcome.PENDING]
        return Books(
            rows_in=self.total, rows_out=answered, failed=self.total - answered - pending, pending=pending,
            reasons={found.value: count for found, count in self.outcomes.items() if found is not Outcome.ANSWERED},
        )  # fmt: skip

    def refuse_nothing(self, recipe: Recipe, where: str) -> None:
        """Raise where no sample was answered.

        Raises: BlockedError when the privacy gate held every row back, else ImbikError with the commonest reason.
        """
        if self.outcomes[Outcome.ANSWERED]:
            return
        if not self.total:
            raise ImbikError(
                "there is no training task to ask",
                where=where,
                next=f"`imbik show {self._run} tasks` shows the splits",
            )
        if self.outcomes[Outcome.BLOCKED] == self.total:
            raise BlockedError(
                f"all {self.total} rows were held back: {self._reason(Outcome.BLOCKED)}",
                where="tasks.sensitivity",
                next=held_back_advice(recipe),
            )
        worst = next(outcome for outcome, _ in self.outcomes.most_common() if outcome is not Outcome.BLOCKED)
        counts = ", ".join(f"{count} {outcome.value}" for outcome, count in self.outcomes.most_common())
        raise ImbikError(
            f"none of {self.total} questions was answered ({counts}); most often: {self._reason(worst)}",
            where=where,
            next=_advice(worst, self._reason(worst), self._run),
        )

    def warnings(self, recipe: Recipe, recorded: bool) -> list[str]:
        """One line for each thing a person should know."""
        found = []
        for outcome, count in self.outcomes.most_common():
            if outcome is Outcome.ANSWERED:
                continue
            much = "more than half: " if count > _MANY * self.total else ""
            if outcome is Outcome.BLOCKED:
                found.append(f"{much}{self._held_back(recipe)}")
                continue
            reason = self._reason(outcome)
            advice = _advice(outcome, reason, self._run)
            found.append(f"{much}{count} of {self.total} ended {outcome.value} ({reason}); {advice}")
        if self.unread > _MANY * self.outcomes[Outcome.ANSWERED]:
            found.append(
                f"no final answer was found in {self.unread} of {self.outcomes[Outcome.ANSWERED]} answers; does the "
                "teacher follow the instruction? (generate.instruction replaces it)"
            )
        generate = recipe.generate
        if generate.source == "teacher" and not recorded and generate.samples.max > 1 and not generate.temperature:
            found.append("several samples at temperature 0 are the same answer again; set generate.temperature: 0.7")
        return found

    def _held_back(self, recipe: Recipe) -> str:
        """How many were held back, of which sensitivity and why, and what opens the way."""
        levels = ", ".join(f"{count} {level.value}" for level, count in self.held_back.most_common() if count)
        marked = "" if recipe.tasks.level else f" by column '{recipe.tasks.sensitivity}'"
        reason = self._reason(Outcome.BLOCKED).partition(". ")[0]
        return (
            f"{self.outcomes[Outcome.BLOCKED]} of {self.total} were held back ({levels}{marked}): {reason}; to have "
            f"them answered, {held_back_advice(recipe)}; then run again with --from generate"
        )

    def _reason(self, outcome: Outcome) -> str:
        """The commonest reason of an outcome."""
        reasons = [(count, reason) for (found, reason), count in self.reasons.items() if found is outcome]
        return max(reasons)[1] or "no reason given" if reasons else "no reason given"
