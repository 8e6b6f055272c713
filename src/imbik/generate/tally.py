"""What came of the asking: books that balance, warnings worth a line, and errors where nothing was answered.

Enters: every sample as it is written. Leaves: counts by outcome with a telling reason for each.
"""

from __future__ import annotations

from collections import Counter

from imbik.core.errors import BlockedError, ImbikError
from imbik.core.types import Books, Outcome, Sample, Sensitivity
from imbik.recipe import Recipe

_MANY = 0.5
_ADVICE = {
    Outcome.TRUNCATED: "raise generate.max_tokens (only the truncated rows are asked again)",
    Outcome.REFUSED: "look at them with `imbik show RUN generate`; another instruction or teacher may do better",
    Outcome.FILTERED: "the provider's filter stopped them; another teacher may do better",
    Outcome.MALFORMED: "look at them with `imbik show RUN generate`",
    Outcome.FAILED: "run again with --from generate to ask those rows once more",
    Outcome.BLOCKED: "see `imbik privacy`; afterwards run again with --from generate",
    Outcome.PENDING: "run the same command again",
}
SENSITIVITY_ADVICE = (
    "where these rows hold nothing private, set `tasks.sensitivity: public` (it means: any teacher may read them, and "
    "the student may be given to anybody); otherwise name a teacher that runs here, or have the operator's file allow "
    "this one"
)


class Tally:
    """Counts samples by outcome."""

    def __init__(self) -> None:
        self.outcomes: Counter[Outcome] = Counter()
        self.reasons: Counter[tuple[Outcome, str]] = Counter()
        self.unread = 0
        self.sensitivity = Sensitivity.PUBLIC

    def add(self, sample: Sample) -> Sample:
        """Count one sample and hand it on."""
        outcome = sample.completion.outcome
        self.outcomes[outcome] += 1
        if outcome is not Outcome.ANSWERED:
            self.reasons[outcome, sample.completion.reason[:200]] += 1
        elif not sample.answer:
            self.unread += 1
        self.sensitivity = max(self.sensitivity, sample.sensitivity, key=lambda level: level.rank)
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

    def refuse_nothing(self, where: str) -> None:
        """Raise where no sample was answered.

        Raises: BlockedError when the privacy gate held every row back, else ImbikError with the commonest reason.
        """
        if self.outcomes[Outcome.ANSWERED]:
            return
        if not self.total:
            raise ImbikError(
                "there is no training task to ask", where=where, next="`imbik show RUN tasks` shows the splits"
            )
        if self.outcomes[Outcome.BLOCKED] == self.total:
            raise BlockedError(
                f"all {self.total} rows were held back: {self._reason(Outcome.BLOCKED)}",
                where="tasks.sensitivity",
                next=SENSITIVITY_ADVICE,
            )
        worst = self.outcomes.most_common(1)[0][0]
        counts = ", ".join(f"{count} {outcome.value}" for outcome, count in self.outcomes.most_common())
        raise ImbikError(
            f"none of {self.total} questions was answered ({counts}); most often: {self._reason(worst)}",
            where=where,
            next=_ADVICE[worst],
        )

    def warnings(self, recipe: Recipe, recorded: bool) -> list[str]:
        """One line for each thing a person should know."""
        found = []
        for outcome, count in self.outcomes.most_common():
            if outcome is Outcome.ANSWERED:
                continue
            much = "more than half: " if count > _MANY * self.total else ""
            reason = self._reason(outcome)
            found.append(f"{much}{count} of {self.total} ended {outcome.value} ({reason}); {_ADVICE[outcome]}")
        if self.unread > _MANY * self.outcomes[Outcome.ANSWERED]:
            found.append(
                f"no final answer was found in {self.unread} of {self.outcomes[Outcome.ANSWERED]} answers; does the "
                "teacher follow the instruction? (generate.instruction replaces it)"
            )
        generate = recipe.generate
        if generate.source == "teacher" and not recorded and generate.samples.max > 1 and not generate.temperature:
            found.append("several samples at temperature 0 are the same answer again; set generate.temperature: 0.7")
        return found

    def _reason(self, outcome: Outcome) -> str:
        """The commonest reason of an outcome."""
        reasons = [(count, reason) for (found, reason), count in self.reasons.items() if found is outcome]
        return max(reasons)[1] or "no reason given" if reasons else "no reason given"
